use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use http_body::Body as HttpBody;
use portcullis_core::{Body, BoxError};
use tower_layer::Layer;

use super::{Decode, Rejection, body, respond, service};
use crate::guard::HostGuard;
use crate::{Reply, ReplyTo};

/// Turns a message-level service into an HTTP service: the server side of MCP's Streamable HTTP, revision 2026-07-28.
///
/// Every rule of that page is enforced here, so that nothing further in needs to know HTTP:
///
/// * one message per `POST`; other methods get `405`, batches and responses `400`;
/// * `Content-Type`, `Accept`, a bound on the body's size and on the time it takes;
/// * `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name` must be there and say what the body says (`-32020`), the version
///   must be one that is spoken here (`-32022`), `_meta` must be complete (`-32602`);
/// * `Host` and `Origin` are checked against DNS rebinding, see [`HostGuard`];
/// * a reply of one message leaves as JSON; one with notifications leaves as an event stream, written as the messages
///   come, with keep-alive comments while it is idle and `X-Accel-Buffering: no`.
///
/// When the client closes its side, the reply is dropped, and with it whatever the inner service was doing.
///
/// # Example
///
/// ```
/// use http::{Request, StatusCode};
/// use portcullis_core::Body;
/// use portcullis_mcp_jsonrpc::{Call, DecodeLayer, Failure, Fragment, Reply};
/// use tower::{Layer, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let server = tower::service_fn(async |call: Call| {
///     let result = Fragment::parse(r#"{"resultType":"complete","tools":[],"ttlMs":0,"cacheScope":"public"}"#).unwrap();
///     Ok::<_, Failure>(Reply::result(call.id().unwrap(), &result))
/// });
/// let http = DecodeLayer::new().layer(server);
///
/// let request = Request::post("http://localhost/mcp")
///     .header("host", "localhost")
///     .header("content-type", "application/json")
///     .header("accept", "application/json, text/event-stream")
///     .header("mcp-protocol-version", "2026-07-28")
///     .header("mcp-method", "tools/list");
/// let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{
///     "io.modelcontextprotocol/protocolVersion":"2026-07-28",
///     "io.modelcontextprotocol/clientCapabilities":{}}}}"#;
/// let response = http.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
/// assert_eq!(response.status(), StatusCode::OK);
///
/// // A page of another site, whose name was made to point here, gets nothing.
/// let request = Request::post("http://evil.example/mcp").header("host", "evil.example");
/// let response = http.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
/// assert_eq!(response.status(), StatusCode::FORBIDDEN);
/// # }
/// ```
///
/// # Readiness
///
/// The service is ready when the inner one is. A request that is refused before it becomes a call drops the inner
/// service's readiness, and with it a permit that readiness may hold.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct DecodeLayer {
    settings: Settings,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) guard: Arc<HostGuard>,
    pub(super) max_body: usize,
    pub(super) body_timeout: Duration,
    pub(super) keep_alive: Duration,
}

impl DecodeLayer {
    /// How large a request's body may be, unless [`max_body`](Self::max_body) says otherwise: 4 MiB.
    pub const DEFAULT_MAX_BODY: usize = 4 * 1024 * 1024;

    /// How long a request's body may take, unless [`body_timeout`](Self::body_timeout) says otherwise.
    pub const DEFAULT_BODY_TIMEOUT: Duration = Duration::from_secs(30);

    /// How long an event stream stays silent, unless [`keep_alive`](Self::keep_alive) says otherwise.
    pub const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(15);

    /// The defaults: bounds as above, and no host but this machine.
    pub fn new() -> Self {
        Self {
            settings: Settings {
                guard: Arc::new(HostGuard::new()),
                max_body: Self::DEFAULT_MAX_BODY,
                body_timeout: Self::DEFAULT_BODY_TIMEOUT,
                keep_alive: Self::DEFAULT_KEEP_ALIVE,
            },
        }
    }

    /// Which hosts and origins may be spoken to. The default is this machine and no other.
    pub fn hosts(mut self, guard: HostGuard) -> Self {
        self.settings.guard = Arc::new(guard);
        self
    }

    /// The most bytes a request's body may have. A larger one gets `413`.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.settings.max_body = bytes;
        self
    }

    /// The longest a request's body may take to arrive. A slower one gets `408`.
    pub fn body_timeout(mut self, limit: Duration) -> Self {
        self.settings.body_timeout = limit;
        self
    }

    /// After how long a silence an event stream carries a comment. A streamed reply whose first message takes longer
    /// than that becomes an event stream, so that the connection stays open. A server that answers with JSON is waited
    /// for in silence: some clients take a large answer as JSON only.
    pub fn keep_alive(mut self, silence: Duration) -> Self {
        self.settings.keep_alive = silence;
        self
    }
}

/// The steps of the decoder, one by one, for an adapter that serves another revision of MCP on the same endpoint.
impl DecodeLayer {
    /// Refuses foreign hosts and origins.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn check_host(&self, head: &Parts) -> Result<(), Rejection> {
        Ok(self.settings.guard.check(&head.uri, &head.headers)?)
    }

    /// Refuses what does not carry a message, judging by the head alone: a foreign host or origin, another method than
    /// `POST`, a body that is not JSON, a client that does not take both JSON and event streams.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn check_post(&self, head: &Parts) -> Result<(), Rejection> {
        self.check_host(head)?;
        service::check_head(&head.method, &head.headers)
    }

    /// Reads a request's body, whole and within its bounds.
    ///
    /// # Errors
    ///
    /// A body that is too large, too slow, or breaks off.
    pub async fn read_body<B>(&self, body: B) -> Result<Bytes, Rejection>
    where
        B: HttpBody<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        body::read(body, self.settings.max_body, self.settings.body_timeout).await
    }

    /// Makes a response of a reply: JSON where there is one message, an event stream where there are more.
    pub async fn respond(&self, reply: Reply, to: ReplyTo) -> Response<Body> {
        respond::respond(reply, to, self.settings.keep_alive).await
    }

    /// After how long a silence an event stream carries a comment.
    #[must_use]
    pub fn keep_alive_after(&self) -> Duration {
        self.settings.keep_alive
    }
}

impl Default for DecodeLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for DecodeLayer {
    type Service = Decode<S>;

    fn layer(&self, inner: S) -> Decode<S> {
        Decode::new(inner, self.settings.clone())
    }
}
