use bytes::Bytes;
use portcullis_core::json;

use super::envelope::{Envelope, Members, Name, Span, read_fragment};
use super::{Kind, Message, MessageError};
use crate::Id;

/// A JSON object that is known to be one: what a result, params or an error's data may be made of.
///
/// Checking a list of a thousand tools once and sending it a million times is the reason for this type.
///
/// ```
/// use portcullis_mcp_jsonrpc::{Fragment, Id, Message};
///
/// let pong = Fragment::parse(r#"{"resultType":"complete"}"#)?;
/// let reply = Message::from_result(&Id::from(1), &pong);
/// assert_eq!(reply.result(), Some(&br#"{"resultType":"complete"}"#[..]));
///
/// assert!(Fragment::parse(r#"{"a":1,"a":2}"#).is_err());
/// assert!(Fragment::parse("[]").is_err());
/// # Ok::<(), portcullis_mcp_jsonrpc::MessageError>(())
/// ```
#[derive(Clone)]
pub struct Fragment {
    text: Bytes,
    members: Members,
}

impl Fragment {
    /// Checks the text by the rules of [`Message`]. Whitespace around it is left out.
    ///
    /// # Errors
    ///
    /// Text that is not one JSON object, or one that two parsers could read differently.
    pub fn parse(text: impl Into<Bytes>) -> Result<Self, MessageError> {
        let text = trim(text.into());
        let members = read_fragment(&text)?;
        Ok(Self { text, members })
    }

    /// An empty object.
    #[must_use]
    pub fn empty() -> Self {
        Self { text: Bytes::from_static(b"{}"), members: Members::default() }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &Bytes {
        &self.text
    }
}

/// Without the whitespace around it: a part of a message reaches from brace to brace.
fn trim(text: Bytes) -> Bytes {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let start = text.iter().position(is_text).unwrap_or(text.len());
    let end = text.iter().rposition(is_text).map_or(start, |last| last + 1);
    text.slice(start..end)
}

impl std::fmt::Debug for Fragment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fragment").field("bytes", &self.text.len()).finish()
    }
}

/// Where the id stands in a message that is made here.
const ID_AT: usize = r#"{"jsonrpc":"2.0","id":"#.len();

/// New messages, made of parts that are correct by type.
impl Message {
    /// A request.
    #[must_use]
    pub fn from_request(id: &Id, method: &str, params: &Fragment) -> Self {
        let head = format!(r#"{{"jsonrpc":"2.0","id":{},"method":"#, id.to_json());
        Self::with_method(Kind::Request, Some(id.clone()), head, method, params)
    }

    /// A notification.
    #[must_use]
    pub fn from_notification(method: &str, params: &Fragment) -> Self {
        let head = r#"{"jsonrpc":"2.0","method":"#.to_owned();
        Self::with_method(Kind::Notification, None, head, method, params)
    }

    /// An answer that gives the result.
    #[must_use]
    pub fn from_result(id: &Id, result: &Fragment) -> Self {
        let head = format!(r#"{{"jsonrpc":"2.0","id":{},"result":"#, id.to_json());
        Self::with_payload(Kind::Result, Some(id.clone()), Name::default(), &head, result, "}")
    }

    /// An answer that gives an error. Without an id it belongs to a message whose id could not be read.
    #[must_use]
    pub fn from_error(id: Option<&Id>, code: i64, text: &str, data: Option<&Fragment>) -> Self {
        let head = match id {
            Some(id) => format!(r#"{{"jsonrpc":"2.0","id":{},"error":"#, id.to_json()),
            None => r#"{"jsonrpc":"2.0","error":"#.to_owned(),
        };
        let mut error = format!(r#"{{"code":{code},"message":{}"#, json::quote(text)).into_bytes();
        if let Some(data) = data {
            error.extend_from_slice(br#","data":"#);
            error.extend_from_slice(&data.text);
        }
        error.push(b'}');
        let members = Members { code: Some(code), ..Members::default() };
        let error = Fragment { text: error.into(), members };
        Self::with_payload(Kind::Error, id.cloned(), Name::default(), &head, &error, "}")
    }

    fn with_method(kind: Kind, id: Option<Id>, mut head: String, method: &str, params: &Fragment) -> Self {
        let from = head.len() + 1;
        head.push_str(&json::quote(method));
        let method = Name::written(from..head.len() - 1, method);
        head.push_str(r#","params":"#);
        Self::with_payload(kind, id, method, &head, params, "}")
    }

    fn with_payload(
        kind: Kind,
        id: Option<Id>,
        method: Name,
        head: &str,
        payload: &Fragment,
        tail: &str,
    ) -> Self {
        let mut text = Vec::with_capacity(head.len() + payload.text.len() + tail.len());
        text.extend_from_slice(head.as_bytes());
        text.extend_from_slice(&payload.text);
        let span = Span::new(head.len()..text.len());
        text.extend_from_slice(tail.as_bytes());
        let members = payload.members.moved(0, head.len()).of(kind);
        let id_span = id.as_ref().map(|id| Span::new(ID_AT..ID_AT + id.to_json().len()));
        Self {
            text: text.into(),
            envelope: Envelope { kind, id, id_span, method, payload: Some(span), members },
        }
    }
}
