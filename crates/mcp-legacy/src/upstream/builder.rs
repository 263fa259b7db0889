use std::sync::Arc;
use std::time::Duration;

use portcullis_seal::{Key, KeyError, KeyRing, SealError};

use super::{Connect, LegacyUpstream};

/// Who may be in one session with whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sharing {
    /// Each principal has sessions of its own; callers that nobody verified share theirs. Two callers are one principal
    /// only if everything known about them is equal.
    #[default]
    PerPrincipal,
    /// All callers share sessions. For servers whose answers do not depend on who asks: lists and resources are passed
    /// on as fit for shared caches, and what the server asks is never taken to a caller by guessing.
    Shared,
}

/// Builds a [`LegacyUpstream`]; made by [`LegacyUpstream::builder`].
#[derive(Clone)]
#[must_use]
pub struct LegacyUpstreamBuilder {
    connect: Arc<dyn Connect>,
    keys: Option<KeyRing>,
    settings: Settings,
}

/// What a [`LegacyUpstream`] was told when it was built.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) name: Arc<str>,
    pub(super) sharing: Sharing,
    pub(super) max_sessions: usize,
    pub(super) idle: Duration,
    pub(super) max_parked: usize,
    pub(super) park_timeout: Duration,
    pub(super) max_calls_per_session: usize,
    pub(super) list_ttl: Duration,
    pub(super) initialize_timeout: Duration,
    pub(super) randomness: fn(&mut [u8]) -> Result<(), SealError>,
}

impl LegacyUpstreamBuilder {
    pub(super) fn new(connect: impl Connect) -> Self {
        Self {
            connect: Arc::new(connect),
            keys: None,
            settings: Settings {
                name: "legacy".into(),
                sharing: Sharing::default(),
                max_sessions: 1024,
                idle: Duration::from_secs(5 * 60),
                max_parked: 256,
                park_timeout: Duration::from_secs(10 * 60),
                max_calls_per_session: 1024,
                list_ttl: Duration::from_secs(5),
                initialize_timeout: Duration::from_secs(10),
                randomness: |bytes| getrandom::fill(bytes).map_err(|_| SealError),
            },
        }
    }

    /// What the server is called: in logs, and in what is sealed, so that state of one server is nothing to another.
    /// `legacy` unless set.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// The keys that seal the state of calls that wait for their client. A key of its own unless set, which is enough:
    /// such a call waits in this process and cannot be taken up in another.
    pub fn keys(mut self, keys: KeyRing) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Who may be in one session with whom; [`Sharing::PerPrincipal`] unless set.
    pub fn sharing(mut self, sharing: Sharing) -> Self {
        self.settings.sharing = sharing;
        self
    }

    /// How many sessions there may be; 1024 unless set. One more ends the idle session that was used the longest ago; if
    /// none is idle, the call fails as an overload.
    pub fn max_sessions(mut self, sessions: usize) -> Self {
        self.settings.max_sessions = sessions;
        self
    }

    /// How long a session may be unused before it is ended; five minutes unless set.
    pub fn idle(mut self, idle: Duration) -> Self {
        self.settings.idle = idle;
        self
    }

    /// How many calls may wait for their client; 256 unless set. Beyond that, what a server asks is answered with an error.
    pub fn max_parked(mut self, calls: usize) -> Self {
        self.settings.max_parked = calls;
        self
    }

    /// How long a call waits for its client; ten minutes unless set.
    pub fn park_timeout(mut self, timeout: Duration) -> Self {
        self.settings.park_timeout = timeout;
        self
    }

    /// How many calls and subscriptions may be under way in one session; 1024 unless set. One more fails as an overload.
    pub fn max_calls_per_session(mut self, calls: usize) -> Self {
        self.settings.max_calls_per_session = calls;
        self
    }

    /// How long clients may keep a list, which a legacy server does not say; five seconds unless set.
    pub fn list_ttl(mut self, ttl: Duration) -> Self {
        self.settings.list_ttl = ttl;
        self
    }

    /// How long a server may take to start a session, connecting included; ten seconds unless set.
    pub fn initialize_timeout(mut self, timeout: Duration) -> Self {
        self.settings.initialize_timeout = timeout;
        self
    }

    /// Takes random numbers from here rather than from the operating system, for tests that must run the same way twice.
    pub fn randomness(mut self, randomness: fn(&mut [u8]) -> Result<(), SealError>) -> Self {
        self.settings.randomness = randomness;
        self
    }

    /// The service.
    ///
    /// # Errors
    ///
    /// A bound of zero, or no random numbers to make a key of.
    pub fn build(self) -> Result<LegacyUpstream, BuildError> {
        let settings = &self.settings;
        let bounds = [
            ("max_sessions", settings.max_sessions == 0),
            ("idle", settings.idle.is_zero()),
            ("max_parked", settings.max_parked == 0),
            ("park_timeout", settings.park_timeout.is_zero()),
            ("max_calls_per_session", settings.max_calls_per_session == 0),
            ("initialize_timeout", settings.initialize_timeout.is_zero()),
        ];
        if let Some((setting, _)) = bounds.into_iter().find(|(_, zero)| *zero) {
            return Err(BuildError::Zero(setting));
        }
        let keys = match self.keys {
            Some(keys) => keys,
            None => Key::generate()
                .map_err(BuildError::Key)
                .and_then(|key| KeyRing::new(vec![key]).map_err(|_| BuildError::Random))?,
        };
        let mut instance = [0; 16];
        (self.settings.randomness)(&mut instance).map_err(|_| BuildError::Random)?;
        Ok(LegacyUpstream::new(self.connect, keys, self.settings, instance))
    }
}

impl std::fmt::Debug for LegacyUpstreamBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LegacyUpstreamBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Why a [`LegacyUpstream`] could not be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// The setting named here is zero, so that nothing could ever happen.
    Zero(&'static str),
    /// No key could be made.
    Key(KeyError),
    /// There are no random numbers.
    Random,
}

impl std::fmt::Display for BuildError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Zero(setting) => write!(f, "{setting} must not be zero"),
            Self::Key(error) => write!(f, "cannot make a key: {error}"),
            Self::Random => f.write_str("there are no random numbers"),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Key(error) => Some(error),
            Self::Zero(_) | Self::Random => None,
        }
    }
}
