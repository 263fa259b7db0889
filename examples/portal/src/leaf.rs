//! The inner end of a stack: the servers of a portal, and the portal that makes them one.

use portcullis_mcp_upstream::{Circuit, HttpUpstream, Retries};
use portcullis_portal::{Portal, Server};

use crate::config::{self, Bound};

/// A portal, and the clients of its servers in the same order.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) portal: Portal,
    pub(crate) upstreams: Vec<HttpUpstream>,
}

/// Builds a portal with all its settings.
pub(crate) fn build(config: &config::Portal) -> Result<Leaf, LeafError> {
    let mut upstreams = Vec::with_capacity(config.servers.len());
    let mut builder =
        Portal::builder(config.id.as_str()).namespace(config.namespace).collision(config.collision);
    builder = set(builder, config.page_size, |builder, items| builder.page_size(items));
    builder = set(builder, config.list_timeout, |builder, limit| builder.list_timeout(limit));
    builder = set(builder, config.max_list_items, |builder, items| builder.max_list_items(items));
    builder = set(builder, config.max_list_pages, |builder, pages| builder.max_list_pages(pages));
    builder = set(builder, config.max_stale, |builder, age| builder.max_stale(age));
    builder = set(builder, config.max_principals, |builder, count| builder.max_principals(count));
    builder = set(builder, config.max_cached_bytes, |builder, bytes| builder.max_cached_bytes(bytes));
    builder = set(builder, config.listen_timeout, |builder, limit| builder.listen_timeout(limit));
    for server in &config.servers {
        let upstream = upstream(server).map_err(|error| LeafError::new(config, Some(server), error))?;
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

/// The client of one server.
///
/// # Errors
///
/// What the client refuses; the configuration has been checked with this very function.
pub(crate) fn upstream(server: &config::Server) -> Result<HttpUpstream, portcullis_mcp_upstream::BuildError> {
    let mut builder = HttpUpstream::builder(&server.url)?.http_version(server.http_version);
    for header in &server.headers {
        builder = builder.header(&header.name, header.value.clone())?;
    }
    if let Some(pem) = &server.root_certificates {
        builder = builder.extra_root_certificates(pem.as_bytes())?;
    }
    builder = set(builder, server.connect_timeout, |builder, limit| builder.connect_timeout(limit));
    builder = set(builder, server.head_timeout, |builder, limit| builder.head_timeout(limit));
    builder = set(builder, server.idle_timeout, |builder, limit| builder.idle_timeout(limit));
    builder = set(builder, server.listen_idle_timeout, |builder, bound| match bound {
        Bound::Within(limit) => builder.listen_idle_timeout(limit),
        Bound::Unlimited => builder.unlimited_listen_idle_time(),
    });
    builder = set(builder, server.total_timeout, |builder, bound| match bound {
        Bound::Within(limit) => builder.total_timeout(limit),
        Bound::Unlimited => builder.unlimited_total_time(),
    });
    builder = set(builder, server.max_answer, |builder, bytes| builder.max_answer(bytes));
    builder = set(builder, server.max_event, |builder, bytes| builder.max_event(bytes));
    builder = set(builder, server.max_idle_connections, |builder, count| builder.max_idle_connections(count));
    builder = set(builder, server.retries, |builder, most| builder.retries(Retries::new(most)));
    let circuit = match server.circuit {
        config::Circuit::Off => Circuit::always_closed(),
        config::Circuit::Open { failures, open_for } => Circuit::new(failures, open_for),
    };
    builder.circuit(circuit).build()
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
    source: portcullis_core::BoxError,
}

impl LeafError {
    fn new(
        portal: &config::Portal,
        server: Option<&config::Server>,
        error: impl Into<portcullis_core::BoxError>,
    ) -> Self {
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
