//! What reaches a call or a subscription from outside of its own stream, while nobody may be reading.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use portcullis_mcp_jsonrpc::Message;

/// How many messages wait.
const MAX_MESSAGES: usize = 64;

/// How many bytes wait in one inbox, and in all of a session. An empty inbox takes a message however large it is, as long
/// as there is room in the session for any.
const MAX_BYTES: usize = 1 << 20;
const MAX_HELD: usize = 32 << 20;

/// How many bytes wait in all inboxes of a session.
pub(super) type Held = Arc<AtomicUsize>;

/// A bounded queue with one reader. Whoever writes never waits: behind one call's message stand those of all others.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    held: Held,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Message>,
    bytes: usize,
    waker: Option<Waker>,
    closed: bool,
    /// Whether it was said that something was lost, since the reader was last seen.
    complained: bool,
}

impl State {
    fn pop(&mut self, held: &Held) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.complained = false;
        self.bytes -= message.text().len();
        held.fetch_sub(message.text().len(), Ordering::Relaxed);
        Some(message)
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.held.fetch_sub(self.lock().bytes, Ordering::Relaxed);
    }
}

impl Inbox {
    /// One whose bytes count among the session's.
    pub(super) fn new(held: &Held) -> Self {
        Self { state: Mutex::default(), held: held.clone() }
    }

    /// Adds a message; false if there is no room or nobody will read it.
    pub(super) fn push(&self, message: &Message) -> bool {
        self.push_into(self.lock(), message)
    }

    /// Adds a message that says nothing new if the last one says the same.
    pub(super) fn push_new(&self, message: &Message) -> bool {
        let state = self.lock();
        let known = state.messages.back().is_some_and(|last| last.text() == message.text());
        known || self.push_into(state, message)
    }

    fn push_into(&self, mut state: MutexGuard<'_, State>, message: &Message) -> bool {
        let bytes = state.bytes + message.text().len();
        let full = state.messages.len() >= MAX_MESSAGES
            || !state.messages.is_empty() && bytes > MAX_BYTES
            || self.held.load(Ordering::Relaxed) >= MAX_HELD;
        if full && !std::mem::replace(&mut state.complained, true) {
            tracing::warn!(method = message.method(), "nobody reads; what a server says is dropped");
        }
        if state.closed || full {
            return false;
        }
        state.bytes = bytes;
        self.held.fetch_add(message.text().len(), Ordering::Relaxed);
        state.messages.push_back(message.clone());
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Says that nothing more comes.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The next message; `None` once it is closed and empty.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let mut state = self.lock();
        if let Some(message) = state.pop(&self.held) {
            return Poll::Ready(Some(message));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// The next message, if one is there.
    pub(super) fn try_pop(&self) -> Option<Message> {
        self.lock().pop(&self.held)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]

    use portcullis_mcp_jsonrpc::Fragment;

    use super::*;

    fn message(bytes: usize) -> Message {
        let params = Fragment::parse(format!(r#"{{"x":"{}"}}"#, "x".repeat(bytes))).unwrap();
        Message::from_notification("notifications/x", &params)
    }

    #[test]
    fn is_bounded_in_messages_and_bytes() {
        let inbox = Inbox::default();
        let taken = (0..1000).filter(|_| inbox.push(&message(1))).count();
        assert_eq!(taken, MAX_MESSAGES);

        let inbox = Inbox::default();
        assert!(inbox.push(&message(2 * MAX_BYTES)), "one is always taken");
        assert!(!inbox.push(&message(1)));
    }

    #[test]
    fn all_of_a_session_are_bounded_together() {
        let held = Held::default();
        let inboxes: Vec<_> = (0..100).map(|_| Inbox::new(&held)).collect();
        let taken = inboxes.iter().filter(|inbox| inbox.push(&message(MAX_BYTES))).count();
        assert_eq!(taken, MAX_HELD / MAX_BYTES);
        assert!(inboxes[0].try_pop().is_some());
        assert!(inboxes[99].push(&message(1)));
        drop(inboxes);
        assert_eq!(held.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_came_before_the_end_is_still_read() {
        let inbox = Inbox::default();
        assert!(inbox.push(&message(1)));
        inbox.close();
        assert!(!inbox.push(&message(1)));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(inbox.poll(&mut cx), Poll::Ready(Some(_))));
        assert!(matches!(inbox.poll(&mut cx), Poll::Ready(None)));
    }
}
