//! What an operator says of each grant.

use std::sync::Arc;

use portcullis_fetch::Form;

use super::client::OAuthClient;
use super::token_endpoint::TokenEndpoint;
use crate::BuildError;

/// What kind of token is shown, or wanted, in an exchange (RFC 8693, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenType {
    /// An access token of OAuth 2.0, of whatever form.
    AccessToken,
    /// A token of OpenID Connect that says who somebody is.
    IdToken,
    /// A JWT that is not known to be more than that.
    Jwt,
    /// An assertion of SAML 2.0, in base64url.
    Saml2,
}

impl TokenType {
    /// The URI that stands for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => super::answer::ACCESS_TOKEN,
            Self::IdToken => "urn:ietf:params:oauth:token-type:id_token",
            Self::Jwt => super::answer::JWT,
            Self::Saml2 => "urn:ietf:params:oauth:token-type:saml2",
        }
    }
}

/// What the token is to be good for.
#[derive(Clone, Debug, Default)]
pub(super) struct Target {
    scope: Option<Arc<str>>,
    resource: Option<Arc<str>>,
    audience: Option<Arc<str>>,
}

impl Target {
    pub(super) fn fields(&self, mut form: Form) -> Form {
        let fields = [("scope", &self.scope), ("resource", &self.resource), ("audience", &self.audience)];
        for (name, value) in fields {
            if let Some(value) = value {
                form = form.field(name, value);
            }
        }
        form
    }

    fn check(&self) -> Result<(), BuildError> {
        let flawed = |part: &str, flaw| Err(BuildError::Credentials { part: part.to_owned(), flaw });
        // RFC 6749, section 3.3.
        let is_scope = |scope: &str| {
            scope.split(' ').all(|one| {
                !one.is_empty() && one.bytes().all(|byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~'))
            })
        };
        if self.scope.as_deref().is_some_and(|scope| !is_scope(scope)) {
            return flawed("scope", "is not scopes with one space between each");
        }
        // RFC 8707, section 2.
        let is_resource = |text: &str| {
            !text.contains('#') && text.parse::<http::Uri>().is_ok_and(|uri| uri.scheme().is_some())
        };
        if self.resource.as_deref().is_some_and(|resource| !is_resource(resource)) {
            return flawed("resource", "is not an absolute URI without a fragment");
        }
        match self.audience.as_deref() {
            Some("") => flawed("audience", "is empty"),
            _ => Ok(()),
        }
    }
}

macro_rules! target_setters {
    () => {
        /// The scopes to ask for, one space between each; those that the server gives without being asked unless set.
        #[must_use]
        pub fn scope(mut self, scope: impl Into<Arc<str>>) -> Self {
            self.target.scope = Some(scope.into());
            self
        }

        /// The MCP server that the token is for, by its canonical URI (RFC 8707). The specification has clients always
        /// send it; set it unless the authorization server cannot take it.
        #[must_use]
        pub fn resource(mut self, resource: impl Into<Arc<str>>) -> Self {
            self.target.resource = Some(resource.into());
            self
        }

        /// Who the token is for, as the authorization server calls it, where that knows no `resource`.
        #[must_use]
        pub fn audience(mut self, audience: impl Into<Arc<str>>) -> Self {
            self.target.audience = Some(audience.into());
            self
        }
    };
}

/// A token for the gateway itself (RFC 6749, section 4.4): all callers reach the server as one.
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    pub(super) endpoint: TokenEndpoint,
    pub(super) client: OAuthClient,
    pub(super) target: Target,
}

impl ClientCredentials {
    /// Asks this endpoint, as this client.
    #[must_use]
    pub fn new(endpoint: impl Into<TokenEndpoint>, client: OAuthClient) -> Self {
        Self { endpoint: endpoint.into(), client, target: Target::default() }
    }

    target_setters!();

    pub(super) fn check(&self) -> Result<(), BuildError> {
        if self.client.is_public() {
            let flaw = "needs a secret for client credentials";
            return Err(BuildError::Credentials { part: "client".to_owned(), flaw });
        }
        self.target.check()
    }
}

/// The caller's token, exchanged for one that the server takes (RFC 8693): each caller reaches the server as themselves.
#[derive(Clone, Debug)]
pub struct TokenExchange {
    pub(super) endpoint: TokenEndpoint,
    pub(super) client: OAuthClient,
    pub(super) target: Target,
    pub(super) subject: TokenType,
    pub(super) requested: Option<TokenType>,
}

impl TokenExchange {
    /// Asks this endpoint, as this client.
    #[must_use]
    pub fn new(endpoint: impl Into<TokenEndpoint>, client: OAuthClient) -> Self {
        let (subject, target) = (TokenType::AccessToken, Target::default());
        Self { endpoint: endpoint.into(), client, target, subject, requested: None }
    }

    target_setters!();

    /// What kind of token callers prove their identity with; an access token unless set.
    #[must_use]
    pub fn subject_token_type(mut self, kind: TokenType) -> Self {
        self.subject = kind;
        self
    }

    /// What kind of token to ask for. Unless set nothing is said of it, and an access token is expected.
    #[must_use]
    pub fn requested_token_type(mut self, kind: TokenType) -> Self {
        self.requested = Some(kind);
        self
    }

    pub(super) fn check(&self) -> Result<(), BuildError> {
        if self.target.resource.is_none() && self.target.audience.is_none() && self.target.scope.is_none() {
            let flaw = "names no resource, audience or scope, so its token would be for nobody in particular";
            return Err(BuildError::Credentials { part: "exchange".to_owned(), flaw });
        }
        self.target.check()
    }
}

/// Enterprise-managed authorization: the company's identity provider decides who may reach the server.
///
/// It gives an *identity assertion grant* (ID-JAG) in exchange for the caller's token; the server's own authorization
/// server gives an access token in exchange for that. The extension is
/// `io.modelcontextprotocol/enterprise-managed-authorization`.
#[derive(Clone, Debug)]
pub struct IdJag {
    pub(super) provider: TokenEndpoint,
    pub(super) provider_client: OAuthClient,
    pub(super) endpoint: TokenEndpoint,
    pub(super) client: OAuthClient,
    pub(super) target: Target,
    pub(super) subject: TokenType,
}

impl IdJag {
    /// Asks the identity provider for a grant, and with it the authorization server `issuer` for a token to `resource`,
    /// which is the canonical URI of the MCP server.
    ///
    /// `provider` and `server` are where each of the two is asked, and as which client. The grant names the client that
    /// it was issued for, so the provider must know what the gateway is called at the authorization server.
    #[must_use]
    pub fn new(
        provider: (TokenEndpoint, OAuthClient),
        server: (TokenEndpoint, OAuthClient),
        issuer: impl Into<Arc<str>>,
        resource: impl Into<Arc<str>>,
    ) -> Self {
        let target = Target { scope: None, resource: Some(resource.into()), audience: Some(issuer.into()) };
        let ((provider, provider_client), (endpoint, client)) = (provider, server);
        Self { provider, provider_client, endpoint, client, target, subject: TokenType::IdToken }
    }

    /// The scopes to ask for, one space between each.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<Arc<str>>) -> Self {
        self.target.scope = Some(scope.into());
        self
    }

    /// What kind of token callers prove their identity with; an id token, as the extension has it, unless set.
    #[must_use]
    pub fn subject_token_type(mut self, kind: TokenType) -> Self {
        self.subject = kind;
        self
    }

    pub(super) fn check(&self) -> Result<(), BuildError> {
        self.target.check()
    }
}
