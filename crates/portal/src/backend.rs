//! One server of a portal: where its calls go, how many may go, what it lists.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use portcullis_core::{Trail, Verdict};
use portcullis_mcp_jsonrpc::{Call, Failure, Reply};

use crate::asked::Asked;
use crate::builder::Server;
use crate::catalogue::{self, Catalogue};
use crate::class::{Class, Origin};
use crate::discover::{self, Offer};
use crate::future::Forward;
use crate::headers::agree;
use crate::health::{ServerHealth, Status};
use crate::kind::Kind;
use crate::limit::{Gate, Permit};
use crate::listen::Hubs;
use crate::names;
use crate::route::{Route, Sending};
use crate::shared::Limits;
use crate::shelf::{Need, Shelf, Stock};
use crate::state::States;
use crate::trouble::Trouble;

/// See the module.
pub(crate) struct Backend {
    id: String,
    prefix: String,
    note: String,
    route: Box<dyn Route>,
    limits: Limits,
    pub(crate) calls: Gate,
    pub(crate) listeners: Gate,
    pub(crate) hubs: Hubs,
    status: Status,
    lists: [Arc<Shelf<Catalogue>>; 4],
    offer: Arc<Shelf<Offer>>,
    /// Whether any tool ever listed here wants arguments mirrored; most servers have none, and pay nothing.
    annotated: AtomicBool,
    /// Whether every caller has lists of their own.
    pub(crate) per_principal: bool,
    pub(crate) states: Arc<States>,
    /// Whether the ids of this server's tasks carry its own id.
    pub(crate) names_tasks: bool,
}

impl Backend {
    pub(crate) fn new(server: Server, limits: Limits, states: Arc<States>, names_tasks: bool) -> Self {
        let shelf_limits = limits.shelf();
        let shelf = || Arc::new(Shelf::new(server.per_principal, shelf_limits));
        Self {
            prefix: names::prefix(server.id()),
            note: format!("server {}", server.id()),
            id: server.id().to_owned(),
            limits,
            calls: Gate::new(server.max_in_flight, server.max_waiting, server.max_wait),
            listeners: Gate::new(server.max_listeners, 0, server.max_wait),
            hubs: Hubs::default(),
            status: Status::default(),
            lists: [shelf(), shelf(), shelf(), shelf()],
            offer: Arc::new(Shelf::new(server.per_principal, shelf_limits)),
            annotated: AtomicBool::new(false),
            per_principal: server.per_principal,
            states,
            names_tasks,
            route: server.into_route(),
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// What stands in front of this server's names.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Sends a call, under a permit that the caller holds.
    pub(crate) fn send(&self, call: Call) -> Sending {
        self.route.send(call)
    }

    /// Sends a caller's call, and keeps the permit until the answer has ended.
    pub(crate) fn forward(self: &Arc<Self>, call: Call, permit: Permit) -> Forward {
        let trail = Trail::of(call.extensions()).cloned();
        if let Some(trail) = &trail {
            trail.record("portal", Verdict::Note(self.note.clone().into()));
        }
        let asked = Asked::of(&call);
        Forward::new(self.send(call), Arc::clone(self), asked, trail, permit)
    }

    /// Makes a caller's call one of the server's: the headers that its arguments want, the state that the server gave.
    ///
    /// # Errors
    ///
    /// The refusal, if the call contradicts itself or brings a state that it was not given.
    pub(crate) fn prepare(&self, call: &mut Call) -> Result<(), Box<Reply>> {
        agree(self, call)?;
        self.states.restore(&self.id, call)
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn answered(&self) {
        self.status.answered();
    }

    pub(crate) fn failed(&self, failure: &Failure) {
        tracing::debug!(server = self.id, %failure, "a call failed");
        self.status.failed(failure);
    }

    /// Tells the operator what this server does not give: loudly once, quietly for as long as it goes on.
    pub(crate) fn lament(&self, what: &str, trouble: &Trouble) {
        let (.., in_a_row) = self.status.counts();
        if in_a_row <= 1 {
            tracing::warn!(server = self.id, what, %trouble, "a server does not answer");
        } else {
            tracing::debug!(server = self.id, what, %trouble, "a server still does not answer");
        }
    }

    pub(crate) fn shelf(&self, kind: Kind) -> &Arc<Shelf<Catalogue>> {
        let [tools, prompts, resources, templates] = &self.lists;
        match kind {
            Kind::Tools => tools,
            Kind::Prompts => prompts,
            Kind::Resources => resources,
            Kind::Templates => templates,
        }
    }

    /// What this server lists, as new as is needed.
    pub(crate) async fn list(
        self: &Arc<Self>,
        kind: Kind,
        origin: &Arc<Origin>,
        need: Need,
    ) -> Result<Stock<Catalogue>, Trouble> {
        let ask = || {
            let (backend, origin) = (Arc::clone(self), Arc::clone(origin));
            async move {
                let fetched = catalogue::fetch(&backend, &origin, kind, &backend.limits).await?;
                if fetched.value.has_params() {
                    backend.annotated.store(true, Ordering::Release);
                }
                Ok(fetched)
            }
        };
        self.shelf(kind).get(&origin.class, need, ask).await
    }

    /// What this server offers, as new as is needed.
    pub(crate) async fn offer(
        self: &Arc<Self>,
        origin: &Arc<Origin>,
        need: Need,
    ) -> Result<Stock<Offer>, Trouble> {
        let ask = || {
            let (backend, origin) = (Arc::clone(self), Arc::clone(origin));
            async move { discover::fetch(&backend, &origin).await }
        };
        self.offer.get(&origin.class, need, ask).await
    }

    /// The list that names of tools are looked up in for their headers, if that can matter at all.
    pub(crate) fn annotated_tools(&self, call: &Call) -> Option<Arc<Catalogue>> {
        if !self.annotated.load(Ordering::Acquire) {
            return None;
        }
        let class = Class::of(call.extensions());
        self.shelf(Kind::Tools).peek(&class).map(|stock| stock.value)
    }

    /// Forgets that a list is fresh.
    pub(crate) fn invalidate(&self, kind: Kind) {
        tracing::debug!(server = self.id, kind = kind.noun(), "the list has changed");
        self.shelf(kind).invalidate();
    }

    pub(crate) fn health(&self) -> ServerHealth {
        let (answers, failures, failures_in_a_row) = self.status.counts();
        let listed = |kind| self.shelf(kind).latest().map(|catalogue| catalogue.items().len());
        ServerHealth {
            id: self.id.clone(),
            in_flight: self.calls.taken(),
            waiting: self.calls.waiting(),
            listeners: self.listeners.taken(),
            answers,
            failures,
            failures_in_a_row,
            last_failure: self.status.last_failure(),
            tools: listed(Kind::Tools),
            prompts: listed(Kind::Prompts),
            resources: listed(Kind::Resources),
            templates: listed(Kind::Templates),
        }
    }
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backend").field("id", &self.id).finish_non_exhaustive()
    }
}
