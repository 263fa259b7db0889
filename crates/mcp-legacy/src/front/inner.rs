//! The service inside, as the front calls it.

use std::future::poll_fn;
use std::sync::Arc;

use http::request::Parts;
use portcullis_core::BoxError;
use portcullis_mcp_jsonrpc::{Call, Failure, LegacyClient, Message, Reply};
use tower_service::Service;

use super::translate::request::Declared;
use super::{Limits, Session};

/// Everything that calls on behalf of one request of a client need.
#[derive(Clone, Debug)]
pub(super) struct Inner<S> {
    pub(super) service: S,
    pub(super) session: Arc<Session>,
    pub(super) head: Parts,
    pub(super) limits: Limits,
}

impl<S> Inner<S>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    pub(super) fn new(service: S, session: Arc<Session>, head: Parts, limits: &Limits) -> Self {
        Self { service, session, head: translated(head), limits: limits.clone() }
    }

    /// Makes a call. The future borrows nothing, so that it can be sent without the service being shareable.
    pub(super) fn call(
        &self,
        message: Message,
    ) -> impl Future<Output = Result<Reply, Failure>> + Send + use<S> {
        call(self.service.clone(), Call::from_parts(message, self.head.clone()))
    }

    /// What calls declare; with the extension for tasks, or without.
    pub(super) fn declared(&self, tasks: bool) -> Declared<'_> {
        let level = self.session.level().or(self.limits.unasked_logs);
        Declared { client: self.session.client(), level, tasks }
    }
}

/// Waits until the service is ready, then calls it.
pub(super) async fn call<S>(mut service: S, call: Call) -> Result<Reply, Failure>
where
    S: Service<Call, Response = Reply>,
    S::Error: Into<BoxError>,
{
    poll_fn(|cx| service.poll_ready(cx)).await.map_err(|error| Failure::from_error(error.into()))?;
    service.call(call).await.map_err(|error| Failure::from_error(error.into()))
}

/// The head of a translated call: without what the client's transport said of the client's message, which is another
/// message now, and with a word on the client's era.
///
/// A call without `Mcp-Method` has no headers that could lie, and whoever sends it on writes them anew.
pub(super) fn translated(mut head: Parts) -> Parts {
    let of_protocol = |name: &http::HeaderName| name.as_str().starts_with("mcp-") || *name == "last-event-id";
    let names: Vec<_> = head.headers.keys().filter(|name| of_protocol(name)).cloned().collect();
    for name in names {
        head.headers.remove(name);
    }
    head.extensions.insert(LegacyClient);
    head
}
