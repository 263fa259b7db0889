//! What a request must say in its headers and its `_meta`, as a pure decision.
//!
//! Everything here follows 2026-07-28, Streamable HTTP, "Request Metadata" and Base Protocol, "Per-request protocol
//! fields". The order matters: a client that speaks an older revision is told so before it is told which field of a
//! newer one it forgot.

#[cfg(test)]
mod tests;

use http::{HeaderMap, HeaderName};
use portcullis_core::json;

use crate::{Fragment, Id, Kind, Message, code, header};

/// The one revision that the codec speaks.
pub const PROTOCOL_VERSION: &str = "2026-07-28";

/// The methods whose `Mcp-Name` must be there and must match.
pub(crate) const NAMED: [&str; 3] = ["tools/call", "prompts/get", "resources/read"];

/// A rule that a message broke, and how to say so.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) code: i64,
    pub(crate) text: String,
    pub(crate) data: Option<String>,
}

impl Violation {
    fn new(code: i64, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), data: None }
    }

    /// The answer to a request that broke the rule.
    pub(crate) fn to_message(&self, id: Option<&Id>) -> Message {
        let data = self.data.as_ref().and_then(|data| Fragment::parse(data.clone()).ok());
        Message::from_error(id, self.code, &self.text, data.as_ref())
    }

    fn mismatch(text: impl std::fmt::Display) -> Self {
        Self::new(code::HEADER_MISMATCH, format!("Header mismatch: {text}"))
    }

    fn unsupported(requested: &str) -> Self {
        // A version is ten characters long; nobody needs to read back more of something else.
        let requested: String = requested.chars().take(64).collect();
        let data =
            format!(r#"{{"supported":["{PROTOCOL_VERSION}"],"requested":{}}}"#, json::quote(&requested));
        let text = format!("Unsupported protocol version; this server speaks {PROTOCOL_VERSION}");
        Self { code: code::UNSUPPORTED_VERSION, text, data: Some(data) }
    }
}

/// Holds a message against the headers it came with.
pub(crate) fn check(message: &Message, headers: &HeaderMap) -> Result<(), Violation> {
    match message.kind() {
        Kind::Request => {
            check_version(message, headers)?;
            check_method(message, headers)?;
            check_name(message, headers)
        }
        // The revision defines no headers for notifications; one that is there must still tell the truth.
        Kind::Notification => match headers.contains_key(header::MCP_METHOD) {
            true => check_method(message, headers),
            false => Ok(()),
        },
        Kind::Result | Kind::Error => {
            Err(Violation::new(code::INVALID_REQUEST, "A client must not send responses"))
        }
    }
}

fn check_version(message: &Message, headers: &HeaderMap) -> Result<(), Violation> {
    let in_header = value(headers, header::MCP_PROTOCOL_VERSION)?;
    let in_meta = message.protocol_version();
    match (in_header, in_meta) {
        // Whoever opens with `initialize` and knows nothing of `_meta` can only be told what is spoken here.
        (_, None) if message.method() == Some("initialize") => {
            let requested = message.params().and_then(requested_version).unwrap_or_default();
            return Err(Violation::unsupported(&requested));
        }
        (Some(version), None) if version != PROTOCOL_VERSION => return Err(Violation::unsupported(version)),
        (None, _) => return Err(Violation::mismatch("the MCP-Protocol-Version header is missing")),
        (_, None) => {
            return Err(Violation::new(
                code::INVALID_PARAMS,
                "Invalid params: _meta lacks io.modelcontextprotocol/protocolVersion",
            ));
        }
        (Some(header), Some(meta)) if header != meta => {
            return Err(Violation::mismatch("MCP-Protocol-Version differs from the version in _meta"));
        }
        (Some(version), Some(_)) if version != PROTOCOL_VERSION => {
            return Err(Violation::unsupported(version));
        }
        (Some(_), Some(_)) => {}
    }
    check_capabilities(message)
}

fn check_capabilities(message: &Message) -> Result<(), Violation> {
    match message.client_capabilities() {
        Some(_) => Ok(()),
        None => Err(Violation::new(
            code::INVALID_PARAMS,
            "Invalid params: _meta lacks io.modelcontextprotocol/clientCapabilities",
        )),
    }
}

/// Holds a message that came without headers, over stdio, against the rules for its `_meta`.
///
/// ```
/// use portcullis_mcp_jsonrpc::{Fragment, Id, Message, check_meta, code};
///
/// let bare = Message::from_request(&Id::from(1), "tools/list", &Fragment::empty());
/// assert_eq!(check_meta(&bare).unwrap_err().error_code(), Some(code::INVALID_PARAMS));
/// ```
///
/// # Errors
///
/// The answer to send instead of passing the message on.
pub fn check_meta(message: &Message) -> Result<(), Box<Message>> {
    let checked = match (message.kind(), message.protocol_version()) {
        (Kind::Notification, _) => Ok(()),
        (Kind::Result | Kind::Error, _) => {
            Err(Violation::new(code::INVALID_REQUEST, "A client must not send responses"))
        }
        (Kind::Request, None) => Err(Violation::new(
            code::INVALID_PARAMS,
            "Invalid params: _meta lacks io.modelcontextprotocol/protocolVersion",
        )),
        (Kind::Request, Some(PROTOCOL_VERSION)) => check_capabilities(message),
        (Kind::Request, Some(other)) => Err(Violation::unsupported(other)),
    };
    checked
        .and_then(|()| check_named(message))
        .map_err(|violation| Box::new(violation.to_message(message.id())))
}

fn check_named(message: &Message) -> Result<(), Violation> {
    let is_named =
        message.kind() == Kind::Request && message.method().is_some_and(|method| NAMED.contains(&method));
    match is_named && message.name().is_none() {
        false => Ok(()),
        true => Err(Violation::new(
            code::INVALID_PARAMS,
            "Invalid params: the name or URI is missing, or is not a string",
        )),
    }
}

fn requested_version(params: &[u8]) -> Option<String> {
    let range = json::find(params, &["protocolVersion"]).ok()??;
    json::from_slice(params.get(range)?).ok()
}

fn check_method(message: &Message, headers: &HeaderMap) -> Result<(), Violation> {
    match value(headers, header::MCP_METHOD)? {
        None => Err(Violation::mismatch("the Mcp-Method header is missing")),
        method if method == message.method() => Ok(()),
        Some(_) => Err(Violation::mismatch("Mcp-Method differs from the method in the body")),
    }
}

fn check_name(message: &Message, headers: &HeaderMap) -> Result<(), Violation> {
    check_named(message)?;
    let required = message.method().is_some_and(|method| NAMED.contains(&method));
    let in_body = message.name();
    let in_header = header::only(headers, &header::MCP_NAME)
        .map_err(|_| Violation::mismatch("Mcp-Name is there more than once"))?
        .map(header::decode_value)
        .transpose()
        .map_err(|_| Violation::mismatch("Mcp-Name holds invalid characters or an invalid encoding"))?;
    match (in_header, in_body) {
        (None, _) if required => Err(Violation::mismatch("the Mcp-Name header is missing")),
        (Some(header), Some(body)) if header != body => {
            Err(Violation::mismatch("Mcp-Name differs from the name in the body"))
        }
        // A header without a name in the body belongs to a method of an extension, which alone knows its source.
        _ => Ok(()),
    }
}

/// The only value of a header that is plain text.
fn value(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Violation> {
    header::only(headers, &name)
        .map_err(|_| Violation::mismatch(format_args!("{name} is there more than once")))?
        .map(http::HeaderValue::to_str)
        .transpose()
        .map_err(|_| Violation::mismatch(format_args!("{name} holds invalid characters")))
}
