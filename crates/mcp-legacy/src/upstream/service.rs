use std::sync::Arc;
use std::task::{Context, Poll};

use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Reply};
use portcullis_seal::KeyRing;
use tower_service::Service;

use super::builder::{LegacyUpstreamBuilder, Settings};
use super::{BoxFuture, Connect};

/// A legacy server as a service that takes calls of 2026-07-28.
///
/// A clone is a pointer; all clones share the sessions.
#[derive(Clone)]
pub struct LegacyUpstream {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) connect: Arc<dyn Connect>,
    pub(super) keys: KeyRing,
    pub(super) settings: Settings,
    pub(super) instance: [u8; 16],
}

impl LegacyUpstream {
    /// Begins with where channels to the server come from.
    pub fn builder(connect: impl Connect) -> LegacyUpstreamBuilder {
        LegacyUpstreamBuilder::new(connect)
    }

    pub(super) fn new(
        connect: Arc<dyn Connect>,
        keys: KeyRing,
        settings: Settings,
        instance: [u8; 16],
    ) -> Self {
        Self { shared: Arc::new(Shared { connect, keys, settings, instance }) }
    }
}

impl Service<Call> for LegacyUpstream {
    type Response = Reply;
    type Error = Failure;
    type Future = BoxFuture<'static, Result<Reply, Failure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Call) -> Self::Future {
        let shared = self.shared.clone();
        Box::pin(async move {
            let _ = (&shared.connect, &shared.keys, &shared.settings, &shared.instance);
            Err(Failure::new(FailureKind::Internal).with_source("not wired yet"))
        })
    }
}

impl std::fmt::Debug for LegacyUpstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LegacyUpstream").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}
