//! HTTP/1.1 connections without a task of their own.
//!
//! A pooled client gives each connection a task, which hands every frame of a body over to whoever waits for it: two tasks
//! take turns for each frame, often on two processors. An answer in ten events then costs ten hand-overs, and each one
//! leaves the gateway by itself. Here whoever waits for a response *drives* the connection it comes on, so what one read
//! brings is there at one time, and a call costs no wake-up but that of the socket.
//!
//! HTTP/2 carries many calls on one connection, which therefore needs a task; see [`client`](crate::client).

mod pool;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use portcullis_core::Body;

use self::pool::{Connection, Pool};
use crate::client::{Connector, Lost, MAX_HEAD};

/// One server's connections.
pub(crate) struct Direct {
    dial: Connector,
    pool: Arc<Pool>,
    uri: Uri,
    host: HeaderValue,
}

impl Direct {
    /// Connections to the authority of `uri`, which the builder has checked.
    pub(crate) fn new(uri: &Uri, dial: Connector, max_idle: usize) -> Option<Self> {
        let host = HeaderValue::from_str(uri.authority()?.as_str()).ok()?;
        Some(Self { dial, pool: Arc::new(Pool::new(max_idle)), uri: uri.clone(), host })
    }

    /// Sends a request on a connection that is idle, or on a new one, and waits for the head of its response.
    pub(crate) async fn send(
        self: Arc<Self>,
        mut request: Request<Body>,
    ) -> Result<Response<DirectBody>, Lost> {
        // Of the target only the path is sent; the authority is always that of this server.
        if let Some(path) = request.uri().path_and_query().cloned() {
            *request.uri_mut() = path.into();
        }
        request.headers_mut().insert(header::HOST, self.host.clone());
        loop {
            let (mut connection, used) = match self.pool.take() {
                Some(connection) => (connection, true),
                None => (self.connect().await?, false),
            };
            match exchange(&mut connection, request).await {
                Ok(response) => {
                    let pool = Arc::clone(&self.pool);
                    return Ok(response.map(|frames| DirectBody {
                        frames: Some(frames),
                        connection: Some(connection),
                        pool,
                    }));
                }
                // Not a byte of it was sent: the server had closed the connection while it was idle.
                Err((_, Some(unsent))) if used => request = unsent,
                Err((error, _)) => return Err(Lost::Exchange(error)),
            }
        }
    }

    async fn connect(&self) -> Result<Connection, Lost> {
        let mut dial = self.dial.clone();
        poll_fn(|cx| tower_service::Service::poll_ready(&mut dial, cx)).await.map_err(Lost::Connect)?;
        let io = tower_service::Service::call(&mut dial, self.uri.clone()).await.map_err(Lost::Connect)?;
        let (sender, driver) =
            http1::Builder::new().max_buf_size(MAX_HEAD).handshake(io).await.map_err(Lost::Exchange)?;
        Ok(Connection::new(sender, driver))
    }
}

type Unsent = Option<Request<Body>>;

async fn exchange(
    connection: &mut Connection,
    request: Request<Body>,
) -> Result<Response<Incoming>, (hyper::Error, Unsent)> {
    let mut sent = std::pin::pin!(connection.sender.try_send_request(request));
    let response = poll_fn(|cx| {
        // The response may be there before the connection's end is noticed, so the future is asked last.
        connection.drive(cx);
        sent.as_mut().poll(cx)
    });
    response.await.map_err(|mut error| {
        let unsent = error.take_message();
        (error.into_error(), unsent)
    })
}

/// The body of a response, and the connection that it comes on.
///
/// At its end the connection is idle. Dropped before that, the connection is closed, unless what is missing has arrived.
pub(crate) struct DirectBody {
    /// There until the body is dropped.
    frames: Option<Incoming>,
    connection: Option<Connection>,
    pool: Arc<Pool>,
}

impl DirectBody {
    fn park(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.park(connection);
        }
    }
}

impl HttpBody for DirectBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let Some(frames) = &mut this.frames else { return Poll::Ready(None) };
        let mut frame = Pin::new(&mut *frames).poll_frame(cx);
        if frame.is_pending()
            && let Some(connection) = &mut this.connection
        {
            connection.drive(cx);
            frame = Pin::new(frames).poll_frame(cx);
        }
        if let Poll::Ready(None) = frame {
            this.park();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.frames.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.frames.as_ref().map_or(SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for DirectBody {
    fn drop(&mut self) {
        // Without its reader the connection reads what is there of the body, and is of no more use if something is not.
        self.frames = None;
        self.park();
    }
}

impl std::fmt::Debug for DirectBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectBody").field("frames", &self.frames).finish_non_exhaustive()
    }
}
