//! A connection over which a stream is read: the body of a response.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body::{Body as HttpBody, Frame};
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::{header::X_ACCEL_BUFFERING, sse};
use tokio::time::{Instant, Sleep};

use super::stream::{Found, Hold};

/// Writes the events of a stream as they come, and comments while nothing comes.
pub(super) struct Connection {
    hold: Hold,
    /// What the connection begins with, before the first event or as soon as it is clear that there is none yet.
    greeting: Option<Bytes>,
    /// Chunks that are ready to be written.
    ready: VecDeque<Bytes>,
    over: bool,
    /// Made when there is something to wait for.
    silence: Option<Pin<Box<Sleep>>>,
    /// Whether bytes have left since the silence was last measured.
    spoke: bool,
}

impl Connection {
    /// The response that carries the stream. Where nobody asked for anything in particular it begins with a comment, so
    /// that what stands in between passes the head on.
    pub(super) fn open(hold: Hold, comment: bool) -> Response<Body> {
        let comment = comment.then_some(Bytes::from_static(sse::KEEP_ALIVE));
        let greeting = hold.priming().or(comment);
        let connection =
            Self { hold, greeting, ready: VecDeque::new(), over: false, silence: None, spoke: false };
        let mut response = Response::new(Body::new(connection));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
        headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
        response
    }

    /// Ready when nothing has been said for too long.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let keep_alive = self.hold.manners().keep_alive;
        let silence = self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(keep_alive)));
        if std::mem::take(&mut self.spoke) {
            silence.as_mut().reset(Instant::now() + keep_alive);
        }
        silence.as_mut().poll(cx)
    }
}

impl HttpBody for Connection {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if this.ready.is_empty() && !this.over {
            let polled = this.hold.poll_send(cx, &mut this.ready);
            match polled {
                Poll::Ready(Found::More) => {}
                Poll::Ready(Found::End | Found::Superseded) => this.over = true,
                Poll::Pending if this.greeting.is_some() && this.hold.is_gathering() => return Poll::Pending,
                Poll::Pending if this.greeting.is_some() => {}
                Poll::Pending => {
                    std::task::ready!(this.poll_silence(cx));
                    this.ready.push_back(Bytes::from_static(sse::KEEP_ALIVE));
                }
            }
            this.greeting.take().into_iter().for_each(|greeting| this.ready.push_front(greeting));
        }
        this.spoke = true;
        Poll::Ready(this.ready.pop_front().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.over && self.ready.is_empty()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.hold.leave();
    }
}
