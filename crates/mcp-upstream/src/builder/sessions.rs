//! The settings for servers that know sessions, which are those of
//! [`LegacyUpstreamBuilder`](portcullis_mcp_legacy::upstream::LegacyUpstreamBuilder).

use std::sync::Arc;
use std::time::Duration;

use portcullis_mcp_legacy::upstream::{self as legacy, Connect, LegacyUpstream, Sharing};
use portcullis_seal::KeyRing;

use super::HttpUpstreamBuilder;
use crate::BuildError;

/// What was said; none of what was not, so that the defaults are said in one place.
#[derive(Default)]
pub(super) struct Sessions {
    name: Option<Arc<str>>,
    keys: Option<KeyRing>,
    sharing: Option<Sharing>,
    max_sessions: Option<usize>,
    idle: Option<Duration>,
    max_calls: Option<usize>,
    max_parked: Option<usize>,
    park_timeout: Option<Duration>,
    list_ttl: Option<Duration>,
    initialize_timeout: Option<Duration>,
}

impl Sessions {
    /// Whether callers were said to share sessions.
    pub(super) fn are_shared(&self) -> bool {
        self.sharing.is_some_and(|sharing| sharing != Sharing::PerPrincipal)
    }

    /// The service that holds sessions over channels from here; `host` is its name unless it was given one.
    pub(super) fn over(self, connect: impl Connect, host: &str) -> Result<LegacyUpstream, BuildError> {
        let mut builder = LegacyUpstream::builder(connect).name(self.name.unwrap_or_else(|| host.into()));
        macro_rules! set {
            ($($setting:ident: $to:ident),+) => {$(
                if let Some(value) = self.$setting {
                    builder = builder.$to(value);
                }
            )+};
        }
        set! {
            keys: keys, sharing: sharing, max_sessions: max_sessions, idle: idle, max_calls: max_calls_per_session,
            max_parked: max_parked, park_timeout: park_timeout, list_ttl: list_ttl,
            initialize_timeout: initialize_timeout
        }
        builder.build().map_err(|error| match error {
            legacy::BuildError::Zero("idle") => BuildError::Limit { setting: "session_idle", flaw: ZERO },
            legacy::BuildError::Zero(setting) => BuildError::Limit { setting, flaw: ZERO },
            other => BuildError::Sessions { source: other.into() },
        })
    }
}

const ZERO: &str = "must not be zero";

/// For servers that know sessions. A modern server makes no use of these.
impl HttpUpstreamBuilder {
    /// What the server is called in logs, and in the state that clients carry for it; its host and port unless set.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.sessions.name = Some(name.into());
        self
    }

    /// The keys that seal the state of calls that wait for their client; a key of this process unless set.
    pub fn keys(mut self, keys: KeyRing) -> Self {
        self.sessions.keys = Some(keys);
        self
    }

    /// Who may be in one session with whom; each principal has its own unless set.
    pub fn sharing(mut self, sharing: Sharing) -> Self {
        self.sessions.sharing = Some(sharing);
        self
    }

    /// How many sessions there may be with the server; 1024 unless set.
    pub fn max_sessions(mut self, sessions: usize) -> Self {
        self.sessions.max_sessions = Some(sessions);
        self
    }

    /// How long a session may be unused before it is ended; five minutes unless set.
    pub fn session_idle(mut self, idle: Duration) -> Self {
        self.sessions.idle = Some(idle);
        self
    }

    /// How many calls and subscriptions may be under way in one session; 1024 unless set.
    pub fn max_calls_per_session(mut self, calls: usize) -> Self {
        self.sessions.max_calls = Some(calls);
        self
    }

    /// How many calls may wait for their client's input; 256 unless set.
    pub fn max_parked(mut self, calls: usize) -> Self {
        self.sessions.max_parked = Some(calls);
        self
    }

    /// How long a call may wait for its client's input; ten minutes unless set. Where that is longer than
    /// [`listen_idle_timeout`](Self::listen_idle_timeout) or [`total_timeout`](Self::total_timeout), those end it.
    pub fn park_timeout(mut self, timeout: Duration) -> Self {
        self.sessions.park_timeout = Some(timeout);
        self
    }

    /// How long clients may keep a list; five seconds unless set.
    pub fn list_ttl(mut self, ttl: Duration) -> Self {
        self.sessions.list_ttl = Some(ttl);
        self
    }

    /// How long the start of a session may take; ten seconds unless set.
    pub fn initialize_timeout(mut self, timeout: Duration) -> Self {
        self.sessions.initialize_timeout = Some(timeout);
        self
    }
}
