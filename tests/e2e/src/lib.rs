//! What the end-to-end tests share: real servers and a real portal on loopback, and a client that writes raw HTTP.
//!
//! ```text
//! RawClient ── HTTP/1.1 ──▶ Decode ─ Portal ─ HttpUpstream ── HTTP/1.1 ──▶ Decode ─ Scripted
//! ```
//!
//! Everything between the two ends is what a deployment runs. The ends are under the tests' control.
#![expect(clippy::expect_used, clippy::panic, reason = "a test says that it failed by a panic")]

pub mod issuer;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::Either;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::{Call, DecodeLayer, Failure, Fragment, Message, Reply};
use portcullis_mcp_upstream::HttpUpstream;
use portcullis_portal::{Builder, Portal, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, Service};

/// How long anything may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Serves an HTTP service on a port of its own until the runtime ends.
pub async fn serve<S>(service: S) -> SocketAddr
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on loopback");
    let address = listener.local_addr().expect("the port that was taken");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                // A connection that breaks is what some of the tests are about.
                let served = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                drop(served.await);
            });
        }
    });
    address
}

/// Serves a message-level service as an MCP server, which says what it speaks to whoever asks.
pub async fn serve_messages<S>(service: S) -> SocketAddr
where
    S: Service<Call, Response = Reply, Error = Failure> + Clone + Send + 'static,
    S::Future: Send,
{
    serve(DecodeLayer::new().layer(Discoverable { inner: service })).await
}

/// Answers `server/discover`, so that a script need not: whether an upstream asks is the upstream's affair.
#[derive(Clone, Debug)]
struct Discoverable<S> {
    inner: S,
}

impl<S: Service<Call, Response = Reply>> Service<Call> for Discoverable<S> {
    type Response = Reply;
    type Error = S::Error;
    type Future = Either<Ready<Result<Reply, S::Error>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        match call.message().id() {
            Some(id) if call.method() == "server/discover" => {
                let result = Fragment::parse(DISCOVERED).expect("an object");
                Either::Left(ready(Ok(Reply::message(Message::from_result(id, &result)))))
            }
            _ => Either::Right(self.inner.call(call)),
        }
    }
}

/// What a server says that is asked which MCP it speaks: that of 2026-07-28.
pub const DISCOVERED: &str = r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{},"ttlMs":0,"cacheScope":"private"}"#;

/// The server at `address`, under an id, for a portal, which finds out what it speaks.
pub fn upstream(id: &str, address: SocketAddr) -> Server {
    let upstream = HttpUpstream::builder(&url(address)).expect("a URL").build().expect("an upstream");
    Server::new(id, upstream).expect("an id")
}

/// The URL of the MCP endpoint at `address`.
pub fn url(address: SocketAddr) -> String {
    format!("http://{address}/mcp")
}

/// Serves a portal in front of the given servers.
pub async fn serve_portal(servers: impl IntoIterator<Item = Server>) -> SocketAddr {
    let builder = servers.into_iter().fold(Portal::builder("e2e"), Builder::server);
    serve(DecodeLayer::new().layer(builder.build().expect("a portal"))).await
}

/// A connection to a server, on which requests are written as bytes.
#[derive(Debug)]
pub struct RawClient {
    stream: TcpStream,
    address: SocketAddr,
    read: Vec<u8>,
}

impl RawClient {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        Self { stream, address, read: Vec::new() }
    }

    /// Sends bytes as they are.
    pub async fn send_raw(&mut self, bytes: &[u8]) {
        // A server may hang up on bad input before it has read all of it.
        drop(self.stream.write_all(bytes).await);
    }

    /// Sends a request.
    pub async fn send(&mut self, request: Request<Body>) {
        let (head, body) = request.into_parts();
        let body = body.collect().await.expect("a body of bytes").to_bytes();
        let mut text = format!("{} /mcp HTTP/1.1\r\nhost: {}\r\n", head.method, self.address).into_bytes();
        for (name, value) in head.headers.iter().filter(|(name, _)| *name != http::header::HOST) {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        text.extend_from_slice(&body);
        self.send_raw(&text).await;
    }

    /// Reads until what was read holds `needle`; gives all that was read so far.
    ///
    /// # Panics
    ///
    /// If it does not come.
    pub async fn read_until(&mut self, needle: &str) -> String {
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                let text = String::from_utf8_lossy(&self.read).into_owned();
                if text.contains(needle) {
                    return text;
                }
                let mut chunk = vec![0; 64 * 1024];
                match self.stream.read(&mut chunk).await {
                    Ok(0) | Err(_) => panic!("the connection ended before {needle:?} came: {text}"),
                    Ok(count) => self.read.extend_from_slice(chunk.get(..count).unwrap_or_default()),
                }
            }
        });
        found.await.unwrap_or_else(|_| panic!("{needle:?} did not come"))
    }
}

/// Sends a request on a connection of its own and reads the whole response.
///
/// # Panics
///
/// If there is none in time.
pub async fn ask(address: SocketAddr, request: Request<Body>) -> (http::response::Parts, Bytes) {
    let exchange = async {
        let stream = TcpStream::connect(address).await.expect("a connection");
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("a handshake");
        let driver = tokio::spawn(connection);
        let (mut head, body) = request.into_parts();
        head.uri = http::Uri::from_static("/mcp");
        let host = address.to_string().parse().expect("an address is a header value");
        head.headers.insert(http::header::HOST, host);
        let response = sender.send_request(Request::from_parts(head, body)).await.expect("a response");
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        drop(sender);
        drop(driver.await);
        (head, body)
    };
    tokio::time::timeout(PATIENCE, exchange).await.expect("an answer in time")
}

/// Sends a request and reads the one message of its answer.
///
/// # Panics
///
/// If there is not exactly one.
pub async fn ask_message(address: SocketAddr, request: Request<Body>) -> (http::StatusCode, Message) {
    let (head, body) = ask(address, request).await;
    let message = Message::parse(body).expect("a message");
    (head.status, message)
}

/// Waits until something is the case.
///
/// # Panics
///
/// If it is not in time.
pub async fn until(limit: Duration, what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let start = std::time::Instant::now();
    while !is_so() {
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    start.elapsed()
}
