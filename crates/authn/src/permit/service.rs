use std::sync::Arc;
use std::task::{Context, Poll};

use portcullis_core::{Answer, Inquiry, Trail, Verdict};
use tower_service::Service;

use super::PermitFuture;
use super::decide::decide;
use crate::Scopes;

/// The name on the trail.
const LAYER: &str = "authn";

/// Lets only permitted operations through; made by [`PermitLayer`](super::PermitLayer).
///
/// It is ready when the inner service is. A refused call leaves the inner service ready, and whatever it has reserved
/// stays reserved for the next call of this instance, or until it is dropped.
#[derive(Clone, Debug)]
pub struct Permit<S> {
    inner: S,
    scopes: Arc<Scopes>,
}

impl<S> Permit<S> {
    pub(super) fn new(inner: S, scopes: Arc<Scopes>) -> Self {
        Self { inner, scopes }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, C> Service<C> for Permit<S>
where
    C: Inquiry,
    S: Service<C, Response = C::Answer>,
{
    type Response = C::Answer;
    type Error = S::Error;
    type Future = PermitFuture<S::Future, C::Answer>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: C) -> Self::Future {
        match decide(&self.scopes, &call) {
            Ok(()) => {
                if let Some(trail) = Trail::of(call.extensions()) {
                    trail.record(LAYER, Verdict::Allow);
                }
                PermitFuture::forward(self.inner.call(call))
            }
            Err(refusal) => PermitFuture::refuse(C::Answer::refuse(&call.reply_to(LAYER), refusal)),
        }
    }
}
