//! A reply body that is written out beforehand.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Interval, interval_at};

/// Frames to send, and what happens between and after them.
pub(super) struct Script {
    frames: VecDeque<Bytes>,
    /// Known only of bodies that are not streams: hyper then sends a `Content-Length`.
    length: Option<u64>,
    /// Let the connection flush before each further frame.
    paced: bool,
    /// Whether the next frame has to wait for that flush.
    flushing: bool,
    /// Stay open after the last frame, with a comment at each tick.
    open: Option<Interval>,
}

impl Script {
    /// A body of known length.
    pub(super) fn whole(frames: impl IntoIterator<Item = Bytes>) -> Self {
        let mut script = Self::stream(frames, false);
        script.length = Some(script.frames.iter().map(|frame| frame.len() as u64).sum());
        script
    }

    /// A stream that ends after its last frame.
    pub(super) fn stream(frames: impl IntoIterator<Item = Bytes>, paced: bool) -> Self {
        let frames = frames.into_iter().filter(|frame| !frame.is_empty()).collect();
        Self { frames, length: None, paced, flushing: false, open: None }
    }

    /// A stream that never ends by itself.
    pub(super) fn open(first: Bytes, keep_alive: Duration) -> Self {
        let open = Some(interval_at(Instant::now() + keep_alive, keep_alive));
        Self { open, ..Self::stream([first], false) }
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if this.flushing {
            // hyper flushes what it holds when a body has nothing to give, and then comes back.
            this.flushing = false;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(frame) = this.frames.pop_front() {
            this.flushing = this.paced;
            return Poll::Ready(Some(Ok(Frame::data(frame))));
        }
        let Some(interval) = &mut this.open else { return Poll::Ready(None) };
        ready!(interval.poll_tick(context));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b": keep-alive\n\n")))))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.open.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
