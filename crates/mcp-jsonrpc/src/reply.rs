mod inspect;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use http::{Extensions, StatusCode};
use portcullis_core::{Answer, Inspect, Refusal, Trail, Verdict};
use sync_wrapper::SyncWrapper;

use crate::{Failure, Fragment, Id, Message, code};

/// The answer to a [`Call`](crate::Call): a stream of messages that ends with the result or error.
///
/// | what the server does | the stream |
/// |---|---|
/// | takes a notification (`202`) | is empty |
/// | answers with JSON | holds one message |
/// | answers with an event stream | holds notifications, then the answer |
///
/// A reply *is* a [`Stream`], so whoever reads one reads all three alike. It can fail on the way; nothing comes after a
/// failure, and nothing after the answer.
///
/// Dropping a reply cancels the call: the connection it is read from is closed or its stream reset.
///
/// The [extensions](Self::extensions) may hold an [`http::StatusCode`], which the decoder uses for an error, and an
/// [`http::HeaderMap`], which it adds to the response. A reply that is a refusal and nothing else holds the [`Refusal`].
/// All of them become the extensions of the HTTP response, so that a layer at the HTTP level can add what it knows: how
/// to get the scopes that are wanted.
///
/// # Cost
///
/// One message is held as it is; a stream is boxed once, and once more for each layer that inspects it.
pub struct Reply {
    extensions: Extensions,
    messages: Messages,
}

enum Messages {
    None,
    One(Message),
    Many(SyncWrapper<BoxStream>),
}

type BoxStream = Pin<Box<dyn Stream<Item = Result<Message, Failure>> + Send>>;

impl Reply {
    /// A notification was taken; there is nothing to say.
    #[must_use]
    pub fn accepted() -> Self {
        Self::from_messages(Messages::None)
    }

    /// One message and no more.
    #[must_use]
    pub fn message(message: Message) -> Self {
        Self::from_messages(Messages::One(message))
    }

    /// The result of the request `id`, and no more.
    #[must_use]
    pub fn result(id: &Id, result: &Fragment) -> Self {
        Self::message(Message::from_result(id, result))
    }

    /// Messages as they come, the answer last.
    pub fn stream<S>(messages: S) -> Self
    where
        S: Stream<Item = Result<Message, Failure>> + Send + 'static,
    {
        Self::from_messages(Messages::Many(SyncWrapper::new(Box::pin(messages))))
    }

    fn from_messages(messages: Messages) -> Self {
        Self { extensions: Extensions::new(), messages }
    }

    /// The same reply, whose error leaves with this HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.extensions.insert(status);
        self
    }

    /// What the layers inside have attached.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// What the layers inside have attached, to attach more.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// The only message, if the reply is known to hold exactly one and it has not been read yet.
    #[must_use]
    pub fn as_single(&self) -> Option<&Message> {
        match &self.messages {
            Messages::One(message) => Some(message),
            Messages::None | Messages::Many(_) => None,
        }
    }

    /// Whether the reply is known to be over.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self.messages, Messages::None)
    }

    /// The next message, unless the reply is over.
    ///
    /// # Errors
    ///
    /// If the reply broke off. It is over then.
    pub fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Failure>>> {
        match std::mem::replace(&mut self.messages, Messages::None) {
            Messages::None => Poll::Ready(None),
            Messages::One(message) => Poll::Ready(Some(Ok(message))),
            Messages::Many(mut stream) => {
                let polled = stream.get_mut().as_mut().poll_next(cx);
                let over = match &polled {
                    Poll::Ready(Some(Ok(message))) => message.is_answer(),
                    Poll::Ready(Some(Err(_)) | None) => true,
                    Poll::Pending => false,
                };
                if !over {
                    self.messages = Messages::Many(stream);
                }
                polled
            }
        }
    }
}

impl Stream for Reply {
    type Item = Result<Message, Failure>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_message(cx)
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let messages: &dyn std::fmt::Debug = match &self.messages {
            Messages::None => &"none",
            Messages::One(message) => message,
            Messages::Many(_) => &"stream",
        };
        f.debug_struct("Reply").field("messages", messages).finish_non_exhaustive()
    }
}

/// What a layer needs to answer a call after it has passed the call on: the caller's id, and the trail to write on.
#[derive(Clone, Debug)]
pub struct ReplyTo {
    layer: &'static str,
    id: Option<Id>,
    trail: Option<Trail>,
}

impl ReplyTo {
    pub(crate) fn new(layer: &'static str, id: Option<Id>, trail: Option<Trail>) -> Self {
        Self { layer, id, trail }
    }

    /// The caller's id; none for a notification.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        self.id.as_ref()
    }

    /// Puts a line on the call's trail, if it has one.
    pub fn record(&self, verdict: Verdict) {
        if let Some(trail) = &self.trail {
            trail.record(self.layer, verdict);
        }
    }

    /// The error message that says what broke. The failure itself goes on the trail.
    #[must_use]
    pub fn failure(&self, failure: &Failure) -> Message {
        self.record(Verdict::Fail(failure.to_string().into()));
        Message::from_error(self.id(), code::of_failure(failure.kind()), failure.advice(), None)
    }

    /// The error message that says no. The refusal itself goes on the trail.
    #[must_use]
    pub fn refusal(&self, refusal: Refusal) -> Message {
        let mut data = format!(r#"{{"reason":"{}""#, refusal.reason().as_str());
        if let Some(wait) = refusal.retry_after() {
            data.push_str(&format!(r#","retryAfterMs":{}"#, wait.as_millis()));
        }
        data.push('}');
        let data = Fragment::parse(data).unwrap_or_else(|_| Fragment::empty());
        let message =
            Message::from_error(self.id(), code::of_reason(refusal.reason()), refusal.message(), Some(&data));
        self.record(Verdict::Refuse(refusal));
        message
    }
}

impl Answer for Reply {
    type Message = Message;
    type ReplyTo = ReplyTo;

    fn refuse(to: &ReplyTo, refusal: Refusal) -> Self {
        let mut reply = Self::message(to.refusal(refusal.clone()));
        if let Some(status) = code::status_of_reason(refusal.reason()) {
            reply.extensions.insert(status);
        }
        reply.extensions.insert(refusal);
        reply
    }

    fn inspect<I>(mut self, to: ReplyTo, inspect: I) -> Self
    where
        I: Inspect<Message>,
    {
        let extensions = std::mem::take(&mut self.extensions);
        let mut replaced = inspect::inspect(self, to, inspect);
        replaced.extensions = extensions;
        replaced
    }
}
