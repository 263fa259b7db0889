use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header as names};
use http_body::Body as HttpBody;
use portcullis_core::{Body, BoxError, Trail, Verdict};
use tower_service::Service;

use super::layer::Settings;
use super::rejection::Rejection;
use super::{body, respond};
use crate::{Call, Failure, Message, Reply, header, rules};

/// A message-level service as an HTTP service; see [`DecodeLayer`](super::DecodeLayer).
#[derive(Debug)]
pub struct Decode<S> {
    inner: S,
    settings: Settings,
    /// Why the inner service is not ready and never will be. Told to the next caller.
    broken: Option<Failure>,
}

impl<S> Decode<S> {
    pub(super) fn new(inner: S, settings: Settings) -> Self {
        Self { inner, settings, broken: None }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

/// A clone is not ready, whatever the original is.
impl<S: Clone> Clone for Decode<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.settings.clone())
    }
}

impl<S, B> Service<Request<B>> for Decode<S>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = DecodeFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.broken.is_none()
            && let Err(error) = std::task::ready!(self.inner.poll_ready(cx))
        {
            self.broken = Some(Failure::from_error(error.into()));
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> DecodeFuture {
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        let broken = self.broken.take();
        let settings = self.settings.clone();
        DecodeFuture {
            inner: Box::pin(async move {
                match read(&settings, request).await {
                    Ok(call) => answer(&settings, ready, broken, call).await,
                    Err(rejection) => rejection.into_response(),
                }
            }),
        }
    }
}

/// Waits for the head of the response. The reply streams on in the response's body.
pub struct DecodeFuture {
    inner: Pin<Box<dyn Future<Output = Response<Body>> + Send>>,
}

impl Future for DecodeFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.inner.as_mut().poll(cx).map(Ok)
    }
}

impl std::fmt::Debug for DecodeFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DecodeFuture").finish_non_exhaustive()
    }
}

/// From an HTTP request to a call, or the reason why not.
async fn read<B>(settings: &Settings, request: Request<B>) -> Result<Call, Rejection>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let (mut head, body) = request.into_parts();
    let trail = Trail::enter(&mut head.extensions);
    let read = async {
        settings.guard.check(&head.uri, &head.headers)?;
        check_head(&head.method, &head.headers)?;
        let text = body::read(body, settings.max_body, settings.body_timeout).await?;
        let message = Message::parse(text)?;
        rules::check(&message, &head.headers).map_err(|violation| Rejection::of(violation, message.id()))?;
        Ok(message)
    };
    match read.await {
        Ok(message) => Ok(Call::from_parts(message, head)),
        Err(rejection) => {
            let rejection: Rejection = rejection;
            trail.record("mcp-jsonrpc", Verdict::Refuse(rejection.to_refusal()));
            Err(rejection)
        }
    }
}

pub(super) fn check_head(method: &Method, headers: &HeaderMap) -> Result<(), Rejection> {
    if method != Method::POST {
        return Err(Rejection::new(StatusCode::METHOD_NOT_ALLOWED, "Send each message with a POST."));
    }
    let content_type = header::only(headers, &names::CONTENT_TYPE).ok().flatten();
    if !content_type.is_some_and(header::is_json) {
        let text = "Content-Type must be application/json.";
        return Err(Rejection::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    if headers.get_all(names::CONTENT_ENCODING).iter().any(|encoding| encoding != "identity") {
        let text = "Content-Encoding is not supported.";
        return Err(Rejection::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    let accept = header::accepts(headers);
    if !(accept.json && accept.event_stream) {
        let text = "Accept must list both application/json and text/event-stream.";
        return Err(Rejection::new(StatusCode::NOT_ACCEPTABLE, text));
    }
    Ok(())
}

/// From a call to an HTTP response. Whatever goes wrong becomes an error with the caller's id.
async fn answer<S>(settings: &Settings, mut ready: S, broken: Option<Failure>, call: Call) -> Response<Body>
where
    S: Service<Call, Response = Reply>,
    S::Error: Into<BoxError>,
{
    let to = call.reply_to("mcp-jsonrpc");
    let answered = match broken {
        Some(failure) => Err(failure),
        None => ready.call(call).await.map_err(|error| Failure::from_error(error.into())),
    };
    match answered {
        Ok(reply) => respond::respond(reply, to, settings.keep_alive).await,
        Err(failure) => respond::json(&to.failure(&failure), None),
    }
}
