//! One event stream, which outlives the connections that it is read over.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use portcullis_mcp_jsonrpc::Message;
use tokio::time::Instant;

use super::outbox::{Lost, Outbox};
use super::source::Source;

/// How a stream treats those who read it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manners {
    /// After how long a silence a comment is written.
    pub(super) keep_alive: Duration,
    /// How long the call goes on when nobody reads.
    pub(super) grace: Duration,
    /// When a client that lost its connection should come back; none where clients do not expect to be told.
    pub(super) retry: Option<Duration>,
    /// Whether a client can come back at all.
    pub(super) resumable: bool,
}

/// A reply on its way to a client as events.
///
/// One [holder](Hold) at a time reads the reply: a connection, or, while there is none, the task that keeps the call
/// alive for a while. A new holder takes over from the one before.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) manners: Manners,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// None when the reply is over or was given up.
    source: Option<Source>,
    outbox: Outbox,
    /// Which holder is the present one.
    holder: u64,
    /// Wakes the present holder, so that it learns that it no longer is.
    waker: Option<Waker>,
    /// Whether a message came since the last yield.
    moved: bool,
    ended: Option<Instant>,
    /// Whether it was given up, so that what a client missed is no longer known.
    given_up: bool,
}

impl Stream {
    pub(super) fn new(
        outbox: Outbox,
        manners: Manners,
        first: impl IntoIterator<Item = Message>,
        source: Source,
    ) -> Self {
        let mut state = State {
            source: Some(source),
            outbox,
            holder: 0,
            waker: None,
            moved: false,
            ended: None,
            given_up: false,
        };
        for message in first {
            state.outbox.write(&message);
            state.moved = true;
        }
        Self { manners, state: Mutex::new(state) }
    }

    pub(super) fn is_named(&self, name: &str) -> bool {
        self.state().outbox.name() == name
    }

    /// When the reply came to its end or was given up; none while it goes on.
    pub(super) fn ended(&self) -> Option<Instant> {
        self.state().ended
    }

    /// Whether the reply is over and whoever reads now has got everything.
    pub(super) fn is_spent(&self) -> bool {
        let state = self.state();
        state.ended.is_some() && !state.outbox.has_unsent()
    }

    /// Takes over from whoever reads now, and reads on from there.
    pub(super) fn hold(self: &Arc<Self>) -> Hold {
        self.state().hand_over(self)
    }

    /// Takes over from whoever reads now, and reads from after an event that was sent.
    ///
    /// # Errors
    ///
    /// If that event was never sent, or what follows it is no longer there. Nothing has changed then.
    pub(super) fn resume(self: &Arc<Self>, after: u64) -> Result<Hold, Lost> {
        let mut state = self.state();
        let was_sent = after > 0 || self.manners.retry.is_some();
        if state.given_up || !was_sent {
            return Err(Lost);
        }
        state.outbox.rewind(after)?;
        Ok(state.hand_over(self))
    }

    /// Gives the reply up, which cancels the call, and forgets what was said.
    pub(super) fn give_up(&self) {
        let mut state = self.state();
        let source = state.source.take();
        state.outbox.clear();
        state.given_up = true;
        state.ended.get_or_insert_with(Instant::now);
        let waker = state.waker.take();
        // What is dropped or woken may come back here.
        drop(state);
        drop(source);
        waker.into_iter().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn hand_over(&mut self, stream: &Arc<Stream>) -> Hold {
        self.holder += 1;
        self.waker.take().into_iter().for_each(Waker::wake);
        Hold { stream: Arc::clone(stream), number: self.holder }
    }

    /// Takes what the reply has ready. Ready when there is something to send, or when the reply is over.
    fn gather(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(source) = &mut self.source
            && !self.outbox.is_ample()
            && !self.outbox.has_unsent()
        {
            match source.poll_message(cx) {
                Poll::Ready(Some(message)) => {
                    self.outbox.write(&message);
                    self.moved = true;
                }
                Poll::Ready(None) => {
                    self.source = None;
                    self.ended = Some(Instant::now());
                }
                Poll::Pending if !self.outbox.is_gathering() => return Poll::Pending,
                // What comes within one turn of the scheduler leaves in the same write; see the decoder's events.
                Poll::Pending if std::mem::take(&mut self.moved) => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Pending => break,
            }
        }
        self.outbox.close();
        Poll::Ready(())
    }
}

/// The right to read a stream. A newer one ends it.
#[derive(Debug)]
pub(super) struct Hold {
    stream: Arc<Stream>,
    number: u64,
}

/// What a holder finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There was something to send.
    More,
    /// Everything was sent and nothing more will come.
    End,
    /// Somebody else reads now.
    Superseded,
}

impl Hold {
    pub(super) fn manners(&self) -> Manners {
        self.stream.manners
    }

    /// The event that a connection begins with, where clients expect one.
    pub(super) fn priming(&self) -> Option<Bytes> {
        let retry = self.stream.manners.retry?;
        Some(self.stream.state().outbox.priming(retry))
    }

    /// Whether events wait for others to leave with.
    pub(super) fn is_gathering(&self) -> bool {
        self.stream.state().outbox.is_gathering()
    }

    /// What there is to send.
    pub(super) fn poll_send(&self, cx: &mut Context<'_>, into: &mut VecDeque<Bytes>) -> Poll<Found> {
        let mut state = self.stream.state();
        if state.holder != self.number {
            return Poll::Ready(Found::Superseded);
        }
        if !state.outbox.has_unsent() && state.gather(cx).is_pending() {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let found = if state.outbox.has_unsent() { Found::More } else { Found::End };
        state.outbox.take(into);
        Poll::Ready(found)
    }

    /// Reads on for a client that may come back, as long as there is room. Ready when there is nothing left to do.
    fn poll_keep(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.stream.state();
        loop {
            if state.holder != self.number || state.ended.is_some() {
                state.outbox.close();
                return Poll::Ready(());
            }
            if state.outbox.is_full() || state.gather_unsent(cx).is_pending() {
                state.outbox.close();
                state.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
        }
    }

    /// What becomes of the stream when its connection is gone: the call goes on for a while in a task of its own, for
    /// a disconnection is no cancellation (2025-11-25, Transports, "Sending Messages to the Server", 6).
    pub(super) fn leave(&self) {
        let stream = &self.stream;
        let mut state = stream.state();
        if state.holder != self.number {
            return;
        }
        if state.ended.is_some() {
            state.outbox.close();
            return;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if stream.manners.resumable => {
                let hold = state.hand_over(stream);
                drop(state);
                runtime.spawn(async move {
                    let reading = std::future::poll_fn(|cx| hold.poll_keep(cx));
                    if tokio::time::timeout(hold.manners().grace, reading).await.is_err() {
                        hold.expire();
                    }
                });
            }
            _ => {
                drop(state);
                stream.give_up();
            }
        }
    }

    /// Nobody came back in time.
    fn expire(&self) {
        if self.stream.state().holder == self.number {
            self.stream.give_up();
        }
    }
}

impl State {
    /// Like [`gather`](Self::gather), past batches that nobody has read yet.
    fn gather_unsent(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(source) = &mut self.source else { return Poll::Ready(()) };
        match source.poll_message(cx) {
            Poll::Ready(Some(message)) => self.outbox.write(&message),
            Poll::Ready(None) => {
                self.source = None;
                self.ended = Some(Instant::now());
            }
            Poll::Pending => return Poll::Pending,
        }
        if self.outbox.is_ample() {
            self.outbox.close();
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests;
