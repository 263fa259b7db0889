//! The pooled HTTP client.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pooled;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use portcullis_core::Body;
use rustls::ClientConfig;

use crate::HttpVersion;
use crate::dial::Dial;
use crate::retry::Budget;
use crate::timeout::Limits;

pub(crate) type Client = Pooled<Dial<HttpsConnector<HttpConnector>>, Body>;

/// The most bytes of a response's head, which is also the most that one read takes from the socket.
pub(crate) const MAX_HEAD: usize = 128 * 1024;

/// Pings on HTTP/2 connections that wait for something, and TCP's own on those that do not: what finds out that the
/// other side is gone without a word.
const PING: Duration = Duration::from_secs(30);

pub(crate) struct Pool {
    pub(crate) version: HttpVersion,
    pub(crate) max_idle: usize,
    pub(crate) limits: Limits,
}

impl Pool {
    /// A client for one server. `tls` must have been made for `https`.
    pub(crate) fn client(&self, uri: &Uri, tls: ClientConfig, budget: Arc<Budget>) -> Client {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(PING));
        tcp.set_connect_timeout(Some(self.limits.connect));

        let schemes = HttpsConnectorBuilder::new().with_tls_config(tls);
        let schemes = match uri.scheme_str() {
            Some("https") => schemes.https_only(),
            _ => schemes.https_or_http(),
        };
        let connector = match self.version {
            HttpVersion::Auto => schemes.enable_http1().enable_http2().wrap_connector(tcp),
            HttpVersion::Http1 => schemes.enable_http1().wrap_connector(tcp),
            HttpVersion::Http2 => schemes.enable_http2().wrap_connector(tcp),
        };

        Pooled::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(self.max_idle)
            .http2_only(self.version == HttpVersion::Http2)
            // The number of headers is limited to 100 by default; a number of our own would cost an allocation per call.
            .http1_max_buf_size(MAX_HEAD)
            .http2_max_header_list_size(64 * 1024)
            .timer(TokioTimer::new())
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(Duration::from_secs(20))
            .build(Dial::new(connector, self.limits.connect, budget))
    }
}
