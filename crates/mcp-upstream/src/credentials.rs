//! What the gateway proves with, towards a server, that it may call.

mod answer;
mod callers;
mod cell;
mod client;
mod client_key;
mod command;
mod grant;
mod injector;
mod secret_source;
mod settings;
mod token_endpoint;
mod trouble;

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, header};
use portcullis_fetch::{Fetch, HttpFetch, HttpFetchError};

pub(crate) use self::callers::{Caller, Callers, Owner};
pub(crate) use self::cell::{Got, Held};
pub use self::client::OAuthClient;
pub use self::client_key::ClientKey;
use self::grant::{Desk, Grant};
use self::injector::Source;
pub(crate) use self::injector::{Holder, Injector};
pub use self::secret_source::SecretSource;
pub use self::settings::{ClientCredentials, IdJag, TokenExchange, TokenType};
pub use self::token_endpoint::TokenEndpoint;
pub(crate) use self::trouble::Trouble;
use crate::{BuildError, config};

/// What the gateway proves with, towards a server, that it may call.
///
/// | credentials | the server sees | kept |
/// |---|---|---|
/// | [`none`](Self::none) | whom it likes | - |
/// | [`secret`](Self::secret), [`bearer`](Self::bearer) | the gateway, by a secret that may change | as its [`SecretSource`] has it |
/// | [`client`](Self::client) | the gateway, by a token of its own | until shortly before the token ends |
/// | [`exchange`](Self::exchange) | the caller, by a token had for theirs | the same, for each caller |
/// | [`id_jag`](Self::id_jag) | the caller, if the identity provider allows it | the same, for each caller |
///
/// A token is replaced in the background once four fifths of its time are over, or all but a minute, whichever is later;
/// however many calls need one, one is asked for. One whose issuer does not say how long it lasts is used for five
/// minutes, and none for more than a day. When the server answers `401` to it, a new one is had and the call is made once
/// more, at most every ten seconds. When none can be had, calls fail at once for up to five seconds, with
/// [`Reject`](portcullis_mcp_jsonrpc::FailureKind::Reject) if it was refused.
///
/// The last two need [`Principal`](portcullis_core::Principal) and [`SubjectToken`](portcullis_core::SubjectToken) in the
/// extensions of every call; without, the call is a `Reject` and nothing is sent.
///
/// ```
/// use portcullis_core::Secret;
/// use portcullis_fetch::Endpoint;
/// use portcullis_mcp_upstream::{ClientCredentials, Credentials, HttpUpstream, OAuthClient, SecretSource};
///
/// let client = OAuthClient::basic("gateway", SecretSource::plain(&Secret::new("s3cr3t"))?)?;
/// let token = ClientCredentials::new(Endpoint::new("https://login.example.com/token")?, client)
///     .scope("files:read")
///     .resource("https://files.example.com/mcp");
/// let upstream = HttpUpstream::builder("https://files.example.com/mcp")?
///     .credentials(Credentials::client(token)?)
///     .build()?;
/// assert!(!format!("{upstream:?}").contains("s3cr3t"));
///
/// // What the protocol says in a header is no place for a secret.
/// let key = SecretSource::plain(&Secret::new("s3cr3t"))?;
/// assert!(Credentials::secret("Mcp-Method", key).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Credentials {
    kind: Kind,
    fetch: Option<Arc<dyn Fetch>>,
    max_callers: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    None,
    Secret { header: HeaderName, source: SecretSource, is_bearer: bool },
    Client(ClientCredentials),
    Exchange(TokenExchange),
    IdJag(IdJag),
}

impl Credentials {
    /// For how many callers tokens are held unless [set](Self::max_callers).
    pub const DEFAULT_MAX_CALLERS: usize = 10_000;

    /// Nothing but the headers that are [injected](crate::HttpUpstreamBuilder::header).
    pub const fn none() -> Self {
        Self { kind: Kind::None, fetch: None, max_callers: Self::DEFAULT_MAX_CALLERS }
    }

    fn of(kind: Kind) -> Self {
        Self { kind, ..Self::none() }
    }

    /// A secret in a header.
    ///
    /// # Errors
    ///
    /// A header that the protocol or the connection sets itself.
    pub fn secret(header: &str, source: SecretSource) -> Result<Self, BuildError> {
        let header = config::free_header(header)?;
        Ok(Self::of(Kind::Secret { header, source, is_bearer: false }))
    }

    /// A secret as the token of `Authorization: Bearer`.
    pub fn bearer(source: SecretSource) -> Self {
        Self::of(Kind::Secret { header: header::AUTHORIZATION, source, is_bearer: true })
    }

    /// A token for the gateway itself.
    ///
    /// # Errors
    ///
    /// Scopes, a resource or an audience that are none; a client without a secret.
    pub fn client(grant: ClientCredentials) -> Result<Self, BuildError> {
        grant.check()?;
        Ok(Self::of(Kind::Client(grant)))
    }

    /// A token for each caller, in exchange for theirs.
    ///
    /// # Errors
    ///
    /// Scopes, a resource or an audience that are none, or none of the three.
    pub fn exchange(grant: TokenExchange) -> Result<Self, BuildError> {
        grant.check()?;
        Ok(Self::of(Kind::Exchange(grant)))
    }

    /// A token for each caller, by leave of the identity provider.
    ///
    /// # Errors
    ///
    /// Scopes, a resource or an issuer that are none.
    pub fn id_jag(grant: IdJag) -> Result<Self, BuildError> {
        grant.check()?;
        Ok(Self::of(Kind::IdJag(grant)))
    }

    /// Who asks the token endpoints; a client with the roots of the operating system unless set.
    pub fn fetch_with(mut self, fetch: Arc<dyn Fetch>) -> Self {
        self.fetch = Some(fetch);
        self
    }

    /// For how many callers tokens are held; [`DEFAULT_MAX_CALLERS`](Self::DEFAULT_MAX_CALLERS) unless set. Those that
    /// have not come for the longest time are asked for again when they do.
    pub fn max_callers(mut self, callers: usize) -> Self {
        self.max_callers = callers;
        self
    }

    /// Whether each caller has one of their own.
    #[must_use]
    pub fn are_per_caller(&self) -> bool {
        matches!(self.kind, Kind::Exchange(_) | Kind::IdJag(_))
    }

    /// The header that they are sent in, if they are sent at all.
    pub(crate) fn header(&self) -> Option<&HeaderName> {
        match &self.kind {
            Kind::None => None,
            Kind::Secret { header, .. } => Some(header),
            Kind::Client(_) | Kind::Exchange(_) | Kind::IdJag(_) => Some(&header::AUTHORIZATION),
        }
    }

    /// What adds them to requests. A secret that never changes is one of the headers that go with every request.
    pub(crate) fn injector(self, headers: &mut HeaderMap) -> Result<Option<Injector>, BuildError> {
        let Some(header) = self.header().cloned() else { return Ok(None) };
        if headers.contains_key(&header) {
            return Err(BuildError::Header { name: header.to_string(), flaw: "is given twice" });
        }
        if self.max_callers == 0 {
            return Err(BuildError::Limit { setting: "max_callers", flaw: "must not be zero" });
        }
        let is_per_caller = self.are_per_caller();
        let grant = match self.kind {
            Kind::None => return Ok(None),
            Kind::Secret { header, source, is_bearer } => {
                if let Some(secret) = source.fixed() {
                    config::inject_secret(headers, &header, secret, is_bearer)?;
                    return Ok(None);
                }
                return Ok(Some(Injector { header, source: Source::Secret { source, is_bearer } }));
            }
            Kind::Client(grant) => Grant::Client(grant),
            Kind::Exchange(grant) => Grant::Exchange(grant),
            Kind::IdJag(grant) => Grant::IdJag(grant),
        };
        let fetch = match self.fetch {
            Some(fetch) => fetch,
            None => plain_fetch()?,
        };
        let desk = Arc::new(Desk { fetch, grant });
        let source = match is_per_caller {
            true => Source::PerCaller { desk, callers: Box::new(Callers::new(self.max_callers)) },
            false => Source::Shared { desk, cell: Arc::default() },
        };
        Ok(Some(Injector { header, source }))
    }
}

/// A client for small answers and no patience.
fn plain_fetch() -> Result<Arc<dyn Fetch>, BuildError> {
    let fetch = HttpFetch::builder().timeout(grant::LIMIT).max_body(answer::MAX_ANSWER).build();
    let flawed = |error: HttpFetchError| {
        let flaw = "cannot be used for token endpoints";
        BuildError::Certificates { flaw, source: Some(error.into()) }
    };
    Ok(Arc::new(fetch.map_err(flawed)?))
}

impl Default for Credentials {
    fn default() -> Self {
        Self::none()
    }
}

/// Shows where they come from, never what they are.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}
