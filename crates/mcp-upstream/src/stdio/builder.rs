use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::Secret;
use portcullis_mcp_legacy::upstream::{LegacyUpstream, Sharing};
use portcullis_seal::KeyRing;

use super::channel::Sessions;
use super::command::CommandLine;
use super::nursery::Nursery;
use super::pool::Pool;
use super::service::{Inner, StdioUpstream};
use super::settings::Settings;
use crate::auto::Found;
use crate::timeout::Limits;
use crate::{BuildError, Era, ProcessLimits};

/// How many sessions there may be where nobody has one of his own: callers that can do different things have different
/// sessions with a legacy server.
const SHARED_SESSIONS: usize = 16;

/// A day; long enough to count as never, and short enough to add to a clock.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Whose process it is.
///
/// A server over stdio was mostly written for one user on one machine, and keeps things in its memory: a browser, an open
/// database, a list of notes. Whoever shares the process shares these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Processes {
    /// One for all. For servers that hold nothing of their callers'.
    Shared,
    /// One for each principal; callers that nobody verified share one. Two callers are one principal only if everything
    /// known about them is equal. A legacy server has one process for each session.
    PerPrincipal {
        /// How many processes there may be. One more takes the place of the one that was idle the longest; if none is
        /// idle, the call fails as an overload.
        most: usize,
        /// How long a process may be unused before it is stopped.
        idle: Duration,
    },
}

impl Default for Processes {
    /// One for each principal, 64 at most, each for five minutes unused: the choice that is safe for servers that hold
    /// something.
    fn default() -> Self {
        Self::PerPrincipal { most: 64, idle: Duration::from_secs(5 * 60) }
    }
}

/// The settings of a [`StdioUpstream`]; made by [`StdioUpstream::builder`].
///
/// | setting | default |
/// |---|---|
/// | [`processes`](Self::processes) | one per principal, 64 at most, each for 5 min unused |
/// | [`era`](Self::era) | is found out |
/// | [`probe_timeout`](Self::probe_timeout) | 5 s |
/// | [`start_timeout`](Self::start_timeout) | 30 s |
/// | [`max_message`](Self::max_message) | 16 MiB |
/// | [`transfer_timeout`](Self::transfer_timeout) | 30 s |
/// | [`total_timeout`](Self::total_timeout) | 10 min |
/// | [`stop_timeout`](Self::stop_timeout) | 3 s |
/// | [`restart`](Self::restart) | 500 ms, doubled up to 30 s |
/// | [`limits`](Self::limits) | none |
/// | calls under way on one process | 4096; not a setting |
/// | messages that one call has not read | 1024, or 32 MiB; not a setting |
/// | messages that all calls on one process have not read | 128 MiB; not a setting |
///
/// ```
/// use portcullis_core::Secret;
/// use portcullis_mcp_upstream::{Processes, StdioUpstream};
///
/// let upstream = StdioUpstream::builder("mcp-server-git")
///     .args(["--repository", "/srv/repo"])
///     .env("GIT_TOKEN", Secret::new("s3cr3t"))
///     .processes(Processes::Shared)
///     .build()?;
/// assert!(!format!("{upstream:?}").contains("s3cr3t"));
///
/// let error = StdioUpstream::builder("./server").build().unwrap_err();
/// assert!(error.to_string().starts_with("program: is a relative path"));
/// # Ok::<(), portcullis_mcp_upstream::BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct StdioUpstreamBuilder {
    command: CommandLine,
    name: Option<Arc<str>>,
    processes: Processes,
    era: Era,
    keys: Option<KeyRing>,
    limits: ProcessLimits,
    max_message: usize,
    transfer_timeout: Duration,
    total_timeout: Option<Duration>,
    stop_timeout: Duration,
    probe_timeout: Duration,
    start_timeout: Duration,
    restart: (Duration, Duration),
}

impl StdioUpstreamBuilder {
    pub(super) fn new(program: OsString) -> Self {
        Self {
            command: CommandLine::new(program),
            name: None,
            processes: Processes::default(),
            era: Era::default(),
            keys: None,
            limits: ProcessLimits::new(),
            max_message: 16 << 20,
            transfer_timeout: Duration::from_secs(30),
            total_timeout: Limits::DEFAULT.total,
            stop_timeout: Duration::from_secs(3),
            probe_timeout: Duration::from_secs(5),
            start_timeout: Duration::from_secs(30),
            restart: (Duration::from_millis(500), Duration::from_secs(30)),
        }
    }

    /// Adds an argument. Every user of the machine can read the arguments of a process, so a secret belongs in
    /// [`env`](Self::env).
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.command.arg(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        args.into_iter().for_each(|arg| self.command.arg(arg.into()));
        self
    }

    /// Sets a variable of the server's environment.
    ///
    /// Of our own environment the server gets `PATH`, `HOME`, `LANG`, `LC_ALL`, `LC_CTYPE`, `TZ` and `TMPDIR`, as they
    /// are when it is started, and nothing else: keys and tokens of the gateway's are none of its business. A variable set
    /// here goes before one of these.
    pub fn env(mut self, name: impl Into<String>, value: Secret) -> Self {
        self.command.env(name.into(), value);
        self
    }

    /// The directory the server is started in; ours unless set.
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.command.directory(directory.into());
        self
    }

    /// What the server is called in logs, and in what is sealed for calls that wait for their client; the program's name
    /// unless set. Servers behind one gateway need different ones.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Who shares a process with whom.
    pub fn processes(mut self, processes: Processes) -> Self {
        self.processes = processes;
        self
    }

    /// Which MCP the server speaks. [`Era::Auto`] asks each fresh process by `server/discover` until one turns out to know
    /// sessions alone; from then on sessions are opened without asking, until the server will have none. For legacy clients
    /// a session is tried first.
    pub fn era(mut self, era: Era) -> Self {
        self.era = era;
        self
    }

    /// The keys that seal the state of calls that wait for their client, with a legacy server; a key of this process
    /// unless set.
    pub fn keys(mut self, keys: KeyRing) -> Self {
        self.keys = Some(keys);
        self
    }

    /// What a process may use; nothing is limited unless set.
    pub fn limits(mut self, limits: ProcessLimits) -> Self {
        self.limits = limits;
        self
    }

    /// How long one message of the server's may be, in bytes. A longer one is not held: the process that writes it is
    /// killed, since there is no telling which call the message is for.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }

    /// How long one message may take from its first byte to its last, in either direction. Everybody waits behind it, so
    /// the process is killed then.
    pub fn transfer_timeout(mut self, limit: Duration) -> Self {
        self.transfer_timeout = limit;
        self
    }

    /// The most time for a call, from when its process is there to its answer: then it fails, that call alone, and is
    /// cancelled at the server. `subscriptions/listen` has no such limit. With a legacy server the time starts anew when
    /// it asks something, for the client to think.
    pub fn total_timeout(mut self, limit: Duration) -> Self {
        self.total_timeout = Some(limit);
        self
    }

    /// Lets a call take as long as it takes. A server that forgets a call then holds it for as long as its client waits.
    pub fn unlimited_total_time(mut self) -> Self {
        self.total_timeout = None;
        self
    }

    /// How long a server may take to end when its input is closed, and again when it got `SIGTERM`.
    pub fn stop_timeout(mut self, limit: Duration) -> Self {
        self.stop_timeout = limit;
        self
    }

    /// How long a fresh process may be silent when it is asked what it speaks. Some legacy servers never answer, so their
    /// first call takes that long; [`era`](Self::era) spares it.
    pub fn probe_timeout(mut self, limit: Duration) -> Self {
        self.probe_timeout = limit;
        self
    }

    /// How long a legacy server may take until a session is there.
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.start_timeout = limit;
        self
    }

    /// How soon a server is started again that ended within ten seconds. Once, at once; after that not before `first` has
    /// passed, twice that the next time, and so on up to `longest`. Calls in between fail, and say when.
    pub fn restart(mut self, first: Duration, longest: Duration) -> Self {
        self.restart = (first, longest);
        self
    }

    /// The upstream. Nothing is started before the first call.
    ///
    /// # Errors
    ///
    /// A program, argument, variable or directory that no process can be started with, a limit of zero or one that this
    /// system does not have, an era that is not one of stdio.
    pub fn build(self) -> Result<StdioUpstream, BuildError> {
        self.command.check()?;
        self.limits.check()?;
        self.check()?;
        let name = self.name.unwrap_or_else(|| self.command.short_name().into());
        let settings = Arc::new(Settings {
            name: name.clone(),
            command: self.command,
            limits: self.limits,
            max_message: self.max_message,
            transfer_timeout: self.transfer_timeout,
            total_timeout: self.total_timeout,
            stop_timeout: self.stop_timeout,
            probe_timeout: self.probe_timeout,
            first_wait: self.restart.0,
            longest_wait: self.restart.1,
        });
        let (sharing, most, most_sessions, idle) = match self.processes {
            Processes::Shared => (Sharing::Shared, 1, SHARED_SESSIONS, None),
            Processes::PerPrincipal { most, idle } => (Sharing::PerPrincipal, most, most, Some(idle)),
        };
        let is_shared = sharing == Sharing::Shared;
        let found = Arc::new(Found::default());
        // What was said is not forgotten, whatever the server does.
        let doubted = if self.era == Era::Auto { found.clone() } else { Arc::default() };
        found.set(self.era);
        if self.era == Era::Modern {
            found.set_sessions(false);
        }

        let nursery = Arc::new(Nursery::new(settings));
        let pool = Pool::new(nursery.clone(), self.era == Era::Auto, most, idle);
        let sessions = Sessions::new(nursery, doubted, is_shared);
        let mut legacy = LegacyUpstream::builder(sessions.clone())
            .name(name.clone())
            .sharing(sharing)
            .max_sessions(most_sessions)
            .idle(idle.unwrap_or(NEVER))
            .initialize_timeout(self.start_timeout);
        if let Some(keys) = self.keys {
            legacy = legacy.keys(keys);
        }
        let legacy = legacy.build().map_err(|error| BuildError::Sessions { source: error.into() })?;
        Ok(StdioUpstream::new(Inner { name, found, pool, sessions, legacy, is_shared }))
    }

    fn check(&self) -> Result<(), BuildError> {
        let limit = |setting, flaw| Err(BuildError::Limit { setting, flaw });
        if self.era == Era::Sse {
            return limit("era", "is one of HTTP");
        }
        if let Processes::PerPrincipal { most, idle } = self.processes {
            if most == 0 {
                return limit("processes", "are none, so nobody could call");
            }
            if idle.is_zero() || idle > NEVER {
                return limit("processes", "are idle for no time, or for more than a day");
            }
        }
        if self.max_message == 0 {
            return limit("max_message", "is zero, so no answer could be read");
        }
        if self.total_timeout.is_some_and(|limit| limit.is_zero()) {
            return limit("total_timeout", "must not be zero");
        }
        let waits = [
            ("transfer_timeout", self.transfer_timeout),
            ("stop_timeout", self.stop_timeout),
            ("probe_timeout", self.probe_timeout),
            ("start_timeout", self.start_timeout),
            ("restart", self.restart.0),
            ("restart", self.restart.1),
        ];
        match waits.into_iter().find(|(_, wait)| wait.is_zero() || *wait > NEVER) {
            Some((setting, _)) => limit(setting, "is no time, or more than a day"),
            None => Ok(()),
        }
    }
}
