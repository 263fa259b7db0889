//! Fetching over HTTP.

mod build;
mod tls;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{Entry, USER_AGENT};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::sync::Semaphore;

pub use build::{HttpFetchBuilder, HttpFetchError};

use crate::{BoxFuture, Fetch, FetchError};

/// Some servers turn away whoever does not say what they are.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("portcullis/", env!("CARGO_PKG_VERSION")));

/// Fetches over HTTP, with TLS by rustls.
///
/// Cloning copies a pointer; clones share their connections.
///
/// ```
/// use std::time::Duration;
/// use portcullis_fetch::HttpFetch;
///
/// # let pem = rcgen::generate_simple_self_signed(["login.internal".to_owned()])?.cert.pem();
/// let fetch = HttpFetch::builder()
///     .timeout(Duration::from_secs(2))
///     .max_body(64 * 1024)
///     .extra_root_certificates(pem.as_bytes())?
///     .build()?;
///
/// assert!(HttpFetch::builder().extra_root_certificates(b"not a certificate").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct HttpFetch {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
    max_body: usize,
    /// One permit for each exchange under way.
    exchanges: Semaphore,
}

impl HttpFetch {
    /// Starts with five seconds, one mebibyte, and the roots of the operating system.
    pub fn builder() -> HttpFetchBuilder {
        HttpFetchBuilder::new()
    }
}

impl Inner {
    async fn exchange(&self, request: Request<Bytes>, host: &str) -> Result<Response<Bytes>, FetchError> {
        // The semaphore is never closed.
        let _permit = self.exchanges.acquire().await.map_err(|error| FetchError::unreachable(host, error))?;
        let response = self.client.request(request.map(Full::new)).await;
        let (head, body) = response.map_err(|error| FetchError::unreachable(host, error))?.into_parts();
        // What is announced as too large need not be read.
        if http_body::Body::size_hint(&body).lower() > self.max_body as u64 {
            return Err(FetchError::oversize(host));
        }
        match Limited::new(body, self.max_body).collect().await {
            Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(FetchError::oversize(host)),
            Err(error) => Err(FetchError::unreachable(host, error)),
        }
    }
}

impl Fetch for HttpFetch {
    fn fetch(&self, mut request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, FetchError>> {
        if let Entry::Vacant(entry) = request.headers_mut().entry(USER_AGENT) {
            entry.insert(AGENT);
        }
        let host = request.uri().host().unwrap_or_default().to_owned();
        Box::pin(async move {
            let exchange = self.inner.exchange(request, &host);
            match tokio::time::timeout(self.inner.timeout, exchange).await {
                Ok(answer) => answer,
                Err(_) => Err(FetchError::timeout(host)),
            }
        })
    }
}

impl fmt::Debug for HttpFetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { timeout, max_body, .. } = &*self.inner;
        let mut shown = f.debug_struct("HttpFetch");
        shown.field("timeout", timeout).field("max_body", max_body).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
