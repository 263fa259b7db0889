//! Subscribed resources, and the streams of changes that follow them.

use std::sync::Arc;

use super::{Full, Session};
use crate::front::Limits;

/// The streams of changes that are open.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    /// Grows by one with each change of the subscriptions.
    generation: u64,
    /// Each stream's number, and the generation that is in force on it.
    open: Vec<(u64, u64)>,
}

/// The resources that a client is subscribed to at one time.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    pub(crate) uris: Vec<Box<str>>,
    generation: u64,
}

impl Session {
    /// Adds a subscription, and waits a moment until the streams of changes have taken it up.
    ///
    /// The wait is bounded because a server may be slow, or away; the subscription stays all the same.
    pub(crate) async fn subscribe(&self, uri: &str, limits: &Limits) -> Result<(), Full> {
        let generation = {
            let mut state = self.state();
            if !state.uris.contains(uri) {
                if uri.len() > limits.uri_bytes || state.uris.len() >= limits.subscriptions {
                    return Err(Full);
                }
                state.uris.insert(uri.into());
                state.listeners.generation += 1;
            }
            state.listeners.generation
        };
        self.changed.notify_waiters();
        let _ = tokio::time::timeout(limits.subscribe_wait, self.settled(generation)).await;
        Ok(())
    }

    /// Ends a subscription. One that does not exist has ended already.
    pub(crate) fn unsubscribe(&self, uri: &str) {
        let mut state = self.state();
        if state.uris.remove(uri) {
            state.listeners.generation += 1;
            drop(state);
            self.changed.notify_waiters();
        }
    }

    pub(crate) fn subscriptions(&self) -> Subscriptions {
        let state = self.state();
        Subscriptions { uris: state.uris.iter().cloned().collect(), generation: state.listeners.generation }
    }

    /// Waits until the subscriptions are others than these.
    pub(crate) async fn changed(&self, from: &Subscriptions) {
        let changed = || self.state().listeners.generation != from.generation;
        wait(&self.changed, changed).await;
    }

    async fn settled(&self, generation: u64) {
        let settled = || self.state().listeners.open.iter().all(|(_, in_force)| *in_force >= generation);
        wait(&self.settled, settled).await;
    }

    /// Notes that a stream of changes is open, until the returned value is dropped.
    pub(crate) fn listener(self: &Arc<Self>) -> Listener {
        let mut state = self.state();
        let number = state.count();
        state.listeners.open.push((number, 0));
        drop(state);
        Listener { session: Arc::clone(self), number }
    }
}

async fn wait(notify: &tokio::sync::Notify, mut done: impl FnMut() -> bool) {
    loop {
        // Made before the look, so that what happens after the look is not missed: it counts from here.
        let notified = notify.notified();
        if done() {
            return;
        }
        notified.await;
    }
}

/// A stream of changes.
#[derive(Debug)]
pub(crate) struct Listener {
    session: Arc<Session>,
    number: u64,
}

impl Listener {
    /// Notes that these subscriptions are in force here, or as much in force as they can be.
    pub(crate) fn in_force(&self, subscriptions: &Subscriptions) {
        let mut state = self.session.state();
        for (number, in_force) in &mut state.listeners.open {
            if *number == self.number {
                *in_force = subscriptions.generation;
            }
        }
        drop(state);
        self.session.settled.notify_waiters();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut state = self.session.state();
        state.listeners.open.retain(|(number, _)| *number != self.number);
        drop(state);
        self.session.settled.notify_waiters();
    }
}
