//! One stream of a server for all who may share it.
//!
//! Those may who are of one class and ask for the same. A task drives the stream, so that whoever opened it can leave
//! without harm to the others, and it ends when the last of them has left.

mod drive;
mod subscription;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis_core::Trail;
use portcullis_mcp_jsonrpc::{Call, Message};
use tokio::sync::{Notify, broadcast, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

pub(super) use self::subscription::Subscription;
use super::{Filter, Source};
use crate::ask;
use crate::backend::Backend;
use crate::backoff::Backoff;
use crate::class::{Class, Origin};
use crate::limit::Permit;
use crate::trouble::Trouble;

/// How many messages a slow listener may be behind. A place costs 32 bytes of each hub, even of one that only one
/// client listens to; and who is further behind is better off to hear once that everything has changed.
const BEHIND: usize = 32;

/// Who may share a stream: callers of this class, who ask for this.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    class: Class,
    filter: Filter,
}

/// How a stream that nobody listens to yet is to be opened.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    /// When the first attempt is given up.
    pub(super) deadline: Instant,
    /// How long each further attempt may take.
    pub(super) timeout: Duration,
    pub(super) seed: u64,
}

/// What all who listen are told.
enum Told {
    /// The stream is open; this counts how often it was.
    Opened(u32),
    Message(Message),
}

/// An opening of the stream.
pub(super) struct Opened {
    pub(super) round: u32,
    pub(super) agreed: Filter,
    pub(super) acknowledgement: Option<Message>,
}

/// How the stream stands.
#[derive(Clone)]
enum State {
    Opening,
    Open(Arc<Opened>),
    /// It broke, or could not be opened, and will be tried again.
    Down(Trouble),
    /// It was open, and the server has closed it for good.
    Ended(Arc<Opened>),
    /// The server says no.
    Refused(Trouble),
}

/// See the module. What ends with the task, its side of both channels, is the task's alone: however it ends, everyone
/// learns of it.
struct Hub {
    backend: Arc<Backend>,
    key: Arc<Key>,
    /// In whose name the stream is opened next: the newest listener's, whose credentials are good for longest.
    origin: Mutex<Arc<Origin>>,
    /// Told when somebody new would like to know whether the server is back.
    retry: Notify,
    state: watch::Receiver<State>,
    ring: broadcast::WeakSender<Arc<Told>>,
}

impl Hub {
    /// The request that opens the stream. It is the portal's own, since it serves many: nothing of a single client goes
    /// along but what layers attached.
    fn call(&self) -> Result<Call, Trouble> {
        let origin = Arc::clone(&self.origin.lock().unwrap_or_else(PoisonError::into_inner));
        let members = format!(r#","notifications":{}"#, self.key.filter.to_json());
        let mut call = ask::call(&origin, "subscriptions/listen", &members)?;
        // What becomes of the stream is no part of the story of one client's call.
        call.extensions_mut().remove::<Trail>();
        Ok(call)
    }

    fn renew(&self, origin: &Arc<Origin>) {
        let mut current = self.origin.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *current, Arc::clone(origin));
        drop(current);
        // What layers attached may do anything when it is dropped, so not under the lock.
        drop(old);
    }
}

/// A hub, as long as it takes listeners.
struct Entry {
    hub: Arc<Hub>,
    subscribers: usize,
    task: AbortHandle,
}

/// The hubs of one server. There are no more of them than listeners, whose number is limited.
#[derive(Default)]
pub(crate) struct Hubs {
    entries: Mutex<HashMap<Arc<Key>, Entry>>,
}

impl Hubs {
    /// A place at the stream that carries this, which is opened if nobody has opened it yet.
    pub(super) fn join(
        backend: &Arc<Backend>,
        origin: &Arc<Origin>,
        filter: Filter,
        permit: Permit,
        terms: Terms,
    ) -> Result<Subscription, Trouble> {
        let key = Arc::new(Key { class: origin.class.clone(), filter: filter.canonical() });
        let mut entries = backend.hubs.entries();
        let seed = terms.seed ^ entries.hasher().hash_one(&key);
        if let Some(entry) = entries.get_mut(&key) {
            // No sender, no task: it was dropped, and has not come to say so yet.
            if let Some(ring) = entry.hub.ring.upgrade() {
                entry.subscribers += 1;
                let (hub, events) = (Arc::clone(&entry.hub), ring.subscribe());
                drop(entries);
                hub.renew(origin);
                return Ok(Subscription::new(hub, events, permit));
            }
        }
        let (entry, events) = begin(backend, origin, Arc::clone(&key), terms, seed)?;
        let hub = Arc::clone(&entry.hub);
        let old = entries.insert(key, entry);
        drop(entries);
        drop(old);
        Ok(Subscription::new(hub, events, permit))
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Arc<Key>, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One listener less. The last one closes the stream.
    fn leave(&self, hub: &Arc<Hub>) {
        let mut entries = self.entries();
        // Another hub may have taken the place of one that ended.
        let Some(entry) = entries.get_mut(&hub.key).filter(|entry| Arc::ptr_eq(&entry.hub, hub)) else {
            return;
        };
        entry.subscribers = entry.subscribers.saturating_sub(1);
        if entry.subscribers == 0 {
            let gone = entries.remove(&hub.key);
            // What a task holds may do anything when it is dropped, and come here again.
            drop(entries);
            gone.iter().for_each(|entry| entry.task.abort());
        }
    }

    /// Sends no more listeners to a hub.
    fn retire(&self, hub: &Arc<Hub>) {
        let mut entries = self.entries();
        if entries.get(&hub.key).is_some_and(|entry| Arc::ptr_eq(&entry.hub, hub)) {
            let gone = entries.remove(&hub.key);
            drop(entries);
            drop(gone);
        }
    }
}

/// A hub with its first listener.
fn begin(
    backend: &Arc<Backend>,
    origin: &Arc<Origin>,
    key: Arc<Key>,
    terms: Terms,
    seed: u64,
) -> Result<(Entry, broadcast::Receiver<Arc<Told>>), Trouble> {
    let (ring, events) = broadcast::channel(BEHIND);
    let (report, state) = watch::channel(State::Opening);
    let hub = Arc::new(Hub {
        backend: Arc::clone(backend),
        origin: Mutex::new(Arc::clone(origin)),
        retry: Notify::new(),
        state,
        ring: ring.downgrade(),
        key,
    });
    let (call, wanted) = (hub.call()?, hub.key.filter.clone());
    let source =
        Source::new(Arc::clone(backend), call, wanted, Backoff::new(seed), terms.timeout).uncounted();
    let task = drive::drive(Arc::clone(&hub), source, terms.deadline, ring, report);
    let task = tokio::spawn(task).abort_handle();
    Ok((Entry { hub, subscribers: 1, task }, events))
}
