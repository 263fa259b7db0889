//! A verifier with a list, a clock that stands still, and a service that remembers what reached it.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use http::request::Builder;
use http::{Extensions, HeaderMap, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use portcullis_authn::{
    Audience, Authn, AuthnBuilder, AuthnLayer, BoxFuture, Credential, Denial, Resource, ResponseBody, Scopes,
    Verified, Verifier,
};
use portcullis_core::{Body, Kind, Principal};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use tower_layer::Layer;

/// When the tests take place.
pub const START: SystemTime = SystemTime::UNIX_EPOCH;

/// A clock that goes when it is told.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<Mutex<Duration>>);

impl Clock {
    pub fn set(&self, time: SystemTime) {
        *self.0.lock().unwrap() = time.duration_since(START).unwrap();
    }

    pub fn advance(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }

    pub fn now(&self) -> SystemTime {
        START + *self.0.lock().unwrap()
    }
}

type Verdicts = HashMap<String, Result<Verified, Denial>>;

/// Knows a few tokens, and counts how often it is asked.
#[derive(Default)]
pub struct Known {
    pub tokens: Arc<Mutex<Verdicts>>,
    pub asked: Arc<AtomicUsize>,
    pub generation: Arc<AtomicU64>,
    pub clock: Clock,
    hanging: Option<String>,
    issuer: Option<String>,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").finish_non_exhaustive()
    }
}

impl Known {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn token(self, token: &str, verdict: Result<Verified, Denial>) -> Self {
        self.tokens.lock().unwrap().insert(token.to_owned(), verdict);
        self
    }

    pub fn hanging(mut self, token: &str) -> Self {
        self.hanging = Some(token.to_owned());
        self
    }

    pub fn issued_by(mut self, issuer: &str) -> Self {
        self.issuer = Some(issuer.to_owned());
        self
    }
}

impl Verifier for Known {
    fn recognizes(&self, credential: &Credential) -> bool {
        credential.token().is_some()
    }

    fn verify<'a>(
        &'a self,
        credential: &'a Credential,
        _: &'a Audience,
        now: SystemTime,
    ) -> BoxFuture<'a, Result<Verified, Denial>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let token = credential.token().unwrap();
        if self.hanging.as_deref() == Some(token) {
            return Box::pin(std::future::pending());
        }
        let verdict = self.tokens.lock().unwrap().get(token).cloned();
        let verdict = verdict.unwrap_or_else(|| Err(Denial::invalid("unknown")));
        let expired = |verified: &Verified| verified.end().is_some_and(|end| end <= now);
        let verdict = verdict.and_then(|verified| match expired(&verified) {
            true => Err(Denial::invalid("expired")),
            false => Ok(verified),
        });
        Box::pin(async move {
            // As one that has to ask somebody else.
            tokio::task::yield_now().await;
            verdict
        })
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }
}

/// A user with the scope that everything here needs.
pub fn alice() -> Verified {
    Verified::new(Principal::new(Kind::User, "alice").with_scope("mcp"))
}

pub fn builder(known: Known) -> AuthnBuilder {
    let clock = known.clock.clone();
    AuthnLayer::builder(Resource::new("https://mcp.example.com/mcp").unwrap())
        .scopes(Scopes::new().base(["mcp"]).unwrap())
        .clock(move || clock.now())
        .verifier(known)
}

/// What reached the service inside.
#[derive(Debug)]
pub struct Seen {
    pub headers: HeaderMap,
    pub extensions: Extensions,
}

type Inner = BoxCloneSyncService<Request<()>, Response<Body>, Infallible>;
pub type Guarded = Authn<Inner>;

pub fn layer(builder: AuthnBuilder) -> (Guarded, Arc<Mutex<Vec<Seen>>>) {
    around(&builder.build().unwrap())
}

pub fn around(authn: &AuthnLayer) -> (Guarded, Arc<Mutex<Vec<Seen>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let inner = tower::service_fn(move |request: Request<()>| {
        let (head, ()) = request.into_parts();
        log.lock().unwrap().push(Seen { headers: head.headers, extensions: head.extensions });
        async { Ok::<_, Infallible>(Response::new(Body::from("inside"))) }
    });
    (authn.layer(BoxCloneSyncService::new(inner)), seen)
}

/// Answers with an event stream on which nothing ever happens.
pub fn endless() -> Inner {
    let inner = tower::service_fn(async |_: Request<()>| {
        let body = http_body_util::StreamBody::new(futures_util::stream::pending::<
            Result<http_body::Frame<bytes::Bytes>, Infallible>,
        >());
        let mut response = Response::new(Body::new(body));
        response.headers_mut().insert(header::CONTENT_TYPE, "text/event-stream".parse().unwrap());
        Ok::<_, Infallible>(response)
    });
    BoxCloneSyncService::new(inner)
}

pub async fn send(service: &Guarded, request: Builder) -> Response<ResponseBody<Body>> {
    service.clone().oneshot(request.body(()).unwrap()).await.unwrap()
}

pub async fn read(response: Response<ResponseBody<Body>>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Status and text of the answer to a request with this token.
pub async fn text(service: &Guarded, token: &str) -> (StatusCode, String) {
    let request = Request::post("/mcp").header(header::AUTHORIZATION, format!("Bearer {token}"));
    let response = send(service, request).await;
    (response.status(), read(response).await)
}
