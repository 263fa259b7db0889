mod build;
mod envelope;
mod error;
#[cfg(test)]
mod tests;

use std::ops::Range;

use bytes::Bytes;
use portcullis_core::{BoxError, Document, json};

pub use self::build::Fragment;
use self::envelope::{Envelope, Name, Span};
pub use self::error::{Flaw, MessageError};
use crate::Id;

/// What kind of JSON-RPC message a [`Message`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Asks for an answer: has a method and an id.
    Request,
    /// Wants no answer: has a method and no id.
    Notification,
    /// Answers a request with a result.
    Result,
    /// Answers a request with an error, or tells of one that belongs to no request.
    Error,
}

/// One JSON-RPC message: the bytes from the wire, and where its parts are.
///
/// [`parse`](Self::parse) reads the whole text once, finds the envelope, and remembers *places*. Nothing is copied, and a
/// message that nobody changed leaves as the bytes that came, so unknown members and extensions pass through untouched.
///
/// # What a `Message` proves
///
/// Its text is one JSON object in valid UTF-8, nested no deeper than the limit, **without a duplicate key at any depth**
/// (also when spelled with escapes) and without lone surrogates. It says `"jsonrpc": "2.0"` and is exactly one of the four
/// [kinds](Kind). Whatever parser reads it next reads the same values from it.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use portcullis_mcp_jsonrpc::{Kind, Message};
///
/// let text = Bytes::from(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"up_echo"}}"#);
/// let mut message = Message::parse(text.clone())?;
/// assert_eq!(message.kind(), Kind::Request);
/// assert_eq!(message.method(), Some("tools/call"));
/// assert_eq!(message.name(), Some("up_echo"));
/// assert_eq!(message.text(), &text);
///
/// message.set_name("echo");
/// assert_eq!(message.params(), Some(&br#"{"name":"echo"}"#[..]));
///
/// // Two parsers could read this one differently, so nobody gets to read it.
/// assert!(Message::parse(Bytes::from(r#"{"jsonrpc":"2.0","id":1,"method":"a","\u006dethod":"b"}"#)).is_err());
/// # Ok::<(), portcullis_mcp_jsonrpc::MessageError>(())
/// ```
///
/// # Cost
///
/// One pass at parse, a gigabyte a second or better. Cloning copies about two hundred bytes and counts a reference.
#[derive(Clone)]
pub struct Message {
    text: Bytes,
    envelope: Envelope,
}

impl Message {
    /// Reads a message, nested at most [`json::MAX_DEPTH`] deep.
    ///
    /// # Errors
    ///
    /// Text that is not one well-formed JSON-RPC message. The error carries the id where one could be read, so that
    /// the sender can be told.
    pub fn parse(text: Bytes) -> Result<Self, MessageError> {
        let envelope = Envelope::read(&text)?;
        Ok(Self { text, envelope })
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &Bytes {
        &self.text
    }

    /// The whole text, without the places.
    #[must_use]
    pub fn into_text(self) -> Bytes {
        self.text
    }

    /// Request, notification, result or error.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.envelope.kind
    }

    /// Whether this is an answer: a result or an error.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        matches!(self.envelope.kind, Kind::Result | Kind::Error)
    }

    /// The id of a request, or of the request that an answer belongs to.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        self.envelope.id.as_ref()
    }

    /// The method of a request or notification.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        self.decoded(&self.envelope.method)
    }

    /// What the request is about: `params.uri` for the methods on resources, `params.name` for all others.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.decoded(self.routing_name())
    }

    /// The protocol version that the request's `_meta` declares.
    #[must_use]
    pub fn protocol_version(&self) -> Option<&str> {
        self.decoded(&self.envelope.members.version)
    }

    /// The client's capabilities, a JSON object, as the request's `_meta` declares them.
    #[must_use]
    pub fn client_capabilities(&self) -> Option<&[u8]> {
        self.slice(self.envelope.members.capabilities)
    }

    /// `params`, a JSON object.
    #[must_use]
    pub fn params(&self) -> Option<&[u8]> {
        self.slice(self.payload(&[Kind::Request, Kind::Notification]))
    }

    /// `params.arguments`, any JSON value.
    #[must_use]
    pub fn arguments(&self) -> Option<&[u8]> {
        self.slice(self.envelope.members.arguments)
    }

    /// `_meta` of the params or of the result, a JSON object.
    #[must_use]
    pub fn meta(&self) -> Option<&[u8]> {
        self.slice(self.envelope.members.meta)
    }

    /// `result`, a JSON object.
    #[must_use]
    pub fn result(&self) -> Option<&[u8]> {
        self.slice(self.payload(&[Kind::Result]))
    }

    /// `result.resultType`; none in results of earlier revisions, which count as `complete`.
    #[must_use]
    pub fn result_type(&self) -> Option<&str> {
        self.decoded(&self.envelope.members.result_type)
    }

    /// `error`, a JSON object.
    #[must_use]
    pub fn error(&self) -> Option<&[u8]> {
        self.slice(self.payload(&[Kind::Error]))
    }

    /// `error.code`.
    #[must_use]
    pub fn error_code(&self) -> Option<i64> {
        self.envelope.members.code
    }

    /// Where a part that one of the accessors returned lies in [`text`](Self::text).
    ///
    /// For splices: the accessors give slices, an edit needs places.
    #[must_use]
    pub fn range_of(&self, part: Part) -> Option<Range<usize>> {
        let span = match part {
            Part::Params => self.payload(&[Kind::Request, Kind::Notification]),
            Part::Arguments => self.envelope.members.arguments,
            Part::Meta => self.envelope.members.meta,
            Part::Result => self.payload(&[Kind::Result]),
            Part::Error => self.payload(&[Kind::Error]),
        };
        span.map(Span::range)
    }

    /// Replaces the routing name, leaving every other byte as it was.
    ///
    /// This copies the text once and reads nothing again. A message without a name stays as it is.
    pub fn set_name(&mut self, name: &str) {
        let Some(old) = self.routing_name().span() else { return };
        let (Some(before), Some(after)) = (self.text.get(..old.start()), self.text.get(old.end()..)) else {
            return;
        };
        let mut text = Vec::with_capacity(self.text.len() + name.len());
        text.extend_from_slice(before);
        json::escape_into(&mut text, name);
        let written = Name::written(old.start()..text.len(), name);
        text.extend_from_slice(after);
        let end = old.start() + text.len() - before.len() - after.len();

        self.envelope = self.envelope.moved(old.end(), end);
        self.text = text.into();
        // Last: which name it is depends on the method, which is read from the new text at its new place.
        *self.routing_name_mut() = written;
    }

    /// Replaces the id, leaving every other byte as it was, so that requests of many senders can share a channel.
    ///
    /// This copies the text once and reads nothing again. A message without an id stays as it is.
    ///
    /// ```
    /// use portcullis_mcp_jsonrpc::{Fragment, Id, Message};
    ///
    /// let mut message = Message::from_request(&Id::from(1), "tools/list", &Fragment::empty());
    /// message.set_id(&Id::from("a-7"));
    /// assert_eq!(message.text(), &r#"{"jsonrpc":"2.0","id":"a-7","method":"tools/list","params":{}}"#[..]);
    /// assert_eq!(message.params(), Some(&b"{}"[..]));
    /// ```
    pub fn set_id(&mut self, id: &Id) {
        let Some(old) = self.envelope.id_span else { return };
        let (Some(before), Some(after)) = (self.text.get(..old.start()), self.text.get(old.end()..)) else {
            return;
        };
        let written = id.to_json();
        let mut text = Vec::with_capacity(self.text.len() + written.len());
        text.extend_from_slice(before);
        text.extend_from_slice(written.as_bytes());
        let end = text.len();
        text.extend_from_slice(after);

        self.envelope = self.envelope.moved(old.end(), end);
        self.envelope.id = Some(id.clone());
        self.envelope.id_span = Some(Span::new(old.start()..end));
        self.text = text.into();
    }

    fn names_a_resource(&self) -> bool {
        self.method().is_some_and(|method| method.starts_with("resources/"))
    }

    fn routing_name(&self) -> &Name {
        if self.names_a_resource() { &self.envelope.members.uri } else { &self.envelope.members.name }
    }

    fn routing_name_mut(&mut self) -> &mut Name {
        if self.names_a_resource() { &mut self.envelope.members.uri } else { &mut self.envelope.members.name }
    }

    fn payload(&self, kinds: &[Kind]) -> Option<Span> {
        self.envelope.payload.filter(|_| kinds.contains(&self.envelope.kind))
    }

    fn slice(&self, span: Option<Span>) -> Option<&[u8]> {
        self.text.get(span?.range())
    }

    fn decoded<'a>(&'a self, name: &'a Name) -> Option<&'a str> {
        name.decoded(&self.text)
    }
}

/// A part of a message, for [`Message::range_of`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// `params`.
    Params,
    /// `params.arguments`.
    Arguments,
    /// `_meta`, of the params or of the result.
    Meta,
    /// `result`.
    Result,
    /// `error`.
    Error,
}

impl Document for Message {
    fn bytes(&self) -> &Bytes {
        &self.text
    }

    fn content(&self) -> Range<usize> {
        self.envelope.payload.map_or(0..0, Span::range)
    }

    fn rewrite(&mut self, text: Bytes) -> Result<(), BoxError> {
        let changed = Self::parse(text)?;
        if changed.kind() != self.kind() || changed.method() != self.method() || changed.id() != self.id() {
            return Err("a rewritten message must keep its kind, method and id".into());
        }
        *self = changed;
        Ok(())
    }
}

/// Shows the envelope and the size, never the content.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("kind", &self.kind())
            .field("id", &self.id())
            .field("method", &self.method())
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}
