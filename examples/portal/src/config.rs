//! The configuration: one TOML file, read into types that cannot hold nonsense.
//!
//! ```
//! use portal::config::Config;
//!
//! let text = r#"
//! [[portal]]
//! id = "tools"
//!
//! [[portal.server]]
//! id = "git_hub"
//! url = "https://mcp.example.com/mcp"
//! "#;
//! let error = Config::parse("portal.toml", text).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "portal.toml:6:6: server id \"git_hub\": only letters, digits and '-' are allowed, because '_' ends the prefix of a name",
//! );
//! ```
//!
//! Everything is checked here, before anything is built: what comes out works, as far as a file can tell. All problems are
//! reported at once, each with its place. Secrets are read here too, so that a missing one is a problem with a place.

mod check;
mod identity;
mod place;
mod raw;
mod secrets;
#[cfg(test)]
mod tests;
mod units;

use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis_authn::Networks;
use portcullis_core::Secret;
use portcullis_mcp_jsonrpc::DecodeLayer;
use portcullis_mcp_jsonrpc::guard::HostGuard;
use portcullis_mcp_legacy::upstream::Sharing;
use portcullis_mcp_upstream::{Era, HttpVersion, ProcessLimits, Processes};
use portcullis_portal::{Collision, Namespace};
use portcullis_seal::Key;

pub(crate) use self::identity::{
    Authn, Biscuits, CertificateName, CertificateRule, Client, Credentials, Dpop, Exchange, Fetch, Grant,
    Introspection, Issuer, IssuerKind, Jwt, JwtKeys, SecretFrom, Target, TokenEndpointAt,
};
pub use self::place::{ConfigError, Problem};
pub(crate) use self::secrets::Environment;

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) listen: Vec<String>,
    /// Where health is served when not on the addresses above.
    pub(crate) admin: Vec<String>,
    pub(crate) log: Log,
    pub(crate) limits: Limits,
    pub(crate) sessions: Sessions,
    /// Which proxies are believed, and which networks have a name.
    pub(crate) networks: Networks,
    pub(crate) issuers: Vec<Issuer>,
    pub(crate) portals: Vec<Portal>,
}

/// What clients that know sessions get. What is not set has the default of its crate.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sessions {
    /// The first one seals, all of them open. None: one is made when the program starts.
    pub(crate) keys: Vec<Key>,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) max_sessions: Option<usize>,
    pub(crate) resume_within: Option<Duration>,
    pub(crate) max_replay: Option<usize>,
    pub(crate) input_timeout: Option<Duration>,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) level: tracing::level_filters::LevelFilter,
    pub(crate) json: bool,
}

/// The bounds on what clients may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) max_connections: usize,
    pub(crate) max_streams: u32,
    pub(crate) max_header_size: u32,
    pub(crate) header_timeout: Duration,
    pub(crate) max_body: usize,
    pub(crate) body_timeout: Duration,
    pub(crate) keep_alive: Duration,
    pub(crate) drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            max_connections: 20_000,
            max_streams: 128,
            max_header_size: 16 << 10,
            header_timeout: seconds(30),
            max_body: DecodeLayer::DEFAULT_MAX_BODY,
            body_timeout: DecodeLayer::DEFAULT_BODY_TIMEOUT,
            keep_alive: DecodeLayer::DEFAULT_KEEP_ALIVE,
            drain_timeout: seconds(30),
        }
    }
}

/// One portal: where it is found, who may speak to it, and what stands behind it. What is not set has the default of its crate.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Portal {
    pub(crate) id: String,
    /// Lower case, without a port. None: any host.
    pub(crate) host: Option<String>,
    /// None: any path.
    pub(crate) path: Option<String>,
    pub(crate) hosts: Hosts,
    pub(crate) namespace: Namespace,
    pub(crate) collision: Collision,
    pub(crate) page_size: Option<usize>,
    pub(crate) list_timeout: Option<Duration>,
    pub(crate) max_list_items: Option<usize>,
    pub(crate) max_list_pages: Option<usize>,
    pub(crate) max_stale: Option<Duration>,
    pub(crate) max_principals: Option<usize>,
    pub(crate) max_cached_bytes: Option<usize>,
    pub(crate) listen_timeout: Option<Duration>,
    /// None: everybody is let in, and nobody is known.
    pub(crate) authn: Option<Box<Authn>>,
    pub(crate) servers: Vec<Server>,
}

/// Which hosts and origins may be spoken to.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    pub(crate) guard: HostGuard,
    pub(crate) allowed: Vec<String>,
    pub(crate) origins: Vec<String>,
    pub(crate) any_host: bool,
    pub(crate) any_origin: bool,
}

/// The guard is made of the rest.
impl PartialEq for Hosts {
    fn eq(&self, other: &Self) -> bool {
        let key = |hosts: &Self| (hosts.any_host, hosts.any_origin);
        key(self) == key(other) && self.allowed == other.allowed && self.origins == other.origins
    }
}

/// One MCP server behind a portal. What is not set has the default of its crate.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Server {
    pub(crate) id: String,
    pub(crate) transport: Transport,
    pub(crate) era: Era,
    pub(crate) max_in_flight: Option<usize>,
    pub(crate) max_waiting: Option<usize>,
    pub(crate) max_wait: Option<Duration>,
    pub(crate) max_listeners: Option<usize>,
    pub(crate) total_timeout: Option<Bound>,
    pub(crate) per_principal: bool,
}

impl Server {
    /// Whether it is called with credentials of each caller's own.
    pub(crate) fn is_per_caller(&self) -> bool {
        match &self.transport {
            Transport::Http(http) => {
                http.credentials.as_ref().is_some_and(|credentials| credentials.grant.is_per_caller())
            }
            Transport::Stdio(_) => false,
        }
    }
}

/// How a server is reached.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Transport {
    Http(Box<Http>),
    Stdio(Box<Stdio>),
}

/// A server with a URL.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Http {
    pub(crate) url: String,
    pub(crate) headers: Vec<Named>,
    pub(crate) http_version: HttpVersion,
    /// PEM text.
    pub(crate) root_certificates: Option<String>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) head_timeout: Option<Duration>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) listen_idle_timeout: Option<Bound>,
    pub(crate) sharing: Sharing,
    pub(crate) max_sessions: Option<usize>,
    pub(crate) session_idle: Option<Duration>,
    pub(crate) max_parked: Option<usize>,
    pub(crate) list_ttl: Option<Duration>,
    pub(crate) max_answer: Option<usize>,
    pub(crate) max_event: Option<usize>,
    pub(crate) max_idle_connections: Option<usize>,
    pub(crate) retries: Option<u8>,
    pub(crate) circuit: Circuit,
    pub(crate) credentials: Option<Credentials>,
}

/// A server that is a child process.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stdio {
    pub(crate) program: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) env: Vec<Named>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) processes: Processes,
    pub(crate) limits: ProcessLimits,
    pub(crate) max_answer: Option<usize>,
}

/// A limit that may be lifted, in so many words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Within(Duration),
    Unlimited,
}

/// When to stop calling a server that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Circuit {
    Off,
    Open { failures: u32, open_for: Duration },
}

/// A header that every request to a server gets, or a variable of a child process's environment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) value: Secret,
}

impl Config {
    /// Whether other machines may reach the portals. A name may be anything.
    pub(crate) fn listens_to_others(&self) -> bool {
        let loopback = |address: &String| {
            address.parse::<std::net::SocketAddr>().is_ok_and(|address| address.ip().is_loopback())
        };
        !self.listen.iter().all(loopback)
    }

    /// The largest configuration that is read.
    pub const MAX_SIZE: u64 = 4 * 1024 * 1024;

    /// Reads and checks a file. Files it refers to are looked for next to it.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, and everything that is wrong inside.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = secrets::read_text(path, Self::MAX_SIZE).map_err(|error| {
            ConfigError::new(&name, vec![Problem::new("", 0..0, format!("cannot read: {error}"))])
        })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        check::check(&name, &text, &Environment::of_process(folder))
    }

    /// Checks a text. `name` stands for it in errors; files it refers to are looked for in the current folder.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn parse(name: &str, text: &str) -> Result<Self, ConfigError> {
        check::check(name, text, &Environment::of_process("".into()))
    }
}
