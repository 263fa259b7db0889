//! Every message of a reply goes by an inspector, and the inspector learns how the reply ended.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use portcullis_core::{End, Inspect, Step};

use super::{Messages, Reply, ReplyTo};
use crate::{Failure, Message};

/// A reply of one message is judged here and now, so that the common case needs no box.
pub(super) fn inspect<I: Inspect<Message>>(reply: Reply, to: ReplyTo, inspect: I) -> Reply {
    let mut watched = Watched { inspect, to, ended: false };
    match reply.messages {
        Messages::None => {
            watched.end(End::Complete);
            Reply::accepted()
        }
        Messages::One(message) => {
            let kept = watched.judge(message);
            watched.end(End::Complete);
            kept.map_or_else(Reply::accepted, Reply::message)
        }
        Messages::Many(_) => Reply::stream(Inspected { reply, watched }),
    }
}

/// An inspector that is told the end exactly once, at the latest when it is dropped.
struct Watched<I: Inspect<Message>> {
    inspect: I,
    to: ReplyTo,
    ended: bool,
}

impl<I: Inspect<Message>> Watched<I> {
    /// The message to pass on, if any. A refusal ends the reply.
    fn judge(&mut self, message: Message) -> Option<Message> {
        match self.inspect.message(message) {
            Step::Forward(message) => Some(message),
            Step::Withhold => None,
            Step::Refuse(refusal) => {
                self.end(End::Fail(&refusal));
                Some(self.to.refusal(refusal))
            }
        }
    }

    fn end(&mut self, end: End<'_>) {
        if !std::mem::replace(&mut self.ended, true) {
            self.inspect.end(end);
        }
    }
}

impl<I: Inspect<Message>> Drop for Watched<I> {
    fn drop(&mut self) {
        self.end(End::Drop);
    }
}

struct Inspected<I: Inspect<Message>> {
    reply: Reply,
    watched: Watched<I>,
}

// Nothing in here is pinned: the reply is `Unpin`, and the inspector is only ever used through `&mut`.
impl<I: Inspect<Message>> Unpin for Inspected<I> {}

impl<I: Inspect<Message>> Stream for Inspected<I> {
    type Item = Result<Message, Failure>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { reply, watched } = self.get_mut();
        loop {
            let item = match std::task::ready!(reply.poll_message(cx)) {
                Some(Ok(message)) => message,
                Some(Err(failure)) => {
                    watched.end(End::Fail(&failure));
                    return Poll::Ready(Some(Err(failure)));
                }
                None => {
                    watched.end(End::Complete);
                    return Poll::Ready(None);
                }
            };
            let was_answer = item.is_answer();
            let kept = watched.judge(item);
            if was_answer {
                watched.end(End::Complete);
            }
            if watched.ended {
                // Refused or answered: what the server may still send is nobody's.
                *reply = Reply::accepted();
            }
            if let Some(message) = kept {
                return Poll::Ready(Some(Ok(message)));
            }
        }
    }
}
