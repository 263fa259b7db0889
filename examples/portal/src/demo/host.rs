//! A home for tiny MCP servers: content in, a listening server out.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::{
    Call, Decode, DecodeLayer, Failure, FailureKind, Fragment, Id, Message, PROTOCOL_VERSION, Reply, code,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use tower::util::Oneshot;
use tower_layer::Layer;

use super::clock::Clock;
use super::notes::Notes;
use crate::config::Limits;
use crate::serve::{self, Acceptor, BindError, Http};

/// What a server has to say. Everything around it is the same for all.
pub(super) trait Content: Send + Sync + 'static {
    /// The server's name.
    fn name(&self) -> &'static str;

    /// What `server/discover` tells of it.
    fn capabilities(&self) -> Value;

    /// The result of a request, an error, or a stream. `params` is an object, or null.
    fn answer(&self, id: &Id, method: &str, params: &Value) -> Answer;
}

pub(super) enum Answer {
    Result(Value),
    Error(i64, String),
    Stream(Box<Reply>),
}

impl Answer {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Result(json!({ "content": [{ "type": "text", "text": text.into() }] }))
    }

    pub(super) fn unknown(what: &str) -> Self {
        Self::Error(code::INVALID_PARAMS, format!("Unknown {what}"))
    }

    /// A list that stays as it is.
    pub(super) fn list(key: &str, items: Value) -> Self {
        Self::Result(cacheable(json!({ key: items }), 60_000))
    }
}

/// Says for how long a result may be kept, by everyone.
pub(super) fn cacheable(mut result: Value, ttl_ms: u64) -> Value {
    if let Some(members) = result.as_object_mut() {
        members.insert("ttlMs".to_owned(), ttl_ms.into());
        members.insert("cacheScope".to_owned(), "public".into());
    }
    result
}

/// A notification or result, complete as the specification wants it.
pub(super) fn fragment(mut value: Value, complete: bool) -> Fragment {
    if complete && let Some(members) = value.as_object_mut() {
        members.insert("resultType".to_owned(), "complete".into());
    }
    Fragment::parse(value.to_string()).unwrap_or_else(|_| Fragment::empty())
}

/// A message-level service, as any other that stands behind a `DecodeLayer`.
async fn serve(content: Arc<dyn Content>, call: Call) -> Result<Reply, Failure> {
    let Some(id) = call.id() else { return Ok(Reply::accepted()) };
    let params = match call.message().params() {
        Some(params) => portcullis_core::json::from_slice(params)
            .map_err(|error| Failure::new(FailureKind::Internal).with_source(error))?,
        None => Value::Null,
    };
    let answer = match call.method() {
        "server/discover" => Answer::Result(cacheable(
            json!({
                "supportedVersions": [PROTOCOL_VERSION],
                "capabilities": content.capabilities(),
                "_meta": { "io.modelcontextprotocol/serverInfo": {
                    "name": content.name(),
                    "version": env!("CARGO_PKG_VERSION"),
                }},
            }),
            60_000,
        )),
        method => content.answer(id, method, &params),
    };
    Ok(match answer {
        Answer::Result(result) => Reply::result(id, &fragment(result, true)),
        Answer::Error(code, text) => Reply::message(Message::from_error(Some(id), code, &text, None)),
        Answer::Stream(reply) => *reply,
    })
}

/// The answer to a method that a server does not have.
pub(super) fn no_method() -> Answer {
    Answer::Error(code::METHOD_NOT_FOUND, "Method not found".to_owned())
}

/// The servers of the demo, as long as they run.
#[derive(Debug)]
pub(super) struct Servers {
    clock: SocketAddr,
    notes: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Servers {
    pub(super) async fn start(addresses: &[String; 2]) -> Result<Self, BindError> {
        let mut tasks = JoinSet::new();
        let [clock, notes] = addresses;
        let clock = host(&mut tasks, clock, Arc::new(Clock)).await?;
        let notes = host(&mut tasks, notes, Arc::new(Notes::default())).await?;
        Ok(Self { clock, notes, _tasks: tasks })
    }

    pub(super) fn addresses(&self) -> (SocketAddr, SocketAddr) {
        (self.clock, self.notes)
    }
}

async fn host(
    tasks: &mut JoinSet<()>,
    address: &str,
    content: Arc<dyn Content>,
) -> Result<SocketAddr, BindError> {
    let (listener, address) = serve::bind_one(address).await?;
    let limits = Limits::default();
    let http = Arc::new(Http::new(&limits));
    let acceptor = Acceptor::new(limits.max_connections, TaskTracker::new(), CancellationToken::new());
    let service = tower::util::BoxCloneSyncService::new(tower::service_fn(move |call| {
        serve(Arc::clone(&content), call)
    }));
    let front = Front { inner: DecodeLayer::new().layer(service) };
    tasks.spawn(acceptor.accept(listener, front, move || Arc::clone(&http)));
    Ok(address)
}

/// A tower service as hyper wants it.
#[derive(Clone, Debug)]
struct Front {
    inner: Decode<tower::util::BoxCloneSyncService<Call, Reply, Failure>>,
}

impl hyper::service::Service<Request<Incoming>> for Front {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = futures_util::future::Either<
        Oneshot<Decode<tower::util::BoxCloneSyncService<Call, Reply, Failure>>, Request<Incoming>>,
        std::future::Ready<Result<Response<Body>, Infallible>>,
    >;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        use futures_util::future::Either;
        if request.uri().path() == "/mcp" {
            return Either::Left(self.inner.clone().oneshot(request));
        }
        let mut missing = Response::new(Body::empty());
        *missing.status_mut() = StatusCode::NOT_FOUND;
        Either::Right(std::future::ready(Ok(missing)))
    }
}
