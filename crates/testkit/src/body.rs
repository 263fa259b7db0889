use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use portcullis_core::BoxError;
use tokio::time::Sleep;

use crate::{Guard, Watch};

/// An HTTP body that follows a script.
///
/// It gives no hint of its size unless told to, so that nobody can rely on one.
///
/// ```
/// use http_body::Body as _;
/// use http_body_util::BodyExt;
/// use portcullis_testkit::ScriptedBody;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// // Cut anywhere, also inside a character, with a turn of the scheduler between two pieces.
/// let body = ScriptedBody::new().pieces("größe", 3);
/// assert_eq!(body.size_hint().exact(), None);
/// assert_eq!(body.collect().await.unwrap().to_bytes(), "größe");
///
/// let broken = ScriptedBody::new().frame("{").fail("connection reset");
/// assert!(broken.collect().await.is_err());
/// # }
/// ```
#[derive(Debug, Default)]
pub struct ScriptedBody {
    steps: VecDeque<Step>,
    sleep: Option<Pin<Box<Sleep>>>,
    hint: SizeHint,
    guard: Option<Guard>,
}

#[derive(Debug)]
enum Step {
    Frame(Bytes),
    Trailers(HeaderMap),
    Yield,
    Wait(Duration),
    Fail(&'static str),
    Hang,
}

impl ScriptedBody {
    /// A body that ends at once.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Then one frame.
    #[must_use]
    pub fn frame(self, data: impl Into<Bytes>) -> Self {
        self.then(Step::Frame(data.into()))
    }

    /// Then `data` in frames of `size` bytes, pending once before each.
    #[must_use]
    pub fn pieces(self, data: impl Into<Bytes>, size: usize) -> Self {
        let data = data.into();
        let starts = (0..data.len()).step_by(size.max(1));
        starts.fold(self, |body, at| {
            body.pending().frame(data.slice(at..data.len().min(at.saturating_add(size.max(1)))))
        })
    }

    /// Then `data` in two frames, cut at `at`, pending once in between.
    #[must_use]
    pub fn cut(self, data: impl Into<Bytes>, at: usize) -> Self {
        let mut head = data.into();
        let tail = head.split_off(at);
        self.frame(head).pending().frame(tail)
    }

    /// Then trailers.
    #[must_use]
    pub fn trailers(self, trailers: HeaderMap) -> Self {
        self.then(Step::Trailers(trailers))
    }

    /// Then pending once; the reader is woken at once.
    #[must_use]
    pub fn pending(self) -> Self {
        self.then(Step::Yield)
    }

    /// Then nothing for a while.
    #[must_use]
    pub fn wait(self, time: Duration) -> Self {
        self.then(Step::Wait(time))
    }

    /// Then an error. What is scripted after it is never reached by a reader that stops at errors.
    #[must_use]
    pub fn fail(self, text: &'static str) -> Self {
        self.then(Step::Fail(text))
    }

    /// Then nothing, for ever.
    #[must_use]
    pub fn hang(self) -> Self {
        self.then(Step::Hang)
    }

    /// Announces this size, whatever the script holds.
    #[must_use]
    pub fn announce(mut self, bytes: u64) -> Self {
        self.hint = SizeHint::with_exact(bytes);
        self
    }

    /// Lets `watch` know when the body is dropped, and whether it had been read to its end.
    #[must_use]
    pub fn watched(mut self, watch: &Watch) -> Self {
        self.guard = Some(watch.guard());
        self
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push_back(step);
        self
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            if let Some(sleep) = &mut this.sleep {
                ready!(sleep.as_mut().poll(cx));
                this.sleep = None;
            }
            return match this.steps.pop_front() {
                Some(Step::Frame(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
                Some(Step::Trailers(trailers)) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
                Some(Step::Yield) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Some(Step::Wait(time)) => {
                    this.sleep = Some(Box::pin(tokio::time::sleep(time)));
                    continue;
                }
                Some(Step::Fail(text)) => Poll::Ready(Some(Err(text.into()))),
                Some(Step::Hang) => {
                    this.steps.push_front(Step::Hang);
                    Poll::Pending
                }
                None => {
                    if let Some(guard) = this.guard.take() {
                        guard.finish();
                    }
                    Poll::Ready(None)
                }
            };
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}
