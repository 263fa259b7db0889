//! Where the events of a stream come from: the replies to one request, or to those of a batch.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Extensions;
use portcullis_core::Refusal;
use portcullis_mcp_jsonrpc::{Failure, FailureKind, Message, Reply, ReplyTo};

/// A call that has not given its reply yet.
pub(crate) type Start = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send>>;

/// Messages of one or more replies, each reply in its order. Whatever breaks becomes the error that answers the request.
///
/// Dropping it cancels the calls that are not over.
pub(crate) struct Source {
    calls: Vec<Running>,
    /// Which call is asked first, so that one that always has something does not silence the others.
    turn: usize,
}

struct Running {
    step: Step,
    /// None where nobody asked with a message, so that nobody is answered.
    to: Option<ReplyTo>,
}

enum Step {
    Start(Start),
    Read(Reply),
}

impl Source {
    /// The rest of one reply, which answers this request or none.
    pub(crate) fn reply(reply: Reply, to: Option<ReplyTo>) -> Self {
        Self { calls: vec![Running { step: Step::Read(reply), to }], turn: 0 }
    }

    /// Calls that run at the same time.
    pub(crate) fn calls(calls: impl IntoIterator<Item = (Start, ReplyTo)>) -> Self {
        let running = |(start, to)| Running { step: Step::Start(start), to: Some(to) };
        Self { calls: calls.into_iter().map(running).collect(), turn: 0 }
    }

    /// Whether there is one call and no more.
    pub(crate) fn is_one(&self) -> bool {
        self.calls.len() == 1
    }

    /// Waits until each call has given its reply or failed, and gives what came attached to the replies.
    pub(crate) fn poll_replies(&mut self, cx: &mut Context<'_>) -> Poll<Extensions> {
        let mut extensions = Extensions::new();
        let mut is_ready = true;
        for running in &mut self.calls {
            is_ready &= running.poll_reply(cx).is_ready();
        }
        if !is_ready {
            return Poll::Pending;
        }
        for running in &mut self.calls {
            if let Step::Read(reply) = &mut running.step {
                extensions.extend(std::mem::take(reply.extensions_mut()));
            }
        }
        if !self.is_one() {
            // It speaks of one request, and nobody could tell which.
            extensions.remove::<Refusal>();
        }
        Poll::Ready(extensions)
    }

    /// Gives all calls up, and answers each with what broke.
    pub(crate) fn refuse(self, failure: &Failure) -> Vec<Message> {
        self.calls.into_iter().filter_map(|running| running.to.map(|to| to.failure(failure))).collect()
    }

    /// The next message of any call; none when all are over.
    pub(crate) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let mut quiet = 0;
        while quiet < self.calls.len() {
            let at = self.turn % self.calls.len();
            let Some(running) = self.calls.get_mut(at) else { break };
            match running.poll(cx) {
                Poll::Pending => {
                    self.turn = at + 1;
                    quiet += 1;
                }
                Poll::Ready(message) => {
                    if message.as_ref().is_none_or(Message::is_answer) {
                        self.calls.swap_remove(at);
                        // The one that took its place has been asked already, or not; asking once more does no harm.
                        quiet = 0;
                    }
                    self.turn = at + 1;
                    if message.is_some() {
                        return Poll::Ready(message);
                    }
                }
            }
        }
        if self.calls.is_empty() { Poll::Ready(None) } else { Poll::Pending }
    }
}

impl Running {
    /// The reply, as soon as there is one. A call that fails gives one that says so.
    fn poll_reply(&mut self, cx: &mut Context<'_>) -> Poll<&mut Reply> {
        if let Step::Start(start) = &mut self.step {
            let reply = match (ready!(start.as_mut().poll(cx)), &self.to) {
                (Ok(reply), _) => reply,
                (Err(failure), Some(to)) => Reply::message(to.failure(&failure)),
                (Err(_), None) => Reply::accepted(),
            };
            self.step = Step::Read(reply);
        }
        match &mut self.step {
            Step::Read(reply) => Poll::Ready(reply),
            Step::Start(_) => Poll::Pending,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let failure = match ready!(ready!(self.poll_reply(cx)).poll_message(cx)) {
            Some(Ok(message)) => return Poll::Ready(Some(message)),
            Some(Err(failure)) => failure,
            None => Failure::new(FailureKind::Close),
        };
        Poll::Ready(self.to.as_ref().map(|to| to.failure(&failure)))
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("calls", &self.calls.len()).finish_non_exhaustive()
    }
}
