//! The inner end of a stack: the servers of a portal, and the portal that makes them one.

use std::task::{Context, Poll};

use futures_util::future::Either;
use portcullis_core::BoxError;
use portcullis_mcp_jsonrpc::{Call, Failure, Reply};
use portcullis_mcp_upstream::{
    BuildError, Circuit, Era, HttpUpstream, Retries, StdioFuture, StdioUpstream, UpstreamFuture,
};
use portcullis_portal::{Portal, Server};
use portcullis_seal::KeyRing;
use tower_service::Service;

use crate::config::{self, Bound, Transport};

/// A portal, and the clients of its servers in the same order.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) portal: Portal,
    pub(crate) upstreams: Vec<Upstream>,
}

/// Builds a portal with all its settings. Whatever is handed to clients for safekeeping is sealed with `keys`.
pub(crate) fn build(config: &config::Portal, keys: &KeyRing) -> Result<Leaf, LeafError> {
    let mut upstreams = Vec::with_capacity(config.servers.len());
    let mut builder = Portal::builder(config.id.as_str())
        .namespace(config.namespace)
        .collision(config.collision)
        .keys(keys.clone());
    builder = set(builder, config.page_size, |builder, items| builder.page_size(items));
    builder = set(builder, config.list_timeout, |builder, limit| builder.list_timeout(limit));
    builder = set(builder, config.max_list_items, |builder, items| builder.max_list_items(items));
    builder = set(builder, config.max_list_pages, |builder, pages| builder.max_list_pages(pages));
    builder = set(builder, config.max_stale, |builder, age| builder.max_stale(age));
    builder = set(builder, config.max_principals, |builder, count| builder.max_principals(count));
    builder = set(builder, config.max_cached_bytes, |builder, bytes| builder.max_cached_bytes(bytes));
    builder = set(builder, config.listen_timeout, |builder, limit| builder.listen_timeout(limit));
    for server in &config.servers {
        let upstream = Upstream::build(server, Some(keys))
            .map_err(|error| LeafError::new(config, Some(server), error))?;
        upstreams.push(upstream.clone());
        let mut behind = Server::new(server.id.as_str(), upstream)
            .map_err(|error| LeafError::new(config, Some(server), error))?
            .per_principal(server.per_principal);
        behind = set(behind, server.max_in_flight, Server::max_in_flight);
        behind = set(behind, server.max_waiting, Server::max_waiting);
        behind = set(behind, server.max_wait, Server::max_wait);
        behind = set(behind, server.max_listeners, Server::max_listeners);
        builder = builder.server(behind);
    }
    let portal = builder.build().map_err(|error| LeafError::new(config, None, error))?;
    Ok(Leaf { portal, upstreams })
}

/// The client of one server, however it is reached.
#[derive(Clone, Debug)]
pub(crate) enum Upstream {
    Http(HttpUpstream),
    Stdio(StdioUpstream),
}

impl Upstream {
    /// The client of one server. Without keys it is for a look only.
    ///
    /// # Errors
    ///
    /// What the client refuses; the configuration has been checked with this very function.
    pub(crate) fn build(server: &config::Server, keys: Option<&KeyRing>) -> Result<Self, BoxError> {
        match &server.transport {
            Transport::Http(http) => http_upstream(server, http, keys).map(Self::Http),
            Transport::Stdio(stdio) => Ok(stdio_upstream(server, stdio, keys).map(Self::Stdio)?),
        }
    }

    /// What the server speaks, as far as that is known.
    pub(crate) fn era(&self) -> Option<Era> {
        match self {
            Self::Http(upstream) => upstream.era(),
            Self::Stdio(upstream) => upstream.era(),
        }
    }
}

impl Service<Call> for Upstream {
    type Response = Reply;
    type Error = Failure;
    type Future = Either<UpstreamFuture, StdioFuture>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        match self {
            Self::Http(upstream) => upstream.poll_ready(cx),
            Self::Stdio(upstream) => upstream.poll_ready(cx),
        }
    }

    fn call(&mut self, call: Call) -> Self::Future {
        match self {
            Self::Http(upstream) => Either::Left(upstream.call(call)),
            Self::Stdio(upstream) => Either::Right(upstream.call(call)),
        }
    }
}

fn http_upstream(
    server: &config::Server,
    http: &config::Http,
    keys: Option<&KeyRing>,
) -> Result<HttpUpstream, BoxError> {
    let mut builder = HttpUpstream::builder(&http.url)?
        .name(server.id.as_str())
        .era(server.era)
        .sharing(http.sharing)
        .http_version(http.http_version);
    for header in &http.headers {
        builder = builder.header(&header.name, header.value.clone())?;
    }
    if let Some(pem) = &http.root_certificates {
        builder = builder.extra_root_certificates(pem.as_bytes())?;
    }
    builder = set(builder, keys, |builder, keys| builder.keys(keys.clone()));
    builder = set(builder, http.connect_timeout, |builder, limit| builder.connect_timeout(limit));
    builder = set(builder, http.head_timeout, |builder, limit| builder.head_timeout(limit));
    builder = set(builder, http.idle_timeout, |builder, limit| builder.idle_timeout(limit));
    builder = set(builder, http.listen_idle_timeout, |builder, bound| match bound {
        Bound::Within(limit) => builder.listen_idle_timeout(limit),
        Bound::Unlimited => builder.unlimited_listen_idle_time(),
    });
    builder = set(builder, server.total_timeout, |builder, bound| match bound {
        Bound::Within(limit) => builder.total_timeout(limit),
        Bound::Unlimited => builder.unlimited_total_time(),
    });
    builder = set(builder, http.max_sessions, |builder, count| builder.max_sessions(count));
    builder = set(builder, http.session_idle, |builder, idle| builder.session_idle(idle));
    builder = set(builder, http.max_parked, |builder, count| builder.max_parked(count));
    builder = set(builder, http.list_ttl, |builder, ttl| builder.list_ttl(ttl));
    builder = set(builder, http.max_answer, |builder, bytes| builder.max_answer(bytes));
    builder = set(builder, http.max_event, |builder, bytes| builder.max_event(bytes));
    builder = set(builder, http.max_idle_connections, |builder, count| builder.max_idle_connections(count));
    builder = set(builder, http.retries, |builder, most| builder.retries(Retries::new(most)));
    if let Some(credentials) = &http.credentials {
        builder = builder.credentials(crate::credentials::build(credentials)?);
    }
    let circuit = match http.circuit {
        config::Circuit::Off => Circuit::always_closed(),
        config::Circuit::Open { failures, open_for } => Circuit::new(failures, open_for),
    };
    Ok(builder.circuit(circuit).build()?)
}

fn stdio_upstream(
    server: &config::Server,
    stdio: &config::Stdio,
    keys: Option<&KeyRing>,
) -> Result<StdioUpstream, BuildError> {
    let mut builder = StdioUpstream::builder(stdio.program.as_str())
        .args(&stdio.arguments)
        .name(server.id.as_str())
        .era(server.era)
        .processes(stdio.processes)
        .limits(stdio.limits);
    for variable in &stdio.env {
        builder = builder.env(variable.name.as_str(), variable.value.clone());
    }
    builder = set(builder, keys, |builder, keys| builder.keys(keys.clone()));
    builder = set(builder, stdio.directory.as_ref(), |builder, directory| builder.current_dir(directory));
    builder = set(builder, stdio.max_answer, |builder, bytes| builder.max_message(bytes));
    builder = set(builder, server.total_timeout, |builder, bound| match bound {
        Bound::Within(limit) => builder.total_timeout(limit),
        Bound::Unlimited => builder.unlimited_total_time(),
    });
    builder.build()
}

/// Applies a setting that was made, and leaves the default where none was.
fn set<B, T>(builder: B, value: Option<T>, apply: impl FnOnce(B, T) -> B) -> B {
    match value {
        Some(value) => apply(builder, value),
        None => builder,
    }
}

/// A part of a portal that could not be built.
#[derive(Debug)]
pub struct LeafError {
    portal: String,
    server: Option<String>,
    source: BoxError,
}

impl LeafError {
    fn new(portal: &config::Portal, server: Option<&config::Server>, error: impl Into<BoxError>) -> Self {
        Self {
            portal: portal.id.clone(),
            server: server.map(|server| server.id.clone()),
            source: error.into(),
        }
    }
}

impl std::fmt::Display for LeafError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "portal {:?}", self.portal)?;
        if let Some(server) = &self.server {
            write!(f, ", server {server:?}")?;
        }
        write!(f, ": {}", self.source)
    }
}

impl std::error::Error for LeafError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}
