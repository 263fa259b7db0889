use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use portcullis_core::BoxError;
use rustls::pki_types::CertificateDer;
use tokio::sync::Semaphore;

use super::{HttpFetch, Inner, tls};

/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(30);

/// How many of those are kept for each server.
const MAX_IDLE: usize = 2;

/// The most bytes of a response's head.
const MAX_HEAD: usize = 64 * 1024;

/// Makes an [`HttpFetch`].
#[derive(Clone, Debug)]
#[must_use]
pub struct HttpFetchBuilder {
    timeout: Duration,
    max_body: usize,
    max_exchanges: usize,
    roots: Vec<CertificateDer<'static>>,
}

impl HttpFetchBuilder {
    pub(super) fn new() -> Self {
        Self { timeout: Duration::from_secs(5), max_body: 1024 * 1024, max_exchanges: 32, roots: Vec::new() }
    }

    /// How long a whole exchange may take, from the wait for a turn to the last byte of the answer. Five seconds by
    /// default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How large an answer may be, in bytes; one mebibyte by default.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// How many exchanges may be under way at a time, 32 by default and at least one. The next one waits for its turn.
    pub fn max_exchanges(mut self, exchanges: usize) -> Self {
        self.max_exchanges = exchanges.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Trusts these certificates too, beside the roots of the operating system.
    ///
    /// # Errors
    ///
    /// If the text is not PEM, or holds no certificate.
    pub fn extra_root_certificates(mut self, pem: &[u8]) -> Result<Self, HttpFetchError> {
        self.roots.extend(tls::certificates(pem)?);
        Ok(self)
    }

    /// Reads the roots of the operating system and makes the client. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// If an extra root cannot be used, or there is no root at all.
    pub fn build(self) -> Result<HttpFetch, HttpFetchError> {
        let mut tcp = HttpConnector::new();
        // Whether `http` may be spoken to a server is what its `Endpoint` says.
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(self.timeout));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::config(&self.roots)?)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .http1_max_buf_size(MAX_HEAD)
            .http2_max_header_list_size(MAX_HEAD as u32)
            .timer(TokioTimer::new())
            .build(connector);
        let Self { timeout, max_body, max_exchanges, .. } = self;
        let exchanges = Semaphore::new(max_exchanges);
        Ok(HttpFetch { inner: Arc::new(Inner { client, timeout, max_body, exchanges }) })
    }
}

/// Why there is no client.
#[derive(Debug)]
pub struct HttpFetchError {
    flaw: &'static str,
    source: Option<BoxError>,
}

impl HttpFetchError {
    pub(super) fn new(flaw: &'static str, source: Option<BoxError>) -> Self {
        Self { flaw, source }
    }
}

impl fmt::Display for HttpFetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.flaw)
    }
}

impl std::error::Error for HttpFetchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}
