//! The stream of what the server says of its own accord, which the session's pump reads.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use super::Session;
use crate::upstream::{ChannelError, Incoming, route};

/// How many messages are taken before others get their turn.
const BURST: usize = 64;

/// A stream that has one reader, and into which others can look.
///
/// Where everything comes mixed on one channel, a line of the log is said before the answer that it belongs to, but the
/// two are read by different tasks. Whoever has an answer in hand [catches up](Self::catch_up) first, so that the order
/// is the server's and not the scheduler's. A message is taken and brought where it belongs under one lock, so that
/// none is in between.
#[derive(Default)]
pub(in crate::upstream) struct Ear {
    open: Mutex<Option<Open>>,
}

struct Open {
    incoming: Incoming,
    /// The reader's, which is woken for whatever comes, whoever looked last.
    waker: Waker,
    /// How the stream ended, if somebody else saw it.
    ended: Option<Option<ChannelError>>,
}

/// Closes the stream when its reader goes away.
pub(in crate::upstream) struct Reading<'a>(&'a Session);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let open = self.0.ear.lock().take();
        // What a transport does at the end of a stream is its own business, and not done under the lock.
        drop(open);
    }
}

impl Ear {
    fn lock(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to read a stream, for as long as the reader lives.
    pub(in crate::upstream) fn read<'a>(&self, session: &'a Session, incoming: Incoming) -> Reading<'a> {
        let before = self.lock().replace(Open { incoming, waker: Waker::noop().clone(), ended: None });
        drop(before);
        Reading(session)
    }

    /// Takes what comes to whom it belongs, until nothing more comes.
    pub(in crate::upstream) fn poll(
        &self,
        session: &Arc<Session>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<ChannelError>> {
        let mut open = self.lock();
        let Some(open) = open.as_mut() else { return Poll::Ready(None) };
        open.waker.clone_from(cx.waker());
        match open.hear(session) {
            Some(ended) => Poll::Ready(ended),
            None => Poll::Pending,
        }
    }

    /// Takes what has come by now to whom it belongs.
    pub(in crate::upstream) fn catch_up(&self, session: &Arc<Session>) {
        if let Some(open) = self.lock().as_mut()
            && let Some(ended) = open.hear(session)
        {
            open.ended = Some(ended);
            open.waker.wake_by_ref();
        }
    }
}

impl Open {
    /// Hears what is there now: how the stream ended, if it did.
    fn hear(&mut self, session: &Arc<Session>) -> Option<Option<ChannelError>> {
        if let Some(ended) = self.ended.take() {
            return Some(ended);
        }
        let waker = self.waker.clone();
        let mut cx = Context::from_waker(&waker);
        for _ in 0..BURST {
            match Pin::new(&mut self.incoming).poll_next(&mut cx) {
                Poll::Ready(Some(Ok(message))) => route::unsolicited(session, message),
                Poll::Ready(Some(Err(error))) => return Some(Some(error)),
                Poll::Ready(None) => return Some(None),
                Poll::Pending => return None,
            }
        }
        waker.wake();
        None
    }
}
