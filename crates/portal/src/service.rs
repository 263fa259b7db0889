use std::sync::Arc;
use std::task::{Context, Poll};

use portcullis_mcp_jsonrpc::{Call, Failure, Kind as MessageKind, Reply};
use tower_service::Service;

use crate::backend::Backend;
use crate::builder::Builder;
use crate::class::Origin;
use crate::future::ResponseFuture;
use crate::headers::{learn, must_learn};
use crate::health::Health;
use crate::kind::Kind;
use crate::shared::Shared;
use crate::{Namespace, names, refuse, task};

/// Many MCP servers as one service.
///
/// See the [crate](crate) for what it does. A portal is always ready; whether a server is, is awaited within the call.
///
/// # Cost
///
/// A clone copies a pointer. Lists are fetched, and servers watched, by tasks on the Tokio runtime that a call runs on;
/// what is watched ends with the last clone.
#[derive(Clone, Debug)]
pub struct Portal {
    shared: Arc<Shared>,
}

impl Portal {
    /// Begins to build a portal of this name. Clients are told the name, and its cursors are good nowhere else.
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder::new(name)
    }

    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    /// The portal's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.settings.name
    }

    /// A look at all servers.
    #[must_use]
    pub fn health(&self) -> Health {
        self.shared.health()
    }

    fn route(&self, call: Call) -> ResponseFuture {
        let shared = &self.shared;
        if call.message().kind() != MessageKind::Request {
            // Over HTTP a client cancels by closing its stream, and there is nothing else it could announce.
            return ResponseFuture::ready(Reply::accepted());
        }
        let named = match call.method() {
            "tools/call" => Some(Kind::Tools),
            "prompts/get" => Some(Kind::Prompts),
            _ => None,
        };
        if let Some(kind) = named {
            return self.route_name(kind, call);
        }
        if let Some(kind) = Kind::of_list(call.method()) {
            return ResponseFuture::work(Arc::clone(shared).list(kind, call));
        }
        match call.method() {
            "server/discover" => ResponseFuture::work(Arc::clone(shared).discover(call)),
            "subscriptions/listen" => ResponseFuture::work(Arc::clone(shared).listen(call)),
            "resources/read" => match shared.only() {
                Some(only) => forward(only, call),
                None => ResponseFuture::work(Arc::clone(shared).call_by_uri(call)),
            },
            _ if shared.is_transparent() => match shared.only() {
                Some(only) => forward(only, call),
                None => ResponseFuture::ready(refuse::unknown_method(&call)),
            },
            "completion/complete" => ResponseFuture::work(Arc::clone(shared).complete(call)),
            _ => self.route_extension(call),
        }
    }

    /// Where the name says which server is meant, there is nothing to look up or to wait for.
    fn route_name(&self, kind: Kind, mut call: Call) -> ResponseFuture {
        let shared = &self.shared;
        let backend = match shared.settings.namespace {
            Namespace::Always => {
                let name = call.name().unwrap_or_default();
                let found =
                    names::split(name).and_then(|(id, bare)| Some((shared.by_id(id)?, bare.to_owned())));
                let Some((backend, bare)) = found else {
                    let name = name.to_owned();
                    return ResponseFuture::ready(refuse::unknown_name(&call, kind, &name));
                };
                call.message_mut().set_name(&bare);
                backend
            }
            Namespace::Never if shared.is_transparent() => match shared.only() {
                Some(only) => only,
                None => return ResponseFuture::work(Arc::clone(shared).call_by_name(kind, call)),
            },
            _ => return ResponseFuture::work(Arc::clone(shared).call_by_name(kind, call)),
        };
        forward(backend, call)
    }

    /// Tasks are found by their ids, and what extensions are about by its name if it has one that says so.
    fn route_extension(&self, mut call: Call) -> ResponseFuture {
        let shared = &self.shared;
        let found = match task::is_about_one(call.method()) {
            true => match shared.find_task(&mut call) {
                Ok(server) => Some(server),
                Err(refusal) => return ResponseFuture::ready(*refusal),
            },
            false if shared.settings.namespace == Namespace::Always => shared.find_by_prefix(&mut call),
            false => None,
        };
        match found.and_then(|server| shared.backends.get(server)) {
            Some(backend) => forward(backend, call),
            None => ResponseFuture::ready(refuse::unknown_method(&call)),
        }
    }
}

/// Sends a call now if there is room and nothing to learn first, and as soon as there is otherwise.
fn forward(backend: &Arc<Backend>, mut call: Call) -> ResponseFuture {
    if must_learn(backend, &call) {
        let backend = Arc::clone(backend);
        return ResponseFuture::work(async move {
            learn(&backend, &Arc::new(Origin::of(&call))).await;
            if let Err(refusal) = backend.prepare(&mut call) {
                return Ok(*refusal);
            }
            let permit = backend.calls.enter().await?;
            backend.forward(call, permit).await
        });
    }
    if let Err(refusal) = backend.prepare(&mut call) {
        return ResponseFuture::ready(*refusal);
    }
    if let Some(permit) = backend.calls.try_enter() {
        return ResponseFuture::forward(backend.forward(call, permit));
    }
    let backend = Arc::clone(backend);
    ResponseFuture::work(async move {
        let permit = backend.calls.enter().await?;
        backend.forward(call, permit).await
    })
}

impl Service<Call> for Portal {
    type Response = Reply;
    type Error = Failure;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> ResponseFuture {
        self.route(call)
    }
}
