use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

pin_project! {
    /// The answer of [`Permit`](super::Permit): the inner service's, or a refusal.
    #[must_use = "futures do nothing unless polled"]
    pub struct PermitFuture<F, A> {
        #[pin]
        state: State<F, A>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, A> {
        Forward { #[pin] inner: F },
        Refuse { answer: Option<A> },
    }
}

impl<F, A> PermitFuture<F, A> {
    pub(super) fn forward(inner: F) -> Self {
        Self { state: State::Forward { inner } }
    }

    pub(super) fn refuse(answer: A) -> Self {
        Self { state: State::Refuse { answer: Some(answer) } }
    }
}

impl<F, A, E> Future for PermitFuture<F, A>
where
    F: Future<Output = Result<A, E>>,
{
    type Output = Result<A, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Forward { inner } => inner.poll(cx),
            // Polled again after its end it waits for ever, which is not a panic.
            StateProjection::Refuse { answer } => match answer.take() {
                Some(answer) => Poll::Ready(Ok(answer)),
                None => Poll::Pending,
            },
        }
    }
}

impl<F, A> std::fmt::Debug for PermitFuture<F, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = match self.state {
            State::Forward { .. } => "forward",
            State::Refuse { .. } => "refuse",
        };
        f.debug_struct("PermitFuture").field("state", &state).finish()
    }
}
