use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, SystemTime};

use portcullis_mcp_jsonrpc::DecodeLayer;
use portcullis_seal::{Key, KeyRing};
use tower_layer::Layer;

use super::Front;
use super::entry::Keeping;
use super::outbox::Bounds;
use super::shared::{Clock, Shared};
use super::table::Table;
use super::token::{Tokens, of_the_system};
use crate::front::Limits;

/// Lets clients of 2025 reach a service that speaks 2026-07-28 only. It stands where a [`DecodeLayer`] stands, and passes
/// modern traffic on to the one that it is given.
///
/// See the [crate's documentation](crate) for what it does and an example.
///
/// # JSON or events
///
/// A request is answered with JSON where it can be, since some clients bound the size of an event and of nothing else. It
/// is answered with an event stream where the server says something before its answer, or says nothing for three times the
/// decoder's [`keep_alive`](DecodeLayer::keep_alive). A client whose `Accept` prefers event streams (`text/event-stream` comes
/// first, or has the higher weight) gets a stream in any case, and at once, so that it can lose its connection at any moment
/// and come back.
///
/// # Replicas
///
/// A service that this layer made and its clones share their sessions. Another one that the same layer made serves the same
/// ids, as another replica would, but has a memory of its own.
#[derive(Clone)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct FrontLayer {
    decode: DecodeLayer,
    tokens: Tokens,
    limits: Limits,
    max_sessions: usize,
    keeping: Keeping,
    grace: Duration,
    retry: Duration,
    max_batch: usize,
    clock: Clock,
}

impl FrontLayer {
    /// How long a session lasts, unless [`session_lifetime`](Self::session_lifetime) says otherwise: 30 days.
    pub const DEFAULT_SESSION_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

    /// How many sessions are held in memory, unless [`max_sessions`](Self::max_sessions) says otherwise.
    pub const DEFAULT_MAX_SESSIONS: usize = 100_000;

    /// How long a call goes on without a connection, unless [`resume_within`](Self::resume_within) says otherwise.
    pub const DEFAULT_RESUME_WITHIN: Duration = Duration::from_secs(60);

    /// A front with generated keys, which die with the process. The decoder says which hosts are served, how large a body
    /// may be and how long a stream stays silent, to clients of both eras.
    pub fn new(decode: DecodeLayer) -> Self {
        let keys = Key::generate().ok().and_then(|key| KeyRing::new(vec![key]).ok());
        Self {
            decode,
            tokens: Tokens {
                keys,
                portal: "".into(),
                route: "".into(),
                lifetime: Self::DEFAULT_SESSION_LIFETIME,
                random: of_the_system,
            },
            limits: Limits::default(),
            max_sessions: Self::DEFAULT_MAX_SESSIONS,
            keeping: Keeping {
                bounds: Bounds {
                    events: 256,
                    bytes: 1024 * 1024,
                    total: 256 * 1024 * 1024,
                    held: Arc::new(AtomicUsize::new(0)),
                },
                streams: 32,
                after_end: Duration::from_secs(30),
            },
            grace: Self::DEFAULT_RESUME_WITHIN,
            retry: Duration::from_secs(1),
            max_batch: 64,
            clock: Arc::new(SystemTime::now),
        }
    }

    /// The keys that seal session ids. Replicas that share them serve each other's sessions, and sessions outlive a restart.
    ///
    /// Without them a key is generated, and every session ends with the process. Many SDKs do not open a new session when
    /// theirs is gone, so their users have to restart them.
    pub fn keys(mut self, keys: KeyRing) -> Self {
        self.tokens.keys = Some(keys);
        self
    }

    /// The name of the portal. An id of another portal opens nothing here, although the keys are the same.
    pub fn portal(mut self, name: &str) -> Self {
        self.tokens.portal = name.into();
        self
    }

    /// The route under which the front is reached. An id of another route opens nothing here.
    pub fn route(mut self, path: &str) -> Self {
        self.tokens.route = path.into();
        self
    }

    /// How long after its `initialize` a session ends. The default is generous, because many SDKs do not open a new session
    /// when theirs is gone.
    pub fn session_lifetime(mut self, lifetime: Duration) -> Self {
        self.tokens.lifetime = lifetime;
        self
    }

    /// How many sessions are held in memory. When there are more, the least recently used go, and with them what they were
    /// subscribed to and what waits to be asked for again; their ids go on working. As many deleted sessions are remembered.
    pub fn max_sessions(mut self, count: usize) -> Self {
        self.max_sessions = count;
        self
    }

    /// What bounds each session.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long a call goes on when its client's connection is gone, and how long the client can come back to it. Then the
    /// call is cancelled.
    pub fn resume_within(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How long the last events of a stream that is over can be asked for again. The default is 30 seconds.
    pub fn replay_after_end(mut self, time: Duration) -> Self {
        self.keeping.after_end = time;
        self
    }

    /// How many events of one stream are kept for a client that comes back. The default is 256.
    pub fn replay_events(mut self, count: usize) -> Self {
        self.keeping.bounds.events = count;
        self
    }

    /// How many bytes of events of one stream are kept for a client that comes back. The default is 1 MiB. While a client is
    /// away, as much again is read for it and no more, give or take one message.
    pub fn replay_bytes(mut self, bytes: usize) -> Self {
        self.keeping.bounds.bytes = bytes;
        self
    }

    /// How many bytes of events are kept for all clients together. The default is 256 MiB. When it is used up, events that
    /// were sent are forgotten at once.
    pub fn replay_total(mut self, bytes: usize) -> Self {
        self.keeping.bounds.total = bytes;
        self
    }

    /// How many streams of one session a client can come back to. The default is 32; calls on further ones are cancelled
    /// when their connection is gone.
    pub fn replay_streams(mut self, count: usize) -> Self {
        self.keeping.streams = count;
        self
    }

    /// After how long a client is to come back when it has lost a connection. The default is one second. Clients of
    /// revisions before 2025-11-25 are not told.
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.retry = time;
        self
    }

    /// How many messages a batch may hold. The default is 64.
    pub fn max_batch(mut self, count: usize) -> Self {
        self.max_batch = count;
        self
    }

    /// Takes the time from here rather than from the system.
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

impl<S> Layer<S> for FrontLayer {
    type Service = Front<S>;

    fn layer(&self, inner: S) -> Front<S> {
        let mut keeping = self.keeping.clone();
        keeping.bounds.held = Arc::default();
        let shared = Shared {
            decode: self.decode.clone(),
            tokens: self.tokens.clone(),
            limits: self.limits.clone(),
            table: Arc::new(Table::new(self.max_sessions, keeping.after_end)),
            keeping,
            grace: self.grace,
            retry: self.retry,
            max_batch: self.max_batch,
            clock: Arc::clone(&self.clock),
        };
        Front::new(self.decode.layer(inner), shared)
    }
}

impl std::fmt::Debug for FrontLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrontLayer")
            .field("decode", &self.decode)
            .field("tokens", &self.tokens)
            .field("max_sessions", &self.max_sessions)
            .finish_non_exhaustive()
    }
}
