//! What is known of issuers, what portals ask of callers, and what the gateway shows to servers: checked.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;
use portcullis_authn::{Algorithm, CertificateHeader, ClaimMap, Require, Resource, Scopes};
use portcullis_core::{Kind, Secret};
use portcullis_fetch::Endpoint;
use portcullis_mcp_upstream::TokenType;

/// Somebody who vouches for callers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Issuer {
    pub(crate) id: String,
    pub(crate) kind: IssuerKind,
}

/// How an issuer's word is checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum IssuerKind {
    Jwt(Box<Jwt>),
    Introspection(Box<Introspection>),
    Biscuit(Biscuits),
    /// A file of service tokens.
    ServiceTokens(PathBuf),
    ClientCertificates(Vec<CertificateRule>),
}

/// How documents of an issuer are fetched.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fetch {
    /// PEM text.
    pub(crate) root_certificates: Option<String>,
    pub(crate) timeout: Option<Duration>,
}

/// An issuer of JWT access tokens.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Jwt {
    /// As the tokens spell it.
    pub(crate) url: String,
    pub(crate) insecure_http: bool,
    pub(crate) fetch: Fetch,
    pub(crate) keys: JwtKeys,
    pub(crate) max_key_age: Option<Duration>,
    pub(crate) key_grace: Option<Duration>,
    pub(crate) refetch_floor: Option<Duration>,
    pub(crate) algorithms: Option<Vec<Algorithm>>,
    pub(crate) token_types: Option<Vec<String>>,
    pub(crate) untyped_tokens: bool,
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) claims: ClaimMap,
}

/// Where the keys of an issuer are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum JwtKeys {
    Discover(Endpoint),
    Url(Endpoint),
    File(PathBuf),
}

/// An issuer that is asked about each token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Introspection {
    pub(crate) url: String,
    pub(crate) insecure_http: bool,
    pub(crate) endpoint: Endpoint,
    pub(crate) fetch: Fetch,
    pub(crate) client_id: String,
    pub(crate) client_secret: Secret,
    pub(crate) cache_for: Option<Duration>,
    pub(crate) claims: ClaimMap,
}

/// An issuer of Biscuits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Biscuits {
    pub(crate) roots: PathBuf,
    pub(crate) agents: Option<PathBuf>,
    pub(crate) revocations: Option<PathBuf>,
    pub(crate) accept_unsigned_agents: bool,
}

/// Whom a client certificate belongs to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CertificateRule {
    pub(crate) name: CertificateName,
    pub(crate) kind: Kind,
    pub(crate) groups: Vec<String>,
    pub(crate) scopes: Vec<String>,
}

/// What in a certificate names its holder.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CertificateName {
    Uri(String),
    UriBelow(String),
    Dns(String),
    Fingerprint(String),
}

/// What a portal asks of its callers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Authn {
    pub(crate) resource: Resource,
    /// Ids of issuers, in the order they are asked.
    pub(crate) issuers: Vec<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) name: Option<String>,
    pub(crate) documentation: Option<String>,
    pub(crate) dpop: Dpop,
    pub(crate) certificate_header: Option<CertificateHeader>,
    pub(crate) service_token_headers: Option<(HeaderName, HeaderName)>,
    pub(crate) max_credential: Option<usize>,
    pub(crate) max_cached: Option<usize>,
    pub(crate) verify_timeout: Option<Duration>,
    pub(crate) scopes: Scopes,
    pub(crate) require: Option<Require>,
    pub(crate) exchange: Option<Exchange>,
    /// Whether a server behind the portal exchanges the callers' tokens.
    pub(crate) hand_on_tokens: bool,
}

/// Whether tokens are bound to keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dpop {
    Off,
    Accept,
    Require,
}

/// Where callers exchange their tokens for Biscuits, and what signs those.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exchange {
    pub(crate) path: String,
    pub(crate) key: Secret,
    pub(crate) key_id: Option<u32>,
    pub(crate) lifetime: Option<Duration>,
}

/// How the gateway proves to a server that it may call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Credentials {
    pub(crate) grant: Grant,
    pub(crate) fetch: Fetch,
    pub(crate) max_callers: Option<usize>,
}

/// Where what is shown to a server comes from.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one per server, and it is read at start and reload")]
pub(crate) enum Grant {
    /// In `Authorization: Bearer`, or in the header of that name.
    Secret(Option<String>, SecretFrom),
    Client(Client, Target),
    Exchange(Client, Target, TokenType),
    /// The identity provider, the server's own authorization server and what that calls itself.
    IdJag {
        provider: Client,
        server: Client,
        issuer: String,
        target: Target,
        subject: TokenType,
    },
}

impl Grant {
    /// Whether callers need tokens of their own for it.
    pub(crate) fn is_per_caller(&self) -> bool {
        matches!(self, Self::Exchange(..) | Self::IdJag { .. })
    }
}

/// A secret, or where it is read again when it changes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SecretFrom {
    Text(Secret),
    File(PathBuf),
    Command(Vec<String>, Option<Duration>),
}

/// The gateway as a client of an authorization server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Client {
    pub(crate) at: TokenEndpointAt,
    pub(crate) id: String,
    pub(crate) secret: SecretFrom,
    /// Whether the secret goes in the form, for servers that know nothing else.
    pub(crate) post: bool,
}

/// Where tokens are asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenEndpointAt {
    Url(Endpoint),
    Issuer(Endpoint),
}

/// What a token is to be good for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    pub(crate) scope: Option<String>,
    pub(crate) audience: Option<String>,
    pub(crate) resource: Option<String>,
}
