//! Looks after subscription streams: a layer that ends them politely when this process, or this set-up, is about to go,
//! and that keeps what is held for them small.
//!
//! A `subscriptions/listen` stream never ends by itself, so a drain would wait for it in vain, and a client whose
//! portal was reconfigured would listen to servers that nobody offers any more. The specification has words for this:
//! a result, after which the client may subscribe anew (2026-07-28, Subscriptions, "Graceful Closure").
//!
//! The portal keeps the call that began a stream for as long as the stream is open, and what hyper has read is a slice of
//! its buffer of 8 KiB. A copy of the few hundred bytes that matter lets that buffer go.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderValue, Uri};
use pin_project_lite::pin_project;
use portcullis_mcp_jsonrpc::{Call, Failure, Fragment, Id, Message, Reply};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tower_layer::Layer;
use tower_service::Service;

const LISTEN: &str = "subscriptions/listen";

/// Ends streams when `end` is cancelled.
#[derive(Clone, Debug)]
pub(crate) struct FarewellLayer {
    end: CancellationToken,
}

impl FarewellLayer {
    pub(crate) fn new(end: CancellationToken) -> Self {
        Self { end }
    }
}

impl<S> Layer<S> for FarewellLayer {
    type Service = Farewell<S>;

    fn layer(&self, inner: S) -> Farewell<S> {
        Farewell { inner, end: self.end.clone() }
    }
}

/// See [`FarewellLayer`]. Readiness is that of the inner service.
#[derive(Clone, Debug)]
pub(crate) struct Farewell<S> {
    inner: S,
    end: CancellationToken,
}

impl<S> Service<Call> for Farewell<S>
where
    S: Service<Call, Response = Reply>,
{
    type Response = Reply;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let (call, subscriber) = match call.id().cloned() {
            Some(id) if call.method() == LISTEN => (lean(call), Some((id, self.end.clone()))),
            _ => (call, None),
        };
        ResponseFuture { inner: self.inner.call(call), subscriber }
    }
}

/// The same call in memory of its own.
fn lean(call: Call) -> Call {
    let (message, mut head) = call.into_parts();
    // What was read once reads the same again, so the fallbacks are never taken.
    let copy = Message::parse(Bytes::copy_from_slice(message.text())).unwrap_or(message);
    for value in head.headers.values_mut() {
        let sensitive = value.is_sensitive();
        if let Ok(copy) = HeaderValue::from_bytes(value.as_bytes()) {
            *value = copy;
            value.set_sensitive(sensitive);
        }
    }
    if let Ok(copy) = Uri::try_from(head.uri.to_string()) {
        head.uri = copy;
    }
    Call::from_parts(copy, head)
}

pin_project! {
    /// The reply, which ends politely if it is a subscription.
    #[derive(Debug)]
    pub(crate) struct ResponseFuture<F> {
        #[pin]
        inner: F,
        subscriber: Option<(Id, CancellationToken)>,
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Reply, E>>,
{
    type Output = Result<Reply, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut reply = ready!(this.inner.poll(cx))?;
        // A single message is a refusal: there is no stream to end.
        Poll::Ready(Ok(match this.subscriber.take() {
            Some((id, end)) if reply.as_single().is_none() => {
                let extensions = std::mem::take(reply.extensions_mut());
                let mut ending = Reply::stream(Ending { reply, id, end: Box::pin(end.cancelled_owned()) });
                *ending.extensions_mut() = extensions;
                ending
            }
            _ => reply,
        }))
    }
}

/// A stream that ends with a result as soon as the end is near.
struct Ending {
    reply: Reply,
    id: Id,
    end: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Stream for Ending {
    type Item = Result<Message, Failure>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        match this.end.as_mut().poll(cx) {
            // The reply is over with its answer, so this stream is not polled again.
            Poll::Ready(()) => Poll::Ready(Some(Ok(farewell(&this.id)))),
            Poll::Pending => this.reply.poll_message(cx),
        }
    }
}

fn farewell(id: &Id) -> Message {
    let result = format!(
        r#"{{"resultType":"complete","_meta":{{"io.modelcontextprotocol/subscriptionId":{}}}}}"#,
        id.to_json()
    );
    Message::from_result(id, &Fragment::parse(result).unwrap_or_else(|_| Fragment::empty()))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::poll_fn;

    use tower::ServiceExt;

    use super::*;

    /// A stream that acknowledges and then stays silent.
    struct Silent(bool);

    impl Stream for Silent {
        type Item = Result<Message, Failure>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            if std::mem::replace(&mut self.0, true) {
                return Poll::Pending;
            }
            let method = "notifications/subscriptions/acknowledged";
            Poll::Ready(Some(Ok(Message::from_notification(method, &Fragment::empty()))))
        }
    }

    async fn reply(method: &str, end: &CancellationToken) -> Reply {
        let inner = tower::service_fn(async |_: Call| Ok::<_, Infallible>(Reply::stream(Silent(false))));
        let call = Call::new(Message::from_request(&Id::from("listen:0"), method, &Fragment::empty()));
        FarewellLayer::new(end.clone()).layer(inner).oneshot(call).await.unwrap()
    }

    #[tokio::test]
    async fn a_subscription_ends_with_its_result() {
        let end = CancellationToken::new();
        let mut reply = reply(LISTEN, &end).await;
        let first = poll_fn(|cx| reply.poll_message(cx)).await.unwrap().unwrap();
        assert_eq!(first.method(), Some("notifications/subscriptions/acknowledged"));

        end.cancel();
        let last = poll_fn(|cx| reply.poll_message(cx)).await.unwrap().unwrap();
        let expected =
            r#"{"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":"listen:0"}}"#;
        assert_eq!(last.result(), Some(expected.as_bytes()));
        assert_eq!(last.id(), Some(&Id::from("listen:0")));
        assert!(poll_fn(|cx| reply.poll_message(cx)).await.is_none());
    }

    #[test]
    fn a_lean_call_says_the_same_in_memory_of_its_own() {
        let buffer = Bytes::from_static(br#"{"jsonrpc":"2.0","id":0,"method":"subscriptions/listen"}"#);
        let mut request = http::Request::post("/mcp?a=b").header("x-a", "b").body(()).unwrap();
        request.headers_mut().get_mut("x-a").unwrap().set_sensitive(true);
        let call = Call::from_parts(Message::parse(buffer.clone()).unwrap(), request.into_parts().0);
        let copy = lean(call.clone());
        assert_eq!((copy.message().text(), copy.headers()), (&buffer, call.headers()));
        assert_eq!(copy.head().uri, call.head().uri);
        assert!(copy.headers()["x-a"].is_sensitive());
        assert_ne!(copy.message().text().as_ptr(), buffer.as_ptr());
    }

    #[tokio::test]
    async fn any_other_stream_is_left_alone() {
        let end = CancellationToken::new();
        end.cancel();
        let mut reply = reply("tools/call", &end).await;
        assert!(poll_fn(|cx| reply.poll_message(cx)).await.is_some());
        let next = poll_fn(|cx| Poll::Ready(reply.poll_message(cx))).await;
        assert!(next.is_pending());
    }
}
