//! The yardstick: a reverse proxy as a competent engineer writes it with hyper, and nothing else in it.
//!
//! One pooled client, bodies streamed both ways, `TCP_NODELAY` on either side, the default runtime and allocator. It
//! does not read what it carries, so it is the least a hop through hyper can cost.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use hyper::header::CONNECTION;
use hyper::http::uri::{Authority, Scheme, Uri};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpListener;

type Forward = Client<HttpConnector, Incoming>;

/// Forwards every connection's requests to `to` until the process ends.
pub(crate) async fn serve(listener: TcpListener, to: SocketAddr) -> io::Result<()> {
    let authority = Authority::try_from(to.to_string()).map_err(io::Error::other)?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Forward =
        Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (client, authority) = (client.clone(), authority.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| forward(client.clone(), authority.clone(), request));
            // A connection that breaks is the client's doing.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn forward(
    client: Forward,
    authority: Authority,
    mut request: Request<Incoming>,
) -> io::Result<Response<Either<Incoming, Empty<Bytes>>>> {
    let mut uri = std::mem::take(request.uri_mut()).into_parts();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(authority);
    *request.uri_mut() = Uri::from_parts(uri).map_err(io::Error::other)?;
    request.headers_mut().remove(CONNECTION);
    let Ok(response) = client.request(request).await else {
        let mut response = Response::new(Either::Right(Empty::new()));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        return Ok(response);
    };
    let mut response = response.map(Either::Left);
    response.headers_mut().remove(CONNECTION);
    Ok(response)
}
