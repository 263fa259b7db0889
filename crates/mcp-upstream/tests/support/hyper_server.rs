//! Real servers: hyper, over HTTP/1.1 and HTTP/2.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use portcullis_core::Body;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

/// What a server does with each request. The body has been read by then.
pub(crate) trait Answer: Clone + Send + Sync + 'static {
    fn answer(&self, request: Request<Bytes>) -> impl Future<Output = Response<Body>> + Send;
}

impl<F, R> Answer for F
where
    F: Fn(Request<Bytes>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Response<Body>> + Send,
{
    fn answer(&self, request: Request<Bytes>) -> impl Future<Output = Response<Body>> + Send {
        self(request)
    }
}

/// Serves HTTP/1.1, and HTTP/2 to those who know it, on a port of its own.
pub(crate) async fn serve_http(answer: impl Answer) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            socket.set_nodelay(true).unwrap();
            tokio::spawn(serve_io(socket, answer.clone()));
        }
    });
    address
}

/// Serves one connection to its end.
pub(crate) async fn serve_io<I>(io: I, answer: impl Answer)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let answer = answer.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = match body.collect().await {
                Ok(body) => body.to_bytes(),
                Err(_) => Bytes::new(),
            };
            Ok::<_, Infallible>(answer.answer(Request::from_parts(head, body)).await)
        }
    });
    // The client may go away in the middle; whether it does is what the tests look at.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(io), service).await;
}

/// Tells when it is dropped: the server has stopped working on an answer.
pub(crate) struct Gone(pub(crate) tokio::sync::mpsc::UnboundedSender<()>);

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

impl Gone {
    /// A body that sends some text and then nothing, until somebody closes it.
    pub(crate) fn after(self, text: String) -> Body {
        struct Endless(Option<Full<Bytes>>, #[expect(dead_code, reason = "is dropped with the body")] Gone);
        impl http_body::Body for Endless {
            type Data = Bytes;
            type Error = Infallible;
            fn poll_frame(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
                match self.0.take() {
                    Some(mut text) => Pin::new(&mut text).poll_frame(cx),
                    None => Poll::Pending,
                }
            }
        }
        Body::new(Endless(Some(Full::new(text.into())), self))
    }
}
