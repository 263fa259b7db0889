mod sessions;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Uri};
use portcullis_core::Secret;
use portcullis_mcp_jsonrpc::{EncodeLayer, sse::DEFAULT_MAX_EVENT};
use rustls::pki_types::CertificateDer;
use tower_layer::Layer;

use self::sessions::Sessions;
use crate::auto::{Auto, AutoConnect, Found};
use crate::circuit::Breaker;
use crate::client::Pool;
use crate::endpoint::Endpoint;
use crate::legacy::StreamableConnect;
use crate::retry::{Budget, Random};
use crate::service::Way;
use crate::sse::SseConnect;
use crate::timeout::Limits;
use crate::transport::{Core, Transport};
use crate::{BuildError, Circuit, Credentials, Era, HttpUpstream, Retries, config, tls};

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpVersion {
    /// Over TLS what the server chooses (ALPN), HTTP/1.1 otherwise.
    #[default]
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2; without TLS the server must know that beforehand ("prior knowledge").
    Http2,
}

/// The settings of an [`HttpUpstream`]; made by [`HttpUpstream::builder`].
///
/// Every wait and every size has a limit from the start:
///
/// | setting | default |
/// |---|---|
/// | [`connect_timeout`](Self::connect_timeout) | 5 s |
/// | [`head_timeout`](Self::head_timeout) | 2 min |
/// | [`idle_timeout`](Self::idle_timeout) | 1 min |
/// | [`listen_idle_timeout`](Self::listen_idle_timeout) | 10 min |
/// | [`total_timeout`](Self::total_timeout) | 10 min |
/// | [`max_answer`](Self::max_answer) | 16 MiB |
/// | [`max_event`](Self::max_event) | as [`Decoder`](portcullis_mcp_jsonrpc::sse::Decoder) has it |
/// | [`max_idle_connections`](Self::max_idle_connections) | 256 |
/// | [`retries`](Self::retries) | 2 per call, of a budget of 20 % |
/// | [`max_sessions`](Self::max_sessions), [`session_idle`](Self::session_idle) | 1024, each for 5 min unused |
/// | [`circuit`](Self::circuit) | opens for 10 s after 5 failures in a row |
/// | head of a response | 128 KiB and 100 headers (HTTP/1.1), 64 KiB (HTTP/2); not a setting |
///
/// ```
/// use std::time::Duration;
/// use portcullis_core::Secret;
/// use portcullis_mcp_upstream::{HttpUpstream, HttpVersion};
///
/// let upstream = HttpUpstream::builder("http://127.0.0.1:3000/mcp")?
///     .bearer(Secret::new("s3cr3t"))?
///     .header("x-tenant", Secret::new("7"))?
///     .head_timeout(Duration::from_secs(300))
///     .unlimited_total_time()
///     .http_version(HttpVersion::Http2)
///     .build()?;
/// assert!(!format!("{upstream:?}").contains("s3cr3t"));
///
/// // What describes the message is the protocol's to say.
/// assert!(HttpUpstream::builder("http://127.0.0.1:3000/mcp")?.header("Mcp-Method", Secret::new("ping")).is_err());
/// # Ok::<(), portcullis_mcp_upstream::BuildError>(())
/// ```
#[must_use = "a builder does nothing until it builds"]
pub struct HttpUpstreamBuilder {
    uri: Uri,
    headers: HeaderMap,
    limits: Limits,
    max_answer: usize,
    max_event: usize,
    version: HttpVersion,
    max_idle: usize,
    extra_roots: Vec<CertificateDer<'static>>,
    retries: Retries,
    circuit: Circuit,
    random: Random,
    era: Era,
    sessions: Sessions,
    credentials: Credentials,
}

impl HttpUpstreamBuilder {
    pub(crate) fn new(url: &str) -> Result<Self, BuildError> {
        Ok(Self {
            uri: config::url(url)?,
            headers: HeaderMap::new(),
            limits: Limits::DEFAULT,
            max_answer: EncodeLayer::DEFAULT_MAX_ANSWER,
            max_event: DEFAULT_MAX_EVENT,
            version: HttpVersion::Auto,
            max_idle: 256,
            extra_roots: Vec::new(),
            retries: Retries::default(),
            circuit: Circuit::default(),
            random: Random::of_the_system(),
            era: Era::Auto,
            sessions: Sessions::default(),
            credentials: Credentials::none(),
        })
    }

    /// What the server speaks; found out with the first call unless set.
    ///
    /// To set it spares the question, and is the way out where a server answers the question with silence or with an
    /// error of its own, which decides nothing.
    pub fn era(mut self, era: Era) -> Self {
        self.era = era;
        self
    }

    /// Sends a header with every request.
    ///
    /// # Errors
    ///
    /// A header that the protocol or the connection sets itself (`Accept`, `Content-*`, `Host`, `Mcp-*`, ...), one that
    /// was given before, or a value that is empty, padded or not printable ASCII.
    pub fn header(mut self, name: &str, value: Secret) -> Result<Self, BuildError> {
        config::inject(&mut self.headers, name, &value)?;
        Ok(self)
    }

    /// Sends `Authorization: Bearer` with this token. The client's own `Authorization` is never sent, token or not.
    ///
    /// # Errors
    ///
    /// As for [`header`](Self::header).
    pub fn bearer(mut self, token: Secret) -> Result<Self, BuildError> {
        config::inject_secret(&mut self.headers, &http::header::AUTHORIZATION, &token, true)?;
        Ok(self)
    }

    /// What the gateway proves with that it may call; nothing unless set.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// The most time for one attempt at a connection: name, TCP and TLS together.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.limits.connect = limit;
        self
    }

    /// The most time until the head of the response, connecting and retries included. A server that answers with JSON
    /// sends the head when it has the answer, so this is how long a tool may work.
    pub fn head_timeout(mut self, limit: Duration) -> Self {
        self.limits.head = limit;
        self
    }

    /// The most time that a response may stand still. The time a slow reader takes does not count.
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.limits.idle = limit;
        self
    }

    /// The most time that a `subscriptions/listen` stream may stand still. Comments that keep it alive are bytes like
    /// any other; the specification encourages servers to send them, and not all do.
    pub fn listen_idle_timeout(mut self, limit: Duration) -> Self {
        self.limits.listen_idle = Some(limit);
        self
    }

    /// Lets `subscriptions/listen` streams stand still for ever. A server that is gone without a word is then found out
    /// by TCP, or by the pings of HTTP/2, alone.
    pub fn unlimited_listen_idle_time(mut self) -> Self {
        self.limits.listen_idle = None;
        self
    }

    /// The most time for a whole call, up to the last byte of its answer. `subscriptions/listen` has no such limit.
    pub fn total_timeout(mut self, limit: Duration) -> Self {
        self.limits.total = Some(limit);
        self
    }

    /// Lets a call take as long as it takes, as long as it does not stand still.
    pub fn unlimited_total_time(mut self) -> Self {
        self.limits.total = None;
        self
    }

    /// The most bytes of a JSON answer.
    pub fn max_answer(mut self, bytes: usize) -> Self {
        self.max_answer = bytes;
        self
    }

    /// The most bytes of one event in an event stream.
    pub fn max_event(mut self, bytes: usize) -> Self {
        self.max_event = bytes;
        self
    }

    /// Which HTTP to speak.
    pub fn http_version(mut self, version: HttpVersion) -> Self {
        self.version = version;
        self
    }

    /// How many unused connections are kept. None: every call makes its own.
    pub fn max_idle_connections(mut self, connections: usize) -> Self {
        self.max_idle = connections;
        self
    }

    /// Trusts the certificates in this PEM text too, besides the roots of the operating system.
    ///
    /// # Errors
    ///
    /// Text that holds no certificate, or is not PEM.
    pub fn extra_root_certificates(mut self, pem: &[u8]) -> Result<Self, BuildError> {
        self.extra_roots.extend(tls::certificates(pem)?);
        Ok(self)
    }

    /// How often, how soon and how much is tried again.
    pub fn retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// When to stop calling a server that does not answer.
    pub fn circuit(mut self, circuit: Circuit) -> Self {
        self.circuit = circuit;
        self
    }

    /// Where the randomness of the waits between retries comes from: any number of 64 bits. For tests that must run the
    /// same way twice.
    pub fn randomness(mut self, random: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.random = Random(Arc::new(random));
        self
    }

    /// Checks the settings together and makes the service. No connection is made yet.
    ///
    /// # Errors
    ///
    /// A limit of zero, too many retries, certificates that cannot be used with `https`, no random numbers for a key,
    /// credentials for a header that is injected already, or sessions that callers share who have credentials each.
    pub fn build(mut self) -> Result<HttpUpstream, BuildError> {
        self.check()?;
        let credentials = self.credentials.injector(&mut self.headers)?;
        let tls = match self.uri.scheme_str() {
            Some("https") => tls::config(&self.extra_roots)?,
            _ if self.extra_roots.is_empty() => tls::unused()?,
            _ => {
                let flaw = "extra roots are of no use with http";
                return Err(BuildError::Certificates { flaw, source: None });
            }
        };
        let budget = Arc::new(Budget::new(self.retries, self.random));
        let pool = Pool { version: self.version, max_idle: self.max_idle, limits: self.limits };
        let core = Core {
            client: pool.client(&self.uri, tls, Arc::clone(&budget)),
            headers: self.headers,
            credentials,
            limits: self.limits,
            budget,
            breaker: Arc::new(Breaker::new(self.circuit)),
        };
        let (core, uri) = (Arc::new(core), Arc::new(self.uri));
        let endpoint = Endpoint {
            core: Arc::clone(&core),
            uri: Arc::clone(&uri),
            max_answer: self.max_answer,
            max_event: self.max_event,
            owner: None,
        };
        let modern = EncodeLayer::to(uri.as_ref().clone())
            .max_answer(self.max_answer)
            .max_event(self.max_event)
            .layer(Transport::new(Arc::clone(&core)));
        let host = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let way = match self.era {
            Era::Modern => Way::Modern(modern),
            Era::Legacy => Way::Sessions(self.sessions.over(StreamableConnect(endpoint), host)?, self.era),
            Era::Sse => Way::Sessions(self.sessions.over(SseConnect(endpoint), host)?, self.era),
            Era::Auto => {
                let found = Arc::new(Found::default());
                let connect = AutoConnect { endpoint, found: Arc::clone(&found) };
                Way::Auto(Auto::new(modern, self.sessions.over(connect, host)?, found))
            }
        };
        Ok(HttpUpstream::new(way, core, uri))
    }

    fn check(&self) -> Result<(), BuildError> {
        let Limits { connect, head, idle, listen_idle, total } = self.limits;
        let some = |limit: Option<Duration>| limit.is_none_or(|limit| !limit.is_zero());
        let not_zero = [
            ("connect_timeout", !connect.is_zero()),
            ("head_timeout", !head.is_zero()),
            ("idle_timeout", !idle.is_zero()),
            ("listen_idle_timeout", some(listen_idle)),
            ("total_timeout", some(total)),
            ("max_answer", self.max_answer != 0),
            ("max_event", self.max_event != 0),
            ("circuit", self.circuit.failures != Some(0)),
            ("circuit", self.circuit.failures.is_none() || !self.circuit.open_for.is_zero()),
        ];
        if let Some((setting, _)) = not_zero.into_iter().find(|(_, fits)| !fits) {
            return Err(BuildError::Limit { setting, flaw: "must not be zero" });
        }
        if self.credentials.are_per_caller() && self.sessions.are_shared() {
            let flaw = "must not be shared, because each caller has credentials of their own";
            return Err(BuildError::Credentials { part: "sessions".to_owned(), flaw });
        }
        if self.retries.most > Retries::MOST {
            return Err(BuildError::Limit { setting: "retries", flaw: "must not be more than 10" });
        }
        Ok(())
    }
}

/// Shows the names of the headers, never their values, and no query.
impl std::fmt::Debug for HttpUpstreamBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpUpstreamBuilder")
            .field("host", &self.uri.host())
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("credentials", &self.credentials)
            .field("limits", &self.limits)
            .field("version", &self.version)
            .field("era", &self.era)
            .field("retries", &self.retries)
            .field("circuit", &self.circuit)
            .finish_non_exhaustive()
    }
}
