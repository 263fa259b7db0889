//! `DecodeLayer` from outside: HTTP requests in, HTTP responses out.
#![expect(clippy::unwrap_used, reason = "what a test is made of must not fail")]

mod refusal;
mod reply;
mod stream;

use std::pin::Pin;
use std::task::{Context, Waker};

use http::{Request, Response};
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::{Decode, DecodeLayer};
use portcullis_testkit::{Act, Scripted};
use tower::{Layer, ServiceExt};

/// A service that does this with every call, behind a decoder with the defaults.
fn decoded(act: Act) -> Decode<Scripted> {
    DecodeLayer::new().layer(Scripted::always(act))
}

async fn send<B>(service: &Decode<Scripted>, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<portcullis_core::BoxError>,
{
    let Ok(response) = service.clone().oneshot(request).await;
    response
}

/// Waits for the decoder as a server does, and calls the very instance that is ready.
async fn send_ready(service: &mut Decode<Scripted>, request: Request<Body>) -> Response<Body> {
    let Ok(ready) = ServiceExt::<Request<Body>>::ready(service).await;
    let Ok(response) = tower::Service::call(ready, request).await;
    response
}

fn is_pending(future: Pin<&mut impl Future>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_pending()
}
