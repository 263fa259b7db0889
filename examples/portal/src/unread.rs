//! The rest of a request that was answered before it was read.
//!
//! A caller who is sent away is answered from the head alone. Many clients send the body in a write of its own, and when
//! the connection is closed by then, some of them report a broken connection and never see the answer: no challenge, no
//! token. So what is left of the body is read, up to a bound, while the answer is on its way.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

/// How much is read that nobody wants, and for how long.
const MOST: (usize, Duration) = (256 * 1024, Duration::from_secs(2));

/// A body that is read to its end, by somebody or by nobody.
#[derive(Debug)]
pub(crate) struct ReadToEnd {
    /// None once its end was seen.
    rest: Option<Incoming>,
}

impl ReadToEnd {
    pub(crate) fn new(body: Incoming) -> Self {
        Self { rest: Some(body) }
    }
}

impl Body for ReadToEnd {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.rest else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(cx);
        if let Poll::Ready(None | Some(Err(_))) = frame {
            self.rest = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.rest.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for ReadToEnd {
    fn drop(&mut self) {
        let Some(body) = self.rest.take().filter(|body| !body.is_end_stream()) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(tokio::time::timeout(MOST.1, async {
            let mut body = Limited::new(body, MOST.0);
            while let Some(Ok(_)) = body.frame().await {}
        }));
    }
}
