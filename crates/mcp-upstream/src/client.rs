//! The pooled HTTP client, of which there are two.
//!
//! Where HTTP/1.1 is what will be spoken, connections are [driven by whoever waits](crate::direct), which costs least.
//! Where it may be HTTP/2, they are hyper-util's, each with a task.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client as Pooled};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use portcullis_core::{Body, BoxError};
use rustls::ClientConfig;
use tokio::net::TcpStream;

use crate::HttpVersion;
use crate::dial::Dial;
use crate::direct::{Direct, DirectBody};
use crate::retry::Budget;
use crate::timeout::Limits;

/// Makes connections.
pub(crate) type Connector = Dial<HttpsConnector<HttpConnector>>;

/// A connection's bytes.
pub(crate) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

pub(crate) enum Client {
    Direct(Arc<Direct>),
    /// A server lets a connection carry so many streams of HTTP/2 at a time and no more, often a hundred. Those that
    /// never end get a connection of their own, or a hundred of them would stop every call.
    Shared {
        calls: Box<Pooled<Connector, Body>>,
        listens: Box<Pooled<Connector, Body>>,
    },
}

impl Client {
    /// Sends a request; `listens` if its answer is a stream without an end.
    pub(crate) fn request(&self, request: Request<Body>, listens: bool) -> Sent {
        match self {
            Self::Direct(client) => Sent::Direct(Box::pin(Arc::clone(client).send(request))),
            Self::Shared { listens: client, .. } if listens => Sent::Shared(client.request(request)),
            Self::Shared { calls: client, .. } => Sent::Shared(client.request(request)),
        }
    }
}

/// Waits for the head of a response.
pub(crate) enum Sent {
    Direct(Pin<Box<dyn Future<Output = Result<Response<DirectBody>, Lost>> + Send>>),
    Shared(legacy::ResponseFuture),
}

impl Future for Sent {
    type Output = Result<Response<Frames>, Lost>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Direct(sent) => sent.as_mut().poll(cx).map_ok(|response| response.map(Frames::Direct)),
            Self::Shared(sent) => {
                Pin::new(sent).poll(cx).map_ok(|response| response.map(Frames::Shared)).map_err(Lost::Shared)
            }
        }
    }
}

/// Why there is no response.
#[derive(Debug)]
pub(crate) enum Lost {
    /// No connection could be made.
    Connect(BoxError),
    /// The connection broke.
    Exchange(hyper::Error),
    /// Either of the two, as hyper-util's client tells it.
    Shared(legacy::Error),
}

impl Lost {
    /// Whether no connection could be made.
    pub(crate) fn is_connect(&self) -> bool {
        match self {
            Self::Connect(_) => true,
            Self::Exchange(_) => false,
            Self::Shared(error) => error.is_connect(),
        }
    }

    pub(crate) fn error(&self) -> &(dyn std::error::Error + 'static) {
        match self {
            Self::Connect(error) => &**error,
            Self::Exchange(error) => error,
            Self::Shared(error) => error,
        }
    }
}

/// The body of a response, as it comes from the connection.
#[derive(Debug)]
pub(crate) enum Frames {
    Direct(DirectBody),
    Shared(Incoming),
}

impl HttpBody for Frames {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Direct(body) => Pin::new(body).poll_frame(cx),
            Self::Shared(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Direct(body) => body.is_end_stream(),
            Self::Shared(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Direct(body) => body.size_hint(),
            Self::Shared(body) => body.size_hint(),
        }
    }
}

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

        let secure = uri.scheme_str() == Some("https");
        let dial = Dial::new(connector, self.limits.connect, budget);
        // Without TLS there is nothing to choose a version by.
        let is_http1 = self.version == HttpVersion::Http1 || (self.version == HttpVersion::Auto && !secure);
        if is_http1 && let Some(direct) = Direct::new(uri, dial.clone(), self.max_idle) {
            return Client::Direct(Arc::new(direct));
        }
        let mut shared = Pooled::builder(TokioExecutor::new());
        shared
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(self.max_idle)
            .http2_only(self.version == HttpVersion::Http2)
            // The number of headers is limited to 100 by default; a number of our own would cost an allocation per call.
            .http1_max_buf_size(MAX_HEAD)
            .http2_max_header_list_size(64 * 1024)
            .timer(TokioTimer::new())
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(Duration::from_secs(20));
        Client::Shared { calls: Box::new(shared.build(dial.clone())), listens: Box::new(shared.build(dial)) }
    }
}
