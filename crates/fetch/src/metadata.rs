//! What an authorization server says about itself (RFC 8414, OpenID Connect Discovery 1.0).

mod error;
mod places;

use http::{Response, StatusCode};
use portcullis_core::json;
use serde::Deserialize;

pub use error::DiscoverError;
use error::{Flaw, Try};

use crate::{Endpoint, Fetch};

/// What an authorization server says about itself: where its keys and its endpoints are.
///
/// ```
/// use portcullis_fetch::{Endpoint, ServerMetadata};
///
/// let issuer = Endpoint::new("https://login.example.com")?;
/// let document = br#"{
///     "issuer": "https://login.example.com",
///     "jwks_uri": "https://login.example.com/keys"
/// }"#;
/// let metadata = ServerMetadata::parse(document, &issuer)?;
/// assert_eq!(metadata.jwks_uri().map(Endpoint::as_str), Some("https://login.example.com/keys"));
///
/// // The document of another issuer says nothing about this one.
/// let other = Endpoint::new("https://login.example.com/")?;
/// assert!(ServerMetadata::parse(document, &other).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerMetadata {
    issuer: Endpoint,
    jwks_uri: Option<Endpoint>,
    token_endpoint: Option<Endpoint>,
    introspection_endpoint: Option<Endpoint>,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: Option<String>,
    token_endpoint: Option<String>,
    introspection_endpoint: Option<String>,
}

impl ServerMetadata {
    /// Reads the document of an issuer. URLs in it must be `https`, unless the issuer itself was allowed not to be.
    ///
    /// # Errors
    ///
    /// If it is no such document, a URL in it is not fit, or it is not this issuer's: its `issuer` must be the same text,
    /// byte by byte.
    pub fn parse(document: &[u8], issuer: &Endpoint) -> Result<Self, DiscoverError> {
        Self::read(document, issuer).map_err(|flaw| DiscoverError::new(issuer, vec![Try::new(issuer, flaw)]))
    }

    fn read(document: &[u8], issuer: &Endpoint) -> Result<Self, Flaw> {
        let document: Document = json::from_slice(document).map_err(Flaw::Document)?;
        // First of all: nothing else in the document counts if it is somebody else's.
        if document.issuer != issuer.as_str() {
            return Err(Flaw::Issuer(document.issuer));
        }
        let endpoint = |name, text: Option<String>| {
            let read = |text: String| issuer.named(&text).map_err(|error| Flaw::Endpoint(name, error));
            text.map(read).transpose()
        };
        Ok(Self {
            issuer: issuer.clone(),
            jwks_uri: endpoint("jwks_uri", document.jwks_uri)?,
            token_endpoint: endpoint("token_endpoint", document.token_endpoint)?,
            introspection_endpoint: endpoint("introspection_endpoint", document.introspection_endpoint)?,
        })
    }

    /// Who it is.
    #[must_use]
    pub fn issuer(&self) -> &Endpoint {
        &self.issuer
    }

    /// Where the keys are that the server signs with.
    #[must_use]
    pub fn jwks_uri(&self) -> Option<&Endpoint> {
        self.jwks_uri.as_ref()
    }

    /// Where tokens are issued and exchanged.
    #[must_use]
    pub fn token_endpoint(&self) -> Option<&Endpoint> {
        self.token_endpoint.as_ref()
    }

    /// Where the server tells what an opaque token stands for (RFC 7662).
    #[must_use]
    pub fn introspection_endpoint(&self) -> Option<&Endpoint> {
        self.introspection_endpoint.as_ref()
    }
}

/// Asks an issuer for its metadata, at the places and in the order that MCP names.
///
/// A place without a usable document is passed over for the next. A server that does not answer, or not now (`429`,
/// `5xx`), ends the search: it may well have the document that the next place would contradict.
///
/// # Errors
///
/// If no place has a usable document of this very issuer. The error tells what is wrong with each.
pub async fn discover(fetch: &dyn Fetch, issuer: &Endpoint) -> Result<ServerMetadata, DiscoverError> {
    let mut tries = Vec::new();
    for place in places::of(issuer) {
        let place = match place {
            Ok(place) => place,
            Err(error) => {
                tries.push(Try::new(issuer, Flaw::Endpoint("issuer", error)));
                break;
            }
        };
        let flaw = match fetch.fetch(place.get()).await {
            Ok(response) => match judge(&response, issuer) {
                Ok(metadata) => return Ok(metadata),
                Err(flaw) => flaw,
            },
            Err(error) => Flaw::Fetch(error),
        };
        let is_final = flaw.is_transient();
        tries.push(Try::new(&place, flaw));
        if is_final {
            break;
        }
    }
    Err(DiscoverError::new(issuer, tries))
}

fn judge(response: &Response<bytes::Bytes>, issuer: &Endpoint) -> Result<ServerMetadata, Flaw> {
    match response.status() {
        StatusCode::OK => ServerMetadata::read(response.body(), issuer),
        status => Err(Flaw::Status(status)),
    }
}

#[cfg(test)]
mod tests;
