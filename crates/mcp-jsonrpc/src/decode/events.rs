//! A reply as the body of an event stream.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use tokio::time::{Instant, Sleep};

use crate::{Failure, FailureKind, Message, Reply, ReplyTo, sse};

/// How many bytes of messages are gathered before they are written, at most.
const GATHER: usize = 64 * 1024;

/// The room that is made for the first of them.
const FEW_MESSAGES: usize = 2 * 1024;

/// From which size on a message is written as it is rather than copied into the gathered bytes.
const LARGE: usize = 16 * 1024;

/// Writes each message as soon as it is there, and what is there at one time in one go.
///
/// # Gathering
///
/// A write per message is a system call, a packet and a wake-up of the client per message, three to four times the price
/// of everything else that is done for it. Whatever is ready is therefore gathered. The connection that a reply is read
/// from is a task of its own, which hands over one frame at a time; so when nothing is ready, the gathered bytes wait for
/// one turn of the scheduler, in which that task can hand over what it has read already. When a turn brings nothing, they
/// are written. No time passes in between: this is a yield, not a delay.
pub(super) struct Events {
    reply: Reply,
    to: ReplyTo,
    gathered: BytesMut,
    /// Frames that are ready to be written, before anything that is gathered.
    ready: VecDeque<Bytes>,
    /// Whether a message came since the last yield.
    moved: bool,
    over: bool,
    /// Made when there is something to wait for: most streams are over before that.
    silence: Option<Pin<Box<Sleep>>>,
    /// Whether bytes have left since the silence was last measured.
    spoke: bool,
    keep_alive: Duration,
}

impl Events {
    pub(super) fn new(first: Option<Message>, reply: Reply, to: ReplyTo, keep_alive: Duration) -> Self {
        let mut events = Self {
            reply,
            to,
            gathered: BytesMut::new(),
            ready: VecDeque::new(),
            moved: false,
            over: false,
            silence: None,
            spoke: false,
            keep_alive,
        };
        match first {
            Some(message) => events.write(&message),
            None => events.gathered.extend_from_slice(sse::KEEP_ALIVE),
        }
        events
    }

    fn write(&mut self, message: &Message) {
        self.moved = true;
        self.over = message.is_answer();
        if message.text().len() < LARGE {
            if self.gathered.is_empty() {
                self.gathered.reserve(FEW_MESSAGES);
            }
            sse::write_event(&mut self.gathered, message.text());
        } else {
            self.flush();
            self.ready.extend(sse::event_chunks(message.text().clone()));
        }
    }

    fn write_failure(&mut self, failure: &Failure) {
        let message = self.to.failure(failure);
        self.write(&message);
        self.over = true;
    }

    fn flush(&mut self) {
        if !self.gathered.is_empty() {
            // A stream that falls silent now keeps no buffer.
            self.ready.push_back(std::mem::take(&mut self.gathered).freeze());
        }
    }

    /// Ready when nothing has been said for too long.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let keep_alive = self.keep_alive;
        let silence = self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(keep_alive)));
        if std::mem::take(&mut self.spoke) {
            silence.as_mut().reset(Instant::now() + keep_alive);
        }
        silence.as_mut().poll(cx)
    }

    /// Takes what the reply has ready; pending when it has nothing and there is time to yield.
    fn gather(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.over && self.ready.is_empty() && self.gathered.len() < GATHER {
            match self.reply.poll_message(cx) {
                Poll::Ready(Some(Ok(message))) => self.write(&message),
                Poll::Ready(Some(Err(failure))) => self.write_failure(&failure),
                Poll::Ready(None) if self.to.id().is_some() => {
                    self.write_failure(&Failure::new(FailureKind::Close));
                }
                Poll::Ready(None) => self.over = true,
                Poll::Pending if self.gathered.is_empty() => {
                    ready!(self.poll_silence(cx));
                    self.gathered.extend_from_slice(sse::KEEP_ALIVE);
                    return Poll::Ready(());
                }
                Poll::Pending if std::mem::take(&mut self.moved) => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Pending => return Poll::Ready(()),
            }
        }
        Poll::Ready(())
    }
}

impl Body for Events {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if this.ready.is_empty() {
            ready!(this.gather(cx));
            this.flush();
            this.spoke = true;
        }
        Poll::Ready(this.ready.pop_front().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.over && self.ready.is_empty() && self.gathered.is_empty()
    }
}
