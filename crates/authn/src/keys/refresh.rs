//! One fetch of an issuer's keys.

use std::fmt;
use std::sync::Arc;

use http::StatusCode;
use portcullis_core::BoxError;
use portcullis_fetch::{Endpoint, Fetch, discover};

use crate::jwk::Jwks;

/// The largest set of keys. The client has a limit too; this one holds whatever client there is.
pub(super) const MAX_BYTES: usize = 1024 * 1024;

/// Whom to ask for keys.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// Whatever place the issuer's metadata names, now: it may move.
    Issuer(Endpoint),
    Url(Endpoint),
}

impl Origin {
    pub(super) async fn fetch(&self, fetch: &Arc<dyn Fetch>) -> Result<Jwks, BoxError> {
        let url = match self {
            Self::Issuer(issuer) => {
                let metadata = discover(&**fetch, issuer).await?;
                metadata.jwks_uri().ok_or("the issuer's metadata names no \"jwks_uri\"")?.clone()
            }
            Self::Url(url) => url.clone(),
        };
        let response = fetch.fetch(url.get()).await?;
        match response.status() {
            StatusCode::OK if response.body().len() > MAX_BYTES => {
                Err(format!("{} has more than {MAX_BYTES} bytes", url.as_str()).into())
            }
            StatusCode::OK => Ok(Jwks::parse(response.body())?),
            status => Err(format!("{} answered with status {}", url.as_str(), status.as_u16()).into()),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Issuer(endpoint) | Self::Url(endpoint) => f.write_str(endpoint.as_str()),
        }
    }
}

/// An error with all that is behind it.
pub(super) struct Chain(pub(super) BoxError);

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
