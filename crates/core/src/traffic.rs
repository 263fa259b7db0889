use std::ops::Range;

use bytes::Bytes;
use http::Extensions;

use crate::{BoxError, Principal, Refusal};

/// A message as a JSON text whose content may be read and changed.
///
/// Implemented by the messages of every protocol. A content layer walks [`bytes`](Self::bytes) within
/// [`content`](Self::content) (see [`json`](crate::json)), collects its changes in a [`json::Splice`](crate::json::Splice) and hands the result to
/// [`rewrite`](Self::rewrite).
pub trait Document {
    /// The whole text, as it came and as it will leave.
    fn bytes(&self) -> &Bytes;

    /// The part that carries content - parameters, a result, an error - and none of the envelope.
    ///
    /// Empty when the message carries none.
    fn content(&self) -> Range<usize>;

    /// Replaces the text.
    ///
    /// # Errors
    ///
    /// The new text must be a message of the same kind, method and id; if it is not, the message stays as it was.
    fn rewrite(&mut self, text: Bytes) -> Result<(), BoxError>;

    /// What the message says was used, if it says so.
    fn usage(&self) -> Option<Usage> {
        None
    }
}

/// Tokens that a model took in and gave out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input: u64,
    /// Tokens of the completion.
    pub output: u64,
}

/// What a call asks for, in words that fit every protocol.
///
/// | traffic | verb | resource |
/// |---|---|---|
/// | MCP | the method: `tools/call` | the name or URI: `github_merge` |
/// | LLM | the operation: `chat` | the model |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Action<'a> {
    /// What is to be done.
    pub verb: &'a str,
    /// To what, where the verb has an object.
    pub resource: Option<&'a str>,
}

impl std::fmt::Display for Action<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.resource {
            Some(resource) => write!(f, "{} {resource}", self.verb),
            None => f.write_str(self.verb),
        }
    }
}

/// A call on its way in.
///
/// A layer that serves MCP and LLM traffic alike is written once against this trait and [`Answer`]:
///
/// ```
/// use std::task::{Context, Poll};
/// use portcullis_core::{Answer, Inquiry, Reason, Refusal};
/// use tower_service::Service;
///
/// /// Refuses every call that nobody verified.
/// #[derive(Clone)]
/// struct NeedPrincipal<S> {
///     inner: S,
/// }
///
/// impl<S, C> Service<C> for NeedPrincipal<S>
/// where
///     C: Inquiry,
///     S: Service<C, Response = C::Answer>,
/// {
///     type Response = C::Answer;
///     type Error = S::Error;
///     type Future = futures_util::future::Either<
///         std::future::Ready<Result<C::Answer, S::Error>>,
///         S::Future,
///     >;
///
///     fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
///         self.inner.poll_ready(cx)
///     }
///
///     fn call(&mut self, call: C) -> Self::Future {
///         if call.principal().is_some() {
///             return futures_util::future::Either::Right(self.inner.call(call));
///         }
///         let refusal = Refusal::new(Reason::Authenticate, "Sign in first.");
///         let answer = C::Answer::refuse(&call.reply_to("need-principal"), refusal);
///         futures_util::future::Either::Left(std::future::ready(Ok(answer)))
///     }
/// }
/// ```
pub trait Inquiry: Document {
    /// What comes back.
    type Answer: Answer;

    /// What is asked for.
    fn action(&self) -> Action<'_>;

    /// What the layers outside have attached.
    fn extensions(&self) -> &Extensions;

    /// What the layers outside have attached, to attach more.
    fn extensions_mut(&mut self) -> &mut Extensions;

    /// What `layer` needs to answer the call once it has been passed on. The name goes on the trail.
    fn reply_to(&self, layer: &'static str) -> <Self::Answer as Answer>::ReplyTo;

    /// Who asks, if that was verified.
    fn principal(&self) -> Option<&Principal> {
        self.extensions().get()
    }
}

/// The answer to an [`Inquiry`]: a stream of messages that ends.
pub trait Answer: Sized + Send + 'static {
    /// One message of the stream.
    type Message: Document + Send + 'static;

    /// What ties an answer to its call: the caller's id, the trail and who writes on it, the dialect.
    type ReplyTo: Clone + Send + Sync + 'static;

    /// An answer that says no, in the form the caller's protocol has for it. The refusal is put on the call's trail.
    fn refuse(to: &Self::ReplyTo, refusal: Refusal) -> Self;

    /// Has every message judged before the caller gets it, one at a time, as soon as it is there.
    fn inspect<I>(self, to: Self::ReplyTo, inspect: I) -> Self
    where
        I: Inspect<Self::Message>;
}

/// Judges each message of an answer, and is told once how the answer ended.
///
/// A closure that takes a message and returns a [`Step`] is an `Inspect` that does not care about the end.
pub trait Inspect<M>: Send + 'static {
    /// Decides about one message. Work of more than a millisecond belongs elsewhere.
    fn message(&mut self, message: M) -> Step<M>;

    /// Learns how the answer ended. Called exactly once, also when the answer is dropped.
    fn end(&mut self, end: End<'_>) {
        let _ = end;
    }
}

impl<M, F> Inspect<M> for F
where
    F: FnMut(M) -> Step<M> + Send + 'static,
{
    fn message(&mut self, message: M) -> Step<M> {
        self(message)
    }
}

/// What becomes of one message.
#[derive(Debug)]
pub enum Step<M> {
    /// It goes on, as it is or changed.
    Forward(M),
    /// It is left out; the stream goes on.
    Withhold,
    /// The answer ends here, with a refusal in place of this message and all that would follow.
    Refuse(Refusal),
}

/// How an answer ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum End<'a> {
    /// The last message was delivered.
    Complete,
    /// It broke off, or was refused by the inspection.
    Fail(&'a (dyn std::error::Error + 'static)),
    /// Nobody waits for the rest: the client closed its stream, or a layer outside gave up.
    Drop,
}
