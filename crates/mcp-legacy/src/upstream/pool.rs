//! Which sessions there are: one per client, begun when first needed.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Extensions;
use portcullis_core::Principal;
use portcullis_mcp_jsonrpc::{Failure, FailureKind, OnBehalf};
use tokio::sync::watch;
use tokio::time::Instant;

use super::builder::Sharing;
use super::capabilities::{Abilities, Capabilities};
use super::session::{Closed, Lease, Session};

/// How long nobody tries again after a session could not be begun: at first, and at most.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Who shares a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Two callers are one only if everything known about them is equal: a server may answer by any of it.
    pub(super) principal: Option<Principal>,
    pub(super) capabilities: Capabilities,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.capabilities.hash(state);
        let Some(principal) = &self.principal else { return };
        (principal.kind(), principal.issuer(), principal.subject(), principal.actors()).hash(state);
    }
}

/// Which session a call needs.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    key: Key,
    /// Whether one with other capabilities of the client's will do, because the call needs none.
    any: bool,
    /// What the call itself says its client can be asked.
    abilities: Abilities,
    client_info: Option<String>,
}

impl Wanted {
    /// What a call needs; none if its client declares more than can be kept.
    pub(super) fn of(
        sharing: Sharing,
        declared: Option<&[u8]>,
        extensions: &Extensions,
        client_info: Option<String>,
    ) -> Option<Self> {
        let declared = declared.map(Capabilities::translate);
        let abilities = match &declared {
            Some(declared) => declared.as_ref()?.abilities(),
            None => Abilities::default(),
        };
        // What a gateway asks of its own accord declares that nobody can be asked, and yet belongs where its client is.
        let behalf =
            extensions.get::<OnBehalf>().map(|behalf| Capabilities::translate(behalf.capabilities()));
        let told = behalf.or(declared);
        let any = told.is_none();
        let capabilities = told.unwrap_or_else(|| Some(Capabilities::none()))?;
        let principal = match sharing {
            Sharing::PerPrincipal => extensions.get::<Principal>().cloned(),
            Sharing::Shared => None,
        };
        Some(Self { key: Key { principal, capabilities }, any, abilities, client_info })
    }

    /// What the client can be asked.
    pub(super) fn abilities(&self) -> Abilities {
        self.abilities
    }

    /// What the server is told of the client, as JSON.
    pub(super) fn client_info(&self) -> Option<&str> {
        self.client_info.as_deref()
    }
}

/// All sessions with one server.
#[derive(Default)]
pub(super) struct Pool {
    places: Mutex<HashMap<Key, Place>>,
}

enum Place {
    /// Somebody begins it; the count says how often that failed before.
    Opening {
        done: watch::Receiver<Option<Opened>>,
        failed: u32,
    },
    Open(Arc<Session>),
    /// It could not be begun, and nobody tries before this time.
    Failed {
        until: Instant,
        trouble: Trouble,
        failed: u32,
    },
}

/// How beginning a session ended, for all who wait for it.
pub(super) type Opened = Result<Arc<Session>, Trouble>;

/// A failure that can be told more than once.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    kind: FailureKind,
    text: Arc<str>,
}

impl Trouble {
    pub(super) fn new(failure: &Failure) -> Self {
        let text = std::error::Error::source(failure).map(ToString::to_string).unwrap_or_default();
        Self { kind: failure.kind(), text: text.into() }
    }

    pub(super) fn to_failure(&self) -> Failure {
        Failure::new(self.kind).with_source(&*self.text)
    }
}

/// What a caller is told who looks for a session.
pub(super) enum Look {
    In(Lease),
    Wait(watch::Receiver<Option<Opened>>),
    /// There is none; the caller has to begin it and to say how that ended.
    Begin(Key, watch::Sender<Option<Opened>>),
    No(Failure),
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks for a session, without waiting.
    pub(super) fn look(&self, wanted: &Wanted, max_sessions: usize, max_calls: usize) -> Look {
        let mut places = self.lock();
        let mut key = wanted.key.clone();
        if wanted.any && !places.contains_key(&key) {
            key = any_of(&places, &key.principal).unwrap_or(key);
        }
        let mut before = 0;
        match places.get(&key) {
            Some(Place::Open(session)) => match session.enter(max_calls) {
                Ok(lease) => return Look::In(lease),
                Err(Closed::Full) => {
                    return Look::No(overload("too many calls are under way in one session"));
                }
                Err(Closed::Ended) => {}
            },
            // Without a sender, whoever was to begin it has gone under.
            Some(Place::Opening { done, .. }) if done.has_changed().is_ok() => {
                return Look::Wait(done.clone());
            }
            Some(Place::Opening { .. }) => {}
            Some(Place::Failed { until, trouble, .. }) if Instant::now() < *until => {
                return Look::No(trouble.to_failure());
            }
            Some(Place::Failed { failed, .. }) => before = *failed,
            None => {}
        }
        places.remove(&key);
        if places.len() >= max_sessions && !make_room(&mut places) {
            return Look::No(overload("there are too many sessions"));
        }
        let (sender, done) = watch::channel(None);
        places.insert(key.clone(), Place::Opening { done, failed: before });
        Look::Begin(key, sender)
    }

    /// Notes how beginning a session ended.
    pub(super) fn begun(&self, key: &Key, opened: &Opened) {
        let mut places = self.lock();
        let failed = match places.get(key) {
            Some(Place::Opening { failed, .. }) => failed.saturating_add(1),
            _ => 1,
        };
        let place = match opened {
            Ok(session) => Place::Open(session.clone()),
            Err(trouble) => {
                let (first, most) = BACK_OFF;
                let wait = first.saturating_mul(1 << (failed - 1).min(10)).min(most);
                Place::Failed { until: Instant::now() + wait, trouble: trouble.clone(), failed }
            }
        };
        places.insert(key.clone(), place);
    }

    /// All sessions of one principal's.
    pub(super) fn of(&self, principal: Option<&Principal>) -> Vec<Arc<Session>> {
        let places = self.lock();
        let theirs = places.iter().filter(|(key, _)| key.principal.as_ref() == principal);
        let open = theirs.filter_map(|(_, place)| match place {
            Place::Open(session) => Some(session.clone()),
            Place::Opening { .. } | Place::Failed { .. } => None,
        });
        open.collect()
    }

    /// Takes a session out that is of no use any more.
    pub(super) fn forget(&self, session: &Arc<Session>) {
        let mut places = self.lock();
        if matches!(places.get(&session.key), Some(Place::Open(open)) if Arc::ptr_eq(open, session)) {
            places.remove(&session.key);
        }
    }

    /// Ends the sessions that nobody has used for this long.
    pub(super) fn sweep(&self, idle: Duration) {
        let now = Instant::now();
        let mut over = Vec::new();
        self.lock().retain(|_, place| match place {
            Place::Opening { done, .. } => done.has_changed().is_ok(),
            Place::Failed { until, .. } => now < *until + BACK_OFF.1,
            Place::Open(session) => {
                let stays = session.idle_since().is_none_or(|since| now < since + idle);
                if !stays {
                    // Under the lock, so that nobody enters in between.
                    session.end();
                    over.push(session.clone());
                }
                stays
            }
        });
        drop(over);
    }

    /// Ends all sessions.
    pub(super) fn clear(&self) {
        for place in std::mem::take(&mut *self.lock()).into_values() {
            if let Place::Open(session) = place {
                session.end();
            }
        }
    }
}

fn overload(text: &'static str) -> Failure {
    Failure::new(FailureKind::Overload).with_source(text)
}

/// Any session of a principal's: the one used last, else one that is about to be.
fn any_of(places: &HashMap<Key, Place>, principal: &Option<Principal>) -> Option<Key> {
    let theirs = places.iter().filter(|(key, _)| key.principal == *principal);
    let usable = theirs.filter_map(|(key, place)| match place {
        Place::Open(session) => Some((Some(session.used()), key)),
        Place::Opening { .. } => Some((None, key)),
        Place::Failed { .. } => None,
    });
    usable.max_by_key(|(used, _)| *used).map(|(_, key)| key.clone())
}

/// Ends the idle session that was used the longest ago, if there is one.
fn make_room(places: &mut HashMap<Key, Place>) -> bool {
    let idle = places.iter().filter_map(|(key, place)| match place {
        Place::Failed { .. } => Some((None, key)),
        Place::Open(session) => session.idle_since().map(|since| (Some(since), key)),
        Place::Opening { .. } => None,
    });
    let Some(key) = idle.min_by_key(|(since, _)| *since).map(|(_, key)| key.clone()) else { return false };
    if let Some(Place::Open(session)) = places.remove(&key) {
        session.end();
    }
    true
}
