//! Sockets to requests: listens, accepts, and hands each connection to hyper.

mod http;
mod sniff;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::Service;
use hyper::{Request, Response};
use portcullis_core::{Body, Peer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use self::http::Http;

/// The shortest and the longest pause after a failure to accept.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// A service that hyper can serve on many connections.
pub(crate) trait Serve:
    Service<Request<Incoming>, Response = Response<Body>, Error = std::convert::Infallible, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<S> Serve for S where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = std::convert::Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// Tells the service inside from where each request comes.
#[derive(Clone, Debug)]
struct FromPeer<S> {
    inner: S,
    peer: Peer,
}

impl<S: Serve> Service<Request<Incoming>> for FromPeer<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, mut request: Request<Incoming>) -> S::Future {
        request.extensions_mut().insert(self.peer);
        self.inner.call(request)
    }
}

/// What all listeners share.
#[derive(Clone, Debug)]
pub(crate) struct Acceptor {
    /// As many connections as may be open. Whoever comes when all are taken waits in the kernel's queue.
    slots: Arc<Semaphore>,
    /// The connections that are open.
    connections: TaskTracker,
    /// When to stop.
    drain: CancellationToken,
}

impl Acceptor {
    pub(crate) fn new(max_connections: usize, connections: TaskTracker, drain: CancellationToken) -> Self {
        Self { slots: Arc::new(Semaphore::new(max_connections)), connections, drain }
    }

    /// Accepts until the drain begins. `http` is asked for each connection, so that a reload reaches the next one.
    pub(crate) async fn accept<S: Serve>(
        self,
        listener: TcpListener,
        service: S,
        http: impl Fn() -> Arc<Http>,
    ) {
        let mut pause = PAUSE.0;
        loop {
            let (slot, accepted) = tokio::select! {
                biased;
                () = self.drain.cancelled() => return,
                next = self.next(&listener) => next,
            };
            match accepted {
                Ok((stream, address)) => {
                    pause = PAUSE.0;
                    let service = FromPeer { inner: service.clone(), peer: Peer { address } };
                    let (http, drain) = (http(), self.drain.child_token());
                    self.connections.spawn(async move {
                        serve_stream(&http, stream, service, &drain).await;
                        drop(slot);
                    });
                }
                Err(error) if is_of_the_peer(&error) => {}
                // Out of descriptors or memory: only time helps, and trying at once would take a whole core.
                Err(error) => {
                    tracing::warn!(%error, pause_ms = pause.as_millis(), "cannot accept a connection");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
        }
    }

    async fn next(
        &self,
        listener: &TcpListener,
    ) -> (Option<tokio::sync::OwnedSemaphorePermit>, io::Result<(TcpStream, SocketAddr)>) {
        // The semaphore is never closed.
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok();
        (slot, listener.accept().await)
    }
}

/// Serves one connection, as the version of HTTP that its first bytes tell.
async fn serve_stream<S: Serve>(http: &Http, stream: TcpStream, service: S, drain: &CancellationToken) {
    // Small answers must not wait for the acknowledgement of earlier ones. Without it they are late, not wrong.
    let _ = stream.set_nodelay(true);
    // Each is boxed, so that a connection costs the memory of what it is doing and no more.
    match Box::pin(sniff::version(&stream, http.patience(), drain)).await {
        Some(sniff::Version::One) => Box::pin(http.serve_one(stream, service, drain)).await,
        Some(sniff::Version::Two) => Box::pin(http.serve_two(stream, service, drain)).await,
        None => {}
    }
}

/// Whether the connection broke before it was accepted; the next one may be fine.
fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// Listens on all addresses, or on none.
///
/// # Errors
///
/// The first address that cannot be had.
pub(crate) async fn bind(addresses: &[String]) -> Result<Vec<(TcpListener, SocketAddr)>, BindError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        listeners.push(bind_one(address).await?);
    }
    Ok(listeners)
}

/// Listens on one address; says which port was really taken.
///
/// # Errors
///
/// If the address cannot be had.
pub(crate) async fn bind_one(address: &str) -> Result<(TcpListener, SocketAddr), BindError> {
    let taken = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    taken.await.map_err(|source| BindError { address: address.to_owned(), source })
}

/// An address that could not be listened on.
#[derive(Debug)]
pub struct BindError {
    address: String,
    source: io::Error,
}

impl BindError {
    /// Whether somebody else listens there.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

impl std::fmt::Display for BindError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot listen on {}: {}", self.address, self.source)
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
