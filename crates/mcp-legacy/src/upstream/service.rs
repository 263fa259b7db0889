use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll};

use portcullis_mcp_jsonrpc::{Call, Failure, Id, Message, Reply, code};
use portcullis_seal::KeyRing;
use tower_service::Service;

use super::builder::{LegacyUpstreamBuilder, Settings, Sharing};
use super::exchange::refuse;
use super::lot::Lot;
use super::pool::{Pool, Wanted};
use super::request::Request;
use super::{BoxFuture, Connect, answer};

/// A legacy server as a service that takes calls of 2026-07-28.
///
/// It is always ready. A clone is a pointer; all clones share the sessions. When the last one is gone, and with it the
/// replies that are still read, the sessions are ended.
///
/// See the [module](super) for what becomes of a call.
#[derive(Clone)]
pub struct LegacyUpstream {
    shared: Arc<Shared>,
}

/// What all clones share.
pub(super) struct Shared {
    pub(super) connect: Arc<dyn Connect>,
    pub(super) settings: Settings,
    pub(super) pool: Pool,
    pub(super) lot: Lot,
    /// How long and by whom lists may be kept.
    pub(super) cache: String,
    /// Whether the task runs that ends what nobody uses.
    pub(super) swept: AtomicBool,
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
        let scope = match settings.sharing {
            Sharing::PerPrincipal => "private",
            Sharing::Shared => "public",
        };
        let shared = Shared {
            connect,
            pool: Pool::default(),
            lot: Lot::new(keys, instance, settings.max_parked, settings.park_timeout),
            cache: answer::cache(settings.list_ttl, scope),
            swept: AtomicBool::new(false),
            settings,
        };
        Self { shared: Arc::new(shared) }
    }
}

impl Service<Call> for LegacyUpstream {
    type Response = Reply;
    type Error = Failure;
    type Future = BoxFuture<'static, Result<Reply, Failure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let shared = self.shared.clone();
        Box::pin(async move {
            // A client of 2026-07-28 notifies of nothing that concerns the server: a call ends when nobody reads it.
            let Some(id) = call.id().cloned() else { return Ok(Reply::accepted()) };
            match call.method() {
                "server/discover" => shared.discover(call, id).await,
                "subscriptions/listen" => shared.listen(call, id).await,
                method if is_foreign(method) => {
                    let text = "there is no such method in this version of MCP";
                    Ok(Reply::message(Message::from_error(Some(&id), code::METHOD_NOT_FOUND, text, None)))
                }
                _ => shared.exchange(call, id).await,
            }
        })
    }
}

/// Methods of the past, which would meddle with a session that belongs to the gateway.
fn is_foreign(method: &str) -> bool {
    method.starts_with("tasks/")
        || matches!(
            method,
            "initialize" | "ping" | "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe"
        )
}

impl Shared {
    /// Answers `server/discover` from what the server said when the session began.
    async fn discover(self: Arc<Self>, call: Call, id: Id) -> Result<Reply, Failure> {
        let declared = call.message().client_capabilities().map(<[u8]>::to_vec);
        let request = match Request::read(call, id.clone()) {
            Ok(request) => request,
            Err(wrong) => return Ok(refuse(&id, wrong)),
        };
        match self.wanted(declared.as_deref(), &request) {
            Some(wanted) => Ok(Reply::result(&id, &self.enter(&wanted).await?.hello.discover)),
            None => Ok(refuse(&id, "the client declares more capabilities than are taken")),
        }
    }

    /// Which session a request needs; none if its client declares more than can be kept.
    pub(super) fn wanted(&self, declared: Option<&[u8]>, request: &Request) -> Option<Wanted> {
        Wanted::of(self.settings.sharing, declared, request.extensions(), request.client_info.clone())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.pool.clear();
    }
}

impl std::fmt::Debug for LegacyUpstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LegacyUpstream").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}
