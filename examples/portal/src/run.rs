//! From a configuration to a running portal, and to its end.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use http::StatusCode;
use portcullis_mcp_legacy::front::stdio::{self, Settings};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::caller;
use crate::config::{Config, ConfigError};
use crate::drain::{Outcome, Shutdown};
use crate::front::Front;
use crate::gateway::{BuildError, Gateway, Live, spare_keys};
use crate::reload::Reloader;
use crate::serve::{self, Acceptor, BindError};
use crate::stack;

/// Serves a configuration until told to stop.
///
/// Prints a line `listening on http://ADDRESS` to standard output for each address, with the port that was really taken.
///
/// # Errors
///
/// If a control is not in force, or an address cannot be had. Nothing was served then.
pub async fn run(config: Config, shutdown: &Shutdown) -> Result<Outcome, RunError> {
    Running::start(config, shutdown).await?.end(shutdown, None).await
}

/// Serves the configuration in a file, and takes over its changes.
///
/// # Errors
///
/// As [`run`]; also if the file is not fit, or its folder or SIGHUP cannot be watched.
pub async fn run_file(file: &Path, config: Config, shutdown: &Shutdown) -> Result<Outcome, RunError> {
    let reloader = Reloader::watch(file, config.clone()).map_err(RunError::Watch)?;
    Running::start(config, shutdown).await?.end(shutdown, Some(reloader)).await
}

/// Serves one portal of a configuration on standard input and output, until either the client or a signal ends it.
///
/// # Errors
///
/// If a control is not in force, there is no such portal, or standard input or output break.
pub(crate) async fn run_stdio(
    config: Config,
    portal: Option<&str>,
    shutdown: &Shutdown,
) -> Result<Outcome, RunError> {
    let keys = spare_keys().map_err(RunError::Build)?;
    let gateway = Gateway::build(config, None, &keys, shutdown.token()).await.map_err(RunError::Build)?;
    let mut chosen = gateway.routes.iter().filter(|running| portal.is_none_or(|id| running.config.id == id));
    let (Some(running), None) = (chosen.next(), chosen.next()) else {
        let ids = gateway.routes.iter().map(|running| running.config.id.clone()).collect();
        return Err(RunError::Choose(ids));
    };
    let messages = stack::inside(&running.stack).get_ref().clone();
    let mut settings = Settings::new().max_line(gateway.config.limits.max_body);
    let caller = match &running.authn {
        Some(authn) => Some((authn, caller::token().ok_or(RunError::Caller(StatusCode::UNAUTHORIZED))?)),
        None => None,
    };
    if let Some((authn, token)) = &caller {
        let known = caller::identify(authn, token).await.map_err(RunError::Caller)?;
        settings = settings.extensions(known);
    }
    let expired = async {
        match &caller {
            Some((authn, token)) => caller::expired(authn, token).await,
            None => std::future::pending().await,
        }
    };
    let served = stdio::serve(messages, settings, tokio::io::stdin(), tokio::io::stdout());
    tokio::select! {
        biased;
        served = served => served.map(|()| Outcome::Drained).map_err(RunError::Stdio),
        status = expired => Err(RunError::Caller(status)),
        // Whoever started this process stops it by closing its input; a signal is for those who will not wait.
        () = shutdown.token().cancelled() => Ok(Outcome::Drained),
    }
}

/// A portal that has begun to accept connections.
pub(crate) struct Running {
    live: Arc<Live>,
    address: Option<SocketAddr>,
    connections: TaskTracker,
    /// Aborted when dropped: the acceptors, of which only those for health outlive the drain.
    tasks: JoinSet<()>,
}

impl Running {
    pub(crate) async fn start(config: Config, shutdown: &Shutdown) -> Result<Self, RunError> {
        let listeners = serve::bind(&config.listen).await.map_err(RunError::Bind)?;
        let admin = serve::bind(&config.admin).await.map_err(RunError::Bind)?;
        let limits = config.limits.clone();
        let live = Live::start(config, shutdown.token().clone()).await.map_err(RunError::Build)?;

        let mut running = Self {
            live: Arc::new(live),
            address: listeners.first().map(|(_, address)| *address),
            connections: TaskTracker::new(),
            tasks: JoinSet::new(),
        };
        let acceptor =
            Acceptor::new(limits.max_connections, running.connections.clone(), shutdown.token().clone());
        let front = Front::portals(Arc::clone(&running.live), admin.is_empty());
        running.accept(listeners, "listening", &acceptor, &front);

        // Probes have a few connections to themselves, and get answers while the portals drain.
        let acceptor = Acceptor::new(HEALTH_CONNECTIONS, TaskTracker::new(), CancellationToken::new());
        let front = Front::health(Arc::clone(&running.live));
        running.accept(admin, "health", &acceptor, &front);
        Ok(running)
    }

    /// The first address that the portals are found at.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    fn accept(
        &mut self,
        listeners: Vec<(TcpListener, SocketAddr)>,
        what: &str,
        acceptor: &Acceptor,
        front: &Front,
    ) {
        for (listener, address) in listeners {
            say(format_args!("{what} on http://{address}"));
            let live = Arc::clone(&self.live);
            let http = move || Arc::clone(&live.gateway().http);
            self.tasks.spawn(acceptor.clone().accept(listener, front.clone(), http));
        }
    }

    pub(crate) async fn end(
        mut self,
        shutdown: &Shutdown,
        reloader: Option<Reloader>,
    ) -> Result<Outcome, RunError> {
        let live = Arc::clone(&self.live);
        let reload = async {
            match reloader {
                Some(reloader) => reloader.run(Arc::clone(&self.live)).await,
                None => std::future::pending().await,
            }
        };
        let outcome = tokio::select! {
            biased;
            outcome = shutdown.drained(&self.connections, || live.gateway().config.limits.drain_timeout) => outcome,
            failed = reload => return failed.map(|()| Outcome::Drained).map_err(RunError::Signal),
        };
        self.tasks.abort_all();
        match outcome {
            Outcome::Drained => tracing::info!("drained: everything under way was finished"),
            Outcome::Cut(connections) => tracing::warn!(connections, "stopping with open connections"),
        }
        Ok(outcome)
    }
}

/// Connections for health pages that may be open at a time.
const HEALTH_CONNECTIONS: usize = 64;

/// Tells whoever started the process. A closed standard output is no reason to stop.
pub(crate) fn say(line: std::fmt::Arguments<'_>) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Why a portal does not run.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// The configuration is not fit.
    Config(ConfigError),
    /// What is configured cannot be built, or a control is not in force.
    Build(BuildError),
    /// An address cannot be listened on.
    Bind(BindError),
    /// The configuration's folder cannot be watched.
    Watch(notify::Error),
    /// Signals cannot be waited for.
    Signal(std::io::Error),
    /// Standard input or output broke.
    Stdio(std::io::Error),
    /// One portal has to be chosen out of these.
    Choose(Vec<String>),
    /// The caller on standard input is not, or no longer, accepted: the status a request would get.
    Caller(StatusCode),
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Build(error) => error.fmt(f),
            Self::Bind(error) => error.fmt(f),
            Self::Watch(error) => write!(f, "cannot watch the configuration: {error}"),
            Self::Signal(error) => write!(f, "cannot wait for signals: {error}"),
            Self::Stdio(error) => write!(f, "standard input or output broke: {error}"),
            Self::Caller(status) => {
                let name = caller::VARIABLE;
                write!(
                    f,
                    "the token in the environment variable {name} is missing or not accepted ({status})"
                )
            }
            Self::Choose(ids) => write!(f, "--portal must name one of: {}", ids.join(", ")),
        }
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(match self {
            Self::Config(error) => error,
            Self::Build(error) => error,
            Self::Bind(error) => error,
            Self::Watch(error) => error,
            Self::Signal(error) | Self::Stdio(error) => error,
            Self::Choose(_) | Self::Caller(_) => return None,
        })
    }
}
