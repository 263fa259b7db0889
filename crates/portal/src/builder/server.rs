use std::time::Duration;

use portcullis_core::BoxError;
use portcullis_mcp_jsonrpc::{Call, Reply};
use tower_service::Service;

use super::{check_id, not_zero};
use crate::BuildError;
use crate::route::{Route, Upstream};

/// One server of a portal: an id, a service that speaks MCP 2026-07-28, and limits.
///
/// ```
/// use portcullis_mcp_jsonrpc::{Call, Failure, Reply};
/// use portcullis_portal::Server;
///
/// let upstream = tower::service_fn(|_: Call| async { Ok::<_, Failure>(Reply::accepted()) });
/// assert!(Server::new("github", upstream).is_ok());
/// // An underscore ends the id in the names of tools.
/// assert!(Server::new("git_hub", upstream).is_err());
/// ```
#[must_use]
pub struct Server {
    id: String,
    route: Box<dyn Route>,
    pub(crate) max_in_flight: usize,
    pub(crate) max_waiting: usize,
    pub(crate) max_wait: Duration,
    pub(crate) max_listeners: usize,
    pub(crate) per_principal: bool,
}

impl Server {
    /// A server known by `id`, to which calls go by way of `service`.
    ///
    /// The service's type is forgotten here, at the price of one box for each call.
    ///
    /// # Errors
    ///
    /// If the id is not 1 to 64 letters a-z, digits and hyphens, with a letter or digit at either end. It must not hold
    /// an underscore, because the first underscore ends the id in `{id}_{name}`.
    pub fn new<S>(id: impl Into<String>, service: S) -> Result<Self, BuildError>
    where
        S: Service<Call, Response = Reply> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
    {
        let id = id.into();
        check_id(&id)?;
        Ok(Self {
            id,
            route: Box::new(Upstream(service)),
            max_in_flight: 1_024,
            max_waiting: 1_024,
            max_wait: Duration::from_secs(5),
            max_listeners: 16_384,
            per_principal: false,
        })
    }

    /// How many calls may be under way at this server, each until its answer ends. Default: 1,024.
    pub fn max_in_flight(mut self, calls: usize) -> Self {
        self.max_in_flight = calls;
        self
    }

    /// How many further calls may wait for their turn; what comes on top fails at once. Default: 1,024.
    pub fn max_waiting(mut self, calls: usize) -> Self {
        self.max_waiting = calls;
        self
    }

    /// How long a call may wait for its turn. Default: 5 s.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// How many clients may listen to this server at a time, whether or not they share its streams. They count apart
    /// from calls, since they stay for hours. Default: 16,384.
    pub fn max_listeners(mut self, streams: usize) -> Self {
        self.max_listeners = streams;
        self
    }

    /// Never lets two callers share what this server lists, whatever the server says of it. Default: the server's
    /// `cacheScope` decides.
    pub fn per_principal(mut self, yes: bool) -> Self {
        self.per_principal = yes;
        self
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn into_route(self) -> Box<dyn Route> {
        self.route
    }

    pub(super) fn check(&self) -> Result<(), BuildError> {
        let server = Some(self.id());
        not_zero("max_in_flight", server, self.max_in_flight == 0)?;
        not_zero("max_listeners", server, self.max_listeners == 0)
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("id", &self.id)
            .field("max_in_flight", &self.max_in_flight)
            .field("max_listeners", &self.max_listeners)
            .field("per_principal", &self.per_principal)
            .finish_non_exhaustive()
    }
}
