//! The HTTP headers of MCP: their names, and how to read and write their values so that nobody reads them otherwise.
//!
//! From revision 2026-07-28 on, a client repeats parts of the JSON-RPC body in headers, so that what stands in
//! between can route without reading bodies. Whoever does read the body must compare: a load balancer that believes
//! the header and a server that believes the body would otherwise work on two different requests. So everything
//! here is strict: a header that is sent twice, or holds what could be decoded in two ways, is refused.
//!
//! * [`only`]: the value of a header that must not be repeated
//! * [`encode_value`], [`decode_value`]: text in `Mcp-Name` and `Mcp-Param-*`
//! * [`HeaderParams`]: the arguments a tool wants mirrored (`x-mcp-header`)
//! * [`Accept`], [`is_json`], [`is_event_stream`]: what a client takes, and what a body is
//!
//! ```
//! use http::{HeaderMap, HeaderValue};
//! use portcullis_mcp_jsonrpc::header::{self, decode_value, encode_value};
//!
//! let mut headers = HeaderMap::new();
//! headers.insert(header::MCP_METHOD, HeaderValue::from_static("tools/call"));
//! headers.insert(header::MCP_NAME, encode_value("größe"));
//! assert_eq!(headers[header::MCP_NAME], "=?base64?Z3LDtsOfZQ==?=");
//!
//! let name = header::only(&headers, &header::MCP_NAME)?.unwrap();
//! assert_eq!(decode_value(name)?, "größe");
//!
//! headers.append(header::MCP_METHOD, HeaderValue::from_static("tools/list"));
//! assert!(header::only(&headers, &header::MCP_METHOD).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod media;
mod params;
mod single;
mod value;

use http::HeaderName;

pub use self::media::{Accept, accepts, is_event_stream, is_json};
pub use self::params::{
    HeaderMismatch, HeaderParams, InvalidHeaderParams, MAX_HEADER_PARAMS, UnfitArguments,
};
pub use self::single::{RepeatedHeader, only};
pub use self::value::{InvalidHeaderValue, decode_value, encode_value};

/// `MCP-Protocol-Version`: the revision the client speaks; equals the one in the body's `_meta`.
pub const MCP_PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// `Mcp-Method`: the body's `method`. Never encoded.
pub const MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");

/// `Mcp-Name`: the body's `params.name` or `params.uri`; read it with [`decode_value`].
pub const MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");

/// What the headers that mirror arguments start with (`Mcp-Param-Region`), in the lower case of [`HeaderName`].
pub const MCP_PARAM_PREFIX: &str = "mcp-param-";

/// `Mcp-Session-Id`, of the revisions before 2026-07-28. Later servers ignore it.
pub const MCP_SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// `Last-Event-ID`, with which clients of revisions before 2026-07-28 resume a stream. Later servers ignore it.
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// `X-Accel-Buffering`: set to `no` on event streams, it keeps proxies such as nginx from holding events back.
pub const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
