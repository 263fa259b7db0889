//! What a session knows, and what happens in it between two requests.

mod level;
mod listeners;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portcullis_mcp_jsonrpc::{Id, Kind, Message};
use tokio::sync::{Notify, oneshot};

pub use self::level::Level;
use self::listeners::Listeners;
pub(crate) use self::listeners::Subscriptions;
use super::translate::notification;
use super::{Client, Limits};

/// One client's session: who it is, and what changes while it lasts.
///
/// Nearly all sessions are idle at any time, so an idle one holds the client's few hundred bytes and nothing else.
/// No lock is held while anything waits.
#[derive(Debug)]
pub(crate) struct Session {
    client: Client,
    state: Mutex<State>,
    /// Wakes the streams of changes when the subscriptions change.
    changed: Notify,
    /// Wakes who waits for the streams of changes to have followed.
    settled: Notify,
}

#[derive(Debug, Default)]
struct State {
    level: Option<Level>,
    uris: BTreeSet<Box<str>>,
    listeners: Listeners,
    /// The client's requests that are under way, each with a number of ours: a client may use an id twice.
    calls: Vec<(u64, Id, oneshot::Sender<()>)>,
    /// Requests to the client that wait for an answer.
    asked: Vec<(Id, oneshot::Sender<Message>)>,
    counter: u64,
    closed: bool,
}

/// A message that has no place in the session: an answer to nothing, or no message for a session at all.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unexpected;

impl std::fmt::Display for Unexpected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the message answers no request of this session")
    }
}

impl std::error::Error for Unexpected {}

/// There are too many already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Session {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, state: Mutex::default(), changed: Notify::new(), settled: Notify::new() }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Takes a message that wants no answer: a notification, or the answer to a request that was sent to the client.
    ///
    /// # Errors
    ///
    /// An answer to a request that was never made, was answered before, or is not waited for any more; and requests,
    /// which are for [`exchange`](super::exchange::exchange).
    pub(crate) fn receive(&self, message: Message) -> Result<(), Unexpected> {
        match message.kind() {
            Kind::Notification => {
                // All others tell of the client's state, which no modern server keeps.
                if message.method() == Some("notifications/cancelled") {
                    self.cancel(&message);
                }
                Ok(())
            }
            Kind::Result | Kind::Error => {
                let waiting = {
                    let mut state = self.state();
                    let id = message.id().ok_or(Unexpected)?;
                    let place = state.asked.iter().position(|(asked, _)| asked == id).ok_or(Unexpected)?;
                    state.asked.swap_remove(place).1
                };
                waiting.send(message).map_err(|_| Unexpected)
            }
            Kind::Request => Err(Unexpected),
        }
    }

    fn cancel(&self, notification: &Message) {
        let Some(id) = notification::cancels(notification) else { return };
        let mut state = self.state();
        while let Some(place) = state.calls.iter().position(|(_, under_way, _)| *under_way == id) {
            // The request may have been answered this very moment.
            let _ = state.calls.swap_remove(place).2.send(());
        }
    }

    /// Cancels every request that is under way, and every one that is still to come: the session is over.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        for (_, _, cancel) in std::mem::take(&mut state.calls) {
            // The request may have been answered this very moment.
            let _ = cancel.send(());
        }
    }

    /// Notes that a request of the client's is under way, until the returned value is dropped.
    pub(crate) fn begin(self: &Arc<Self>, id: &Id, limits: &Limits) -> Result<UnderWay, Full> {
        let (cancel, cancelled) = oneshot::channel();
        let mut state = self.state();
        if state.calls.len() >= limits.requests {
            return Err(Full);
        }
        let number = state.count();
        if state.closed {
            let _ = cancel.send(());
        } else {
            state.calls.push((number, id.clone(), cancel));
        }
        drop(state);
        Ok(UnderWay { session: Arc::clone(self), number, cancelled })
    }

    /// Prepares to ask the client something: a new id, and where the answer will come.
    pub(crate) fn ask(self: &Arc<Self>, limits: &Limits) -> Result<Asked, Full> {
        let (answer, answered) = oneshot::channel();
        let id = self.fresh_id();
        let mut state = self.state();
        if state.asked.len() >= limits.pending_inputs {
            return Err(Full);
        }
        state.asked.push((id.clone(), answer));
        drop(state);
        Ok(Asked { session: Arc::clone(self), id, answered })
    }

    /// An id that was not used in this session before and that nobody can guess.
    pub(crate) fn fresh_id(&self) -> Id {
        let number = self.state().count();
        // The standard library's hasher is keyed from the system's randomness; nothing here needs more.
        let random = std::hash::RandomState::new().hash_one(number);
        Id::from(format!("portcullis-{number}-{random:016x}").as_str())
    }

    /// From which level on the client wants log messages, if it ever said so.
    pub(crate) fn level(&self) -> Option<Level> {
        self.state().level
    }

    pub(crate) fn set_level(&self, level: Level) {
        self.state().level = Some(level);
    }

    /// A panic elsewhere while the lock was held leaves lists that are still whole, so poisoning is ignored.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Gives room back after a burst: a session is idle for most of its life.
    fn shrink(&mut self) {
        if self.calls.is_empty() {
            self.calls = Vec::new();
        }
        if self.asked.is_empty() {
            self.asked = Vec::new();
        }
    }
}

/// A request of the client's that is under way.
#[derive(Debug)]
pub(crate) struct UnderWay {
    session: Arc<Session>,
    number: u64,
    cancelled: oneshot::Receiver<()>,
}

impl UnderWay {
    /// Waits until the client cancels the request: for ever, as a rule.
    pub(crate) async fn cancelled(&mut self) {
        if (&mut self.cancelled).await.is_err() {
            // Nobody can cancel any more, which is not the same as being cancelled.
            std::future::pending().await
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.session.state();
        if let Some(place) = state.calls.iter().position(|(number, ..)| *number == self.number) {
            state.calls.swap_remove(place);
        }
        state.shrink();
    }
}

/// A request to the client that waits for an answer. Once it is dropped, no answer is expected any more.
#[derive(Debug)]
pub(crate) struct Asked {
    session: Arc<Session>,
    id: Id,
    answered: oneshot::Receiver<Message>,
}

impl Asked {
    pub(crate) fn id(&self) -> &Id {
        &self.id
    }

    /// Whether no answer has come yet.
    pub(crate) fn is_waiting(&self) -> bool {
        self.session.state().asked.iter().any(|(id, _)| *id == self.id)
    }

    /// Waits for the answer.
    pub(crate) async fn answer(&mut self) -> Message {
        match (&mut self.answered).await {
            Ok(answer) => answer,
            // The sender lives in the session as long as this value does, unless the answer was taken before.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut state = self.session.state();
        if let Some(place) = state.asked.iter().position(|(id, _)| *id == self.id) {
            state.asked.swap_remove(place);
        }
        state.shrink();
    }
}
