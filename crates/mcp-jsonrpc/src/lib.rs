//! The codec between HTTP and MCP messages: a pair of `tower` layers, and the types that travel between them.
//!
//! [`DecodeLayer`] lets in what the Streamable HTTP page of MCP 2026-07-28 allows and refuses the rest: wrong methods and
//! media types, foreign hosts and origins, bodies over a limit, JSON that two parsers could read differently, headers that
//! say something else than the body. [`EncodeLayer`] lets out what answers the call and refuses the rest.
//!
//! ```
//! use portcullis_mcp_jsonrpc::{Call, DecodeLayer, EncodeLayer};
//! use tower::{Service, ServiceBuilder};
//!
//! # fn stack<S>(existing_mcp_service: S)
//! # where
//! #     S: Service<http::Request<portcullis_core::Body>, Response = http::Response<portcullis_core::Body>> + Clone + Send + 'static,
//! #     S::Error: Into<portcullis_core::BoxError>,
//! #     S::Future: Send + 'static,
//! # {
//! let governed = ServiceBuilder::new()
//!     .layer(DecodeLayer::new()) // HTTP -> messages
//!     .map_request(|call: Call| {
//!         println!("{} {}", call.method(), call.name().unwrap_or_default());
//!         call
//!     })
//!     .layer(EncodeLayer::new()) // messages -> HTTP
//!     .service(existing_mcp_service);
//! # let _ = tower::util::BoxCloneService::new(governed.clone());
//! # tower::util::ServiceExt::<http::Request<portcullis_core::Body>>::oneshot(governed, http::Request::default());
//! # }
//! ```
//!
//! # The types in between
//!
//! | type | what it is |
//! |---|---|
//! | [`Message`] | one JSON-RPC message: its bytes, and where its parts lie |
//! | [`Call`] | a message from a client, with the HTTP head and what layers attached |
//! | [`Reply`] | the answer: a stream of messages that ends |
//! | [`ReplyTo`] | what is needed to answer a call that was passed on |
//! | [`Failure`] | what broke; a refusal is an answer, not a failure |
//! | [`Fragment`] | a JSON object that was checked once, to build messages from |
//!
//! A message that nobody changes leaves as the very bytes that came.
//!
//! # What it trusts and cannot see
//!
//! The codec authenticates nobody; it trusts a layer outside to have done so. It knows no tool's schema, so it passes
//! `Mcp-Param-*` headers on and leaves their check to whoever knows the tool ([`header::HeaderParams`]). It does not know
//! which methods exist.
//!
//! # Its place in a stack
//!
//! Outside of [`DecodeLayer`]: TLS, authentication, rate limits per connection. Inside: everything that looks at messages.
//! [`EncodeLayer`] is the innermost layer there is.
//!
//! # What it costs
//!
//! A request's body is held whole, up to a limit; of a reply, one message. A JSON body that arrives in one piece is not
//! copied, one that arrives in many is copied once. Two boxes per call for the futures of the two layers, one for a
//! streamed reply.
//!
//! # Features
//!
//! None.

mod call;
pub mod code;
mod collect;
mod decode;
mod encode;
mod failure;
pub mod guard;
pub mod header;
mod id;
mod message;
mod reply;
mod rules;
pub mod sse;

pub use call::Call;
pub use decode::{Decode, DecodeFuture, DecodeLayer};
pub use encode::{Encode, EncodeFuture, EncodeLayer};
pub use failure::{Failure, FailureKind};
pub use id::Id;
pub use message::{Flaw, Fragment, Kind, Message, MessageError, Part};
pub use reply::{Reply, ReplyTo};
pub use rules::PROTOCOL_VERSION;
