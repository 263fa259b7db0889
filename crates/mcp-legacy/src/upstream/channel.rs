use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;
use http::Extensions;
use portcullis_core::Principal;
use portcullis_mcp_jsonrpc::{Failure, Message};

/// A future without a type of its own, since a transport is chosen when the program runs.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a server says, one message at a time, as it comes.
pub type Incoming = Pin<Box<dyn Stream<Item = Result<Message, ChannelError>> + Send>>;

/// A message for a legacy server.
#[derive(Debug)]
pub struct Outgoing {
    /// A request, a notification, or an answer to a request of the server's. Ids of requests are unique in the session,
    /// and so are progress tokens: a request's token, if it has one, is its id.
    pub message: Message,
    /// What layers attached to the call that caused it; empty for what concerns the session.
    pub extensions: Extensions,
}

/// One way to one legacy server, on which one session is held: a transport.
///
/// The session itself - `initialize`, ids, who may hear what - is not the channel's business. A channel carries
/// messages and knows which belong together as far as its transport tells.
pub trait Channel: Send + Sync + 'static {
    /// Sends a message.
    ///
    /// For a request, the stream gives what the server sends in response to it: notifications and requests of the
    /// server's that the transport says belong to it (because they come on the same HTTP response, or because their
    /// progress token is the request's id), and the answer last. Nothing comes after the answer. For everything else the
    /// stream is empty. What it says of itself - closed connections, resumption - the transport keeps to itself.
    ///
    /// Dropping the stream frees what the channel holds for the request. It does not cancel the request: whoever drops
    /// sends `notifications/cancelled`.
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Incoming, ChannelError>>;

    /// Opens the stream of what the server says of its own accord: everything that belongs to no request as far as the
    /// transport can tell. `None` if the server has no such stream. The session reads one at a time.
    fn listen(&self) -> BoxFuture<'_, Result<Option<Incoming>, ChannelError>>;

    /// The protocol version that the server has agreed to speak in this session.
    fn negotiated(&self, version: &str);

    /// Ends the session: the server may forget it. Gives up after a few seconds and cannot fail.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// Opens channels to one server.
pub trait Connect: Send + Sync + 'static {
    /// Opens a channel for a session that serves this principal, or everybody where the session is shared.
    fn connect<'a>(
        &'a self,
        principal: Option<&'a Principal>,
    ) -> BoxFuture<'a, Result<Arc<dyn Channel>, Failure>>;
}

/// Why a message did not get through, or why nothing more comes.
#[derive(Debug)]
#[non_exhaustive]
pub enum ChannelError {
    /// The server has forgotten the session, or its process is gone. It has not looked at the message, so it may be sent
    /// again in a new session.
    Forgotten,
    /// The session goes on; this exchange does not.
    Failed(Failure),
    /// The channel is broken for good, and what was under way is lost.
    Broken(Failure),
}

impl std::fmt::Display for ChannelError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Forgotten => f.write_str("the server has forgotten the session"),
            Self::Failed(failure) => write!(f, "{failure}"),
            Self::Broken(failure) => write!(f, "the channel broke: {failure}"),
        }
    }
}

impl std::error::Error for ChannelError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Forgotten => None,
            Self::Failed(failure) | Self::Broken(failure) => Some(failure),
        }
    }
}
