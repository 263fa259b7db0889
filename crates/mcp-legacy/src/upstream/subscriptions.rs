//! Which resources the server is asked to watch: what any subscription of the session wants, and nothing else.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis_core::json;
use portcullis_mcp_jsonrpc::Fragment;
use tokio::sync::watch;

use super::session::Session;

/// How many resources are watched in one session.
const MAX_URIS: usize = 4096;

/// How long the server may take to subscribe or unsubscribe.
const LIMIT: Duration = Duration::from_secs(10);

/// What is wanted and what is so.
///
/// One task at a time brings the two together, so that what it asks of the server arrives in order, however fast
/// subscriptions come and go.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    table: Mutex<Table>,
    settled: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Table {
    uris: HashMap<Arc<str>, Want>,
    /// What may have to be done; each resource once.
    work: VecDeque<Arc<str>>,
    working: bool,
}

#[derive(Debug, Default)]
struct Want {
    count: usize,
    state: State,
    /// Whether it stands among the work: once is enough, however fast subscriptions come and go.
    queued: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Unknown,
    Subscribed,
    Refused,
}

enum Step {
    Subscribe,
    Unsubscribe,
}

impl Table {
    fn queue(&mut self, uri: Arc<str>) {
        if let Some(want) = self.uris.get_mut(&uri)
            && !std::mem::replace(&mut want.queued, true)
        {
            self.work.push_back(uri);
        }
    }
}

impl Subscriptions {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more wants this resource watched. False if there is no room.
    pub(super) fn join(&self, session: &Arc<Session>, uri: &str) -> bool {
        let mut table = self.lock();
        let full = table.uris.len() >= MAX_URIS;
        let uri: Arc<str> = uri.into();
        match table.uris.get_mut(&uri) {
            Some(want) => want.count += 1,
            None if full => return false,
            None => {
                table.uris.insert(uri.clone(), Want { count: 1, ..Want::default() });
            }
        }
        self.kick(session, table, uri);
        true
    }

    /// One less does.
    pub(super) fn leave(&self, session: &Arc<Session>, uri: &str) {
        let mut table = self.lock();
        let uri: Arc<str> = uri.into();
        let Some(want) = table.uris.get_mut(&uri) else { return };
        want.count = want.count.saturating_sub(1);
        self.kick(session, table, uri);
    }

    fn kick(&self, session: &Arc<Session>, mut table: MutexGuard<'_, Table>, uri: Arc<str>) {
        table.queue(uri);
        if !std::mem::replace(&mut table.working, true) {
            drop(table);
            session.spawn(work(session.clone()));
        }
    }

    /// Waits until it is known of all of these whether the server watches them.
    pub(super) async fn settle(&self, uris: &[String]) {
        let mut settled = self.settled.subscribe();
        loop {
            settled.borrow_and_update();
            let known = {
                let table = self.lock();
                let known = |uri: &String| {
                    table.uris.get(uri.as_str()).is_none_or(|want| want.state != State::Unknown)
                };
                uris.iter().all(known)
            };
            if known || settled.changed().await.is_err() {
                return;
            }
        }
    }

    /// Whether the server has said that it does not watch this.
    pub(super) fn is_refused(&self, uri: &str) -> bool {
        self.lock().uris.get(uri).is_some_and(|want| want.state == State::Refused)
    }

    /// What is to be done next.
    fn next(&self) -> Option<(Arc<str>, Step)> {
        let mut table = self.lock();
        while let Some(uri) = table.work.pop_front() {
            let Some(want) = table.uris.get_mut(&uri) else { continue };
            want.queued = false;
            match (want.count, want.state) {
                (0, State::Subscribed) => return Some((uri, Step::Unsubscribe)),
                (0, _) => {
                    table.uris.remove(&uri);
                }
                (_, State::Unknown) => return Some((uri, Step::Subscribe)),
                (_, State::Subscribed | State::Refused) => {}
            }
        }
        table.working = false;
        None
    }

    fn done(&self, uri: Arc<str>, state: State) {
        let mut table = self.lock();
        if let Some(want) = table.uris.get_mut(&uri) {
            want.state = state;
        }
        // What is wanted may have changed meanwhile.
        table.queue(uri);
        drop(table);
        self.settled.send_replace(());
    }
}

async fn work(session: Arc<Session>) {
    while let Some((uri, step)) = session.subscriptions.next() {
        let (method, then) = match step {
            Step::Subscribe => ("resources/subscribe", State::Subscribed),
            Step::Unsubscribe => ("resources/unsubscribe", State::Unknown),
        };
        let state = match Fragment::parse(format!(r#"{{"uri":{}}}"#, json::quote(&uri))) {
            Err(_) => State::Refused,
            Ok(params) => match session.ask(method, &params, LIMIT).await {
                Ok(answer) if answer.result().is_some() => then,
                Ok(_) => State::Refused,
                Err(error) => {
                    tracing::debug!(%error, method, "the server could not be asked");
                    session.lose(&error);
                    State::Refused
                }
            },
        };
        session.subscriptions.done(uri, state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_noted_once() {
        let mut table = Table::default();
        for uri in ["a:1", "a:2"] {
            table.uris.insert(uri.into(), Want::default());
        }
        for _ in 0..1000 {
            table.queue("a:1".into());
            table.queue("a:2".into());
            table.queue("gone:1".into());
        }
        assert_eq!(table.work.len(), 2);
    }
}
