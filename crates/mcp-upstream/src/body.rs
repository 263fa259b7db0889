//! The body of a response, under watch: in time, and told of to the circuit.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use portcullis_mcp_jsonrpc::Failure;

use crate::circuit::Permit;
use crate::client::Frames;
use crate::failure;
use crate::linger::linger;
use crate::timeout::{Deadline, Stage};

/// A body that fails with a [`Failure`] of the right kind when it stands still or takes too long.
///
/// Waiting for a reader is not standing still: the time runs only while the reader waits for bytes.
#[derive(Debug)]
pub(crate) struct Watched {
    /// Dropped at the end, so that a connection which is of no more use is closed now.
    inner: Option<Frames>,
    deadline: Deadline,
    idle: Option<Duration>,
    /// Taken when the outcome is known. None from the start if the outcome says nothing about the server.
    permit: Option<Permit>,
    at: At,
}

/// What the reader saw last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Bytes, or the head.
    News,
    /// Nothing: it waits.
    Wait,
}

impl Watched {
    pub(crate) fn new(
        inner: Frames,
        deadline: Deadline,
        idle: Option<Duration>,
        permit: Option<Permit>,
    ) -> Self {
        let over = inner.is_end_stream();
        let mut watched = Self { inner: Some(inner), deadline, idle, permit, at: At::News };
        if over {
            watched.complete();
        }
        watched
    }

    /// Lets the body stand still for this long from now on.
    pub(crate) fn set_idle(&mut self, idle: Option<Duration>) {
        self.idle = idle;
        self.at = At::News;
    }

    fn complete(&mut self) {
        self.inner = None;
        if let Some(permit) = self.permit.take() {
            permit.succeed();
        }
    }

    fn fail(&mut self, failure: Failure) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        self.inner = None;
        if let Some(permit) = self.permit.take() {
            permit.fail(failure.kind());
        }
        Poll::Ready(Some(Err(failure)))
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = &mut *self;
        let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
        match Pin::new(inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if this.deadline.is_over() {
                    return this.fail(failure::of_stage(Stage::Total));
                }
                // A frame without bytes is not progress, or a server could keep a call waiting with nothing.
                if frame.data_ref().is_none_or(|data| !data.is_empty()) {
                    this.at = At::News;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => this.fail(failure::of_body(&error)),
            Poll::Ready(None) => {
                this.complete();
                Poll::Ready(None)
            }
            Poll::Pending => {
                if this.at == At::News {
                    this.at = At::Wait;
                    this.deadline.enter(Stage::Idle, this.idle);
                }
                let stage = ready!(this.deadline.poll(cx));
                this.fail(failure::of_stage(stage))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // A reader that leaves while it waits gives up: nothing is known, and the server is told at once.
        if self.at == At::Wait {
            return;
        }
        // One that leaves with news in its hand has probably read the answer. The connection is worth a moment.
        if let Some(permit) = self.permit.take() {
            permit.succeed();
        }
        if let Some(inner) = self.inner.take() {
            linger(inner);
        }
    }
}
