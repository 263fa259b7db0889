use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header};

/// The absolute URL of a server that documents and secrets may be exchanged with.
///
/// It is `https` unless somebody asked for less by name, and holds no credentials and no fragment.
///
/// ```
/// use portcullis_fetch::Endpoint;
///
/// assert!(Endpoint::new("https://login.example.com/keys").is_ok());
/// assert!(Endpoint::new("http://login.example.com/keys").is_err());
/// assert!(Endpoint::insecure_http("http://127.0.0.1:4444/keys").is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    text: Arc<str>,
    uri: Uri,
    insecure: bool,
}

impl Endpoint {
    /// An `https` URL.
    ///
    /// # Errors
    ///
    /// Any other scheme, credentials in the URL, a fragment, or no URL at all.
    pub fn new(text: &str) -> Result<Self, EndpointError> {
        Self::read(text, false)
    }

    /// An `http` or `https` URL. What goes over `http` can be read and changed on the way; for tests on one machine.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new), `http` aside.
    pub fn insecure_http(text: &str) -> Result<Self, EndpointError> {
        Self::read(text, true)
    }

    /// Reads a URL that this server has named: `http` only if this one was allowed to be.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn named(&self, text: &str) -> Result<Self, EndpointError> {
        Self::read(text, self.insecure)
    }

    /// The very text it was read from. Names of issuers are compared by this, since a URL can be written in many ways and
    /// an issuer is named in one (RFC 8414, section 3.3).
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A request for the document there.
    #[must_use]
    pub fn get(&self) -> Request<Bytes> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = self.uri.clone();
        // RFC 7517, section 8.5, has a type of its own for keys.
        let accept = HeaderValue::from_static("application/json, application/jwk-set+json");
        request.headers_mut().insert(header::ACCEPT, accept);
        request
    }

    /// The URL.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The host, for messages.
    #[must_use]
    pub fn host(&self) -> &str {
        self.uri.host().unwrap_or_default()
    }

    fn read(text: &str, insecure: bool) -> Result<Self, EndpointError> {
        let flawed = |flaw| Err(EndpointError::new(flaw));
        // The parser drops a fragment without a word, so it is looked for first.
        if text.contains('#') {
            return flawed("holds a fragment, which is never sent");
        }
        let Ok(uri) = text.parse::<Uri>() else { return flawed("is not a URL") };
        let host = uri.host().unwrap_or_default();
        match uri.scheme_str() {
            Some("http") if !insecure => return flawed("must start with https://"),
            Some("https" | "http") if host.is_empty() => return flawed("names no host"),
            Some("https" | "http") => {}
            _ => return flawed("must start with https://"),
        }
        match uri.authority() {
            Some(authority) if authority.as_str().contains('@') => flawed("holds a user or password"),
            _ => Ok(Self { text: text.into(), uri, insecure }),
        }
    }
}

/// A URL that is not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointError {
    flaw: &'static str,
}

impl EndpointError {
    pub(crate) fn new(flaw: &'static str) -> Self {
        Self { flaw }
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.flaw)
    }
}

impl std::error::Error for EndpointError {}
