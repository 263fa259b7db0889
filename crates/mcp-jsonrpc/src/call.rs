use std::ops::Range;

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, HeaderMap};
use portcullis_core::{Action, BoxError, Document, Inquiry, Trail};

use crate::{Id, Message, Reply, ReplyTo};

/// One request or notification from a client, on its way to whoever answers it.
///
/// A call is a [`Message`], the HTTP head it came with, and whatever the layers outside attached: the head's
/// [`Extensions`] are the call's. An authentication layer in front of the decoder puts a
/// [`Principal`](portcullis_core::Principal) there; the [`Trail`] travels there too.
///
/// The head is what *the client* sent. Its body headers (`Content-Length`, `Content-Type`) speak of bytes that a layer
/// may have changed since, so nobody should send them on; the encoder does not.
///
/// ```
/// use portcullis_mcp_jsonrpc::{Call, Fragment, Id, Message};
///
/// let params = Fragment::parse(r#"{"name":"echo","arguments":{"text":"hi"}}"#)?;
/// let call = Call::new(Message::from_request(&Id::from(1), "tools/call", &params));
/// assert_eq!(call.method(), "tools/call");
/// assert_eq!(call.name(), Some("echo"));
/// # Ok::<(), portcullis_mcp_jsonrpc::MessageError>(())
/// ```
///
/// # Cost
///
/// Cloning shares the message's bytes and copies the head; a layer that retries clones, the others move.
#[derive(Clone, Debug)]
pub struct Call {
    message: Message,
    head: Parts,
}

impl Call {
    /// A call that came with no HTTP head: over stdio, or from within.
    #[must_use]
    pub fn new(message: Message) -> Self {
        Self::from_parts(message, http::Request::new(()).into_parts().0)
    }

    /// A call made of a message and the head it came with.
    #[must_use]
    pub fn from_parts(message: Message, head: Parts) -> Self {
        Self { message, head }
    }

    /// The message and the head.
    #[must_use]
    pub fn into_parts(self) -> (Message, Parts) {
        (self.message, self.head)
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// The message, to change it.
    pub fn message_mut(&mut self) -> &mut Message {
        &mut self.message
    }

    /// The HTTP head that the client sent.
    #[must_use]
    pub fn head(&self) -> &Parts {
        &self.head
    }

    /// The headers that the client sent.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The headers, to change what the encoder forwards.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.head.headers
    }

    /// What the layers outside have attached.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.head.extensions
    }

    /// What the layers outside have attached, to attach more.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.head.extensions
    }

    /// The method; empty for a message that has none, which the decoder lets nobody see.
    #[must_use]
    pub fn method(&self) -> &str {
        self.message.method().unwrap_or_default()
    }

    /// The tool, prompt or resource that is asked for.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.message.name()
    }

    /// The caller's id; none for a notification.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        self.message.id()
    }

    /// What `layer` needs to answer the call once it has been passed on.
    #[must_use]
    pub fn reply_to(&self, layer: &'static str) -> ReplyTo {
        ReplyTo::new(layer, self.id().cloned(), Trail::of(self.extensions()).cloned())
    }
}

/// The capabilities of the client that caused a request which a gateway makes of its own accord.
///
/// Such a request declares no capabilities, since nobody would live up to them. A legacy server, however, is told once
/// per session what its client can do, so whoever opens one on behalf of a client needs to know. It travels in the
/// request's extensions and never leaves the process.
#[derive(Clone, Debug)]
pub struct OnBehalf {
    capabilities: Bytes,
}

impl OnBehalf {
    /// On behalf of whoever sent this call, if it says what the client can do.
    #[must_use]
    pub fn of(call: &Call) -> Option<Self> {
        let capabilities = call.message().client_capabilities()?;
        Some(Self { capabilities: call.message().text().slice_ref(capabilities) })
    }

    /// The client's capabilities, a JSON object.
    #[must_use]
    pub fn capabilities(&self) -> &[u8] {
        &self.capabilities
    }
}

/// The client behind a call speaks a revision before 2026-07-28, and an adapter translates for it.
///
/// Attached to the call's extensions by the adapter. A server that speaks both eras may do more in the one than in the
/// other, so whoever can choose speaks to it in the client's own; nobody else needs to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegacyClient;

impl Document for Call {
    fn bytes(&self) -> &Bytes {
        self.message.bytes()
    }

    fn content(&self) -> Range<usize> {
        self.message.content()
    }

    fn rewrite(&mut self, text: Bytes) -> Result<(), BoxError> {
        self.message.rewrite(text)
    }
}

impl Inquiry for Call {
    type Answer = Reply;

    fn action(&self) -> Action<'_> {
        Action { verb: self.method(), resource: self.name() }
    }

    fn extensions(&self) -> &Extensions {
        &self.head.extensions
    }

    fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.head.extensions
    }

    fn reply_to(&self, layer: &'static str) -> ReplyTo {
        Call::reply_to(self, layer)
    }
}
