use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portcullis_fetch::{Endpoint, Fetch, discover};
use portcullis_mcp_jsonrpc::FailureKind;

use super::cell::{Cell, Fresh};
use super::trouble::Trouble;

/// How long it may take to find out where an issuer gives tokens, and for how long that is believed.
const DISCOVERY: Duration = Duration::from_secs(10);
const BELIEVED: Duration = Duration::from_secs(60 * 60);

/// Where tokens are had: the endpoint itself, or an issuer that says where its endpoint is.
///
/// Secrets go there, so it is `https` unless an [`Endpoint`] was made [otherwise](Endpoint::insecure_http). Redirects are
/// not followed.
///
/// ```
/// use portcullis_fetch::Endpoint;
/// use portcullis_mcp_upstream::TokenEndpoint;
///
/// let endpoint = TokenEndpoint::from(Endpoint::new("https://login.example.com/oauth2/token")?);
/// assert_eq!(format!("{endpoint:?}"), "TokenEndpoint(login.example.com)");
///
/// // The same place, if the issuer says so.
/// let endpoint = TokenEndpoint::of_issuer(Endpoint::new("https://login.example.com")?);
/// assert_eq!(format!("{endpoint:?}"), "TokenEndpoint(of login.example.com)");
/// # Ok::<(), portcullis_fetch::EndpointError>(())
/// ```
#[derive(Clone)]
pub struct TokenEndpoint {
    place: Place,
}

#[derive(Clone)]
enum Place {
    Known(Endpoint),
    Issuer(Endpoint, Arc<Cell<Endpoint>>),
}

impl TokenEndpoint {
    /// The endpoint that the metadata of this issuer names (RFC 8414, OpenID Connect Discovery). It is asked for with
    /// the first token, and again every hour.
    #[must_use]
    pub fn of_issuer(issuer: Endpoint) -> Self {
        Self { place: Place::Issuer(issuer, Arc::default()) }
    }

    /// The endpoint, found out if need be.
    pub(super) async fn find(&self, fetch: &Arc<dyn Fetch>) -> Result<Endpoint, Trouble> {
        let (issuer, cell) = match &self.place {
            Place::Known(endpoint) => return Ok(endpoint.clone()),
            Place::Issuer(issuer, cell) => (issuer, cell),
        };
        let found = cell.get(|| {
            let (fetch, issuer) = (Arc::clone(fetch), issuer.clone());
            Box::pin(async move {
                let trouble =
                    |kind, text: &str| Trouble::new(kind, format!("issuer {}: {text}", issuer.host()));
                let late = |_| trouble(FailureKind::Timeout, "no metadata in time");
                let found =
                    tokio::time::timeout(DISCOVERY, discover(&*fetch, &issuer)).await.map_err(late)?;
                let metadata =
                    found.map_err(|error| trouble(FailureKind::Unreachable, &error.to_string()))?;
                let none = || trouble(FailureKind::Garbage, "its metadata names no token endpoint");
                let value = metadata.token_endpoint().ok_or_else(none)?.clone();
                Ok(Fresh { value, lifetime: Some(BELIEVED) })
            })
        });
        Ok(found.wait().await?.value)
    }
}

impl From<Endpoint> for TokenEndpoint {
    fn from(endpoint: Endpoint) -> Self {
        Self { place: Place::Known(endpoint) }
    }
}

/// Shows the host alone: some endpoints have keys in their query.
impl fmt::Debug for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Known(endpoint) => write!(f, "TokenEndpoint({})", endpoint.host()),
            Place::Issuer(issuer, _) => write!(f, "TokenEndpoint(of {})", issuer.host()),
        }
    }
}
