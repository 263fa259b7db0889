//! What a caller who is known costs: the difference to the first line, which is the same request without a layer.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run should stop")]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use futures_util::FutureExt as _;
use http::{Request, Response, header};
use http_body_util::Full;
use portcullis_authn::biscuit::{BiscuitVerifier, Grant, Mint, SigningKey};
use portcullis_authn::{
    AuthnBuilder, AuthnLayer, Jwks, JwtVerifier, Keys, Networks, Require, Resource, Scopes, ServiceEntry,
    ServiceSecret, ServiceTokens, StoredSecret, Verifier,
};
use portcullis_core::{Kind, Peer, Principal};
use portcullis_testkit::idp::{self, jwks};
use serde_json::json;
use tower_layer::Layer as _;
use tower_service::Service;

const RESOURCE: &str = "https://mcp.example.com/mcp";
const ISSUER: &str = "https://login.example.com";

type Inner = tower::util::ServiceFn<fn(Request<()>) -> Ready<Result<Response<Full<Bytes>>, Infallible>>>;

fn inner() -> Inner {
    tower::service_fn(|request| {
        black_box(request);
        ready(Ok(Response::new(Full::new(Bytes::from_static(b"{}")))))
    })
}

/// What a client of MCP sends, with a credential.
fn request(name: &str, value: &str) -> Request<()> {
    Request::post("/mcp")
        .header(header::HOST, "mcp.example.com")
        .header(header::USER_AGENT, "editor/1.102.3")
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_LENGTH, "512")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "echo")
        .header(name, value)
        .extension(Peer { address: "192.0.2.7:4711".parse().unwrap() })
        .body(())
        .unwrap()
}

fn settings(verifier: impl Verifier) -> AuthnBuilder {
    let networks = Networks::new().named("office", ["192.0.2.0/24"]).unwrap();
    AuthnLayer::builder(Resource::new(RESOURCE).unwrap())
        .verifier(verifier)
        .scopes(Scopes::new().base(["mcp"]).unwrap())
        .networks(networks)
        .require(Require::new().networks(["office"]).unwrap())
}

/// A token for whoever runs the bench, of about 900 bytes.
fn jwt() -> (JwtVerifier, String) {
    let key = idp::SigningKey::rs256().kid("2026-07");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({
        "iss": ISSUER, "sub": "248289761001", "aud": RESOURCE, "client_id": "s6BhdRkqt3", "scope": "mcp tools:call",
        "iat": now, "exp": now + 86_400, "jti": "dbe39bf3a3ba4238a513f51d6e1691c4", "groups": ["engineering", "staff"],
        "amr": ["pwd", "mfa"], "acr": "urn:mace:incommon:iap:silver", "email": "janedoe@example.com",
        "name": "Jane Doe", "preferred_username": "j.doe", "sid": "08a5019c-17e1-4977-8f42-65a12843ea02",
    });
    let token = key.sign(json!({"typ": "at+jwt"}), claims);
    assert!((850..1000).contains(&token.len()), "{}", token.len());
    let keys = Keys::fixed(Jwks::parse(jwks(&[&key]).as_bytes()).unwrap());
    (JwtVerifier::builder(ISSUER, keys).build().unwrap(), token)
}

fn biscuit() -> (BiscuitVerifier, String) {
    let key = SigningKey::generate();
    let roots = key.public().to_string().parse().unwrap();
    let day = Duration::from_secs(86_400);
    let mint = Mint::new(key).lifetime(day, day).unwrap();
    let alice = Principal::new(Kind::User, "alice").with_issuer(ISSUER).with_scope("mcp").with_group("staff");
    let token = mint.mint(&Grant::new(&alice, RESOURCE), SystemTime::now()).unwrap();
    (BiscuitVerifier::new(roots), token.expose().to_owned())
}

fn measure<S, R>(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    service: &S,
    request: &Request<()>,
) where
    S: Service<Request<()>, Response = Response<R>, Error = Infallible> + Clone,
{
    let mut service = service.clone();
    group.bench_function(name, |bencher| {
        bencher.iter_batched(
            || request.clone(),
            |request| service.call(request).now_or_never().unwrap(),
            BatchSize::SmallInput,
        );
    });
}

/// Those who are known.
fn cached(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut group = criterion.benchmark_group("cached");
    let ((jwt, token), (biscuit, block)) = (jwt(), biscuit());
    let secret = ServiceSecret::generate().unwrap();
    let entry = ServiceEntry::new("nightly", StoredSecret::parse(secret.stored()).unwrap()).scope("mcp");
    let services = ServiceTokens::new([entry]).unwrap();

    let bearer = request("authorization", &format!("Bearer {token}"));
    measure(&mut group, "no layer", &inner(), &bearer);
    let principal = Principal::new(Kind::User, "alice");
    let filled = tower::service_fn(move |mut request: Request<()>| {
        request.headers_mut().remove(header::AUTHORIZATION);
        request.extensions_mut().insert(principal.clone());
        inner().call(request)
    });
    measure(&mut group, "no layer, a principal by hand", &filled, &bearer);
    let biscuit_bearer = request("authorization", &format!("Bearer {block}"));
    let mut service_token = request("portcullis-client-id", "nightly");
    service_token.headers_mut().insert("portcullis-client-secret", secret.secret().expose().parse().unwrap());
    for (name, settings, request) in [
        ("a JWT", settings(jwt), bearer),
        ("a Biscuit", settings(biscuit), biscuit_bearer),
        ("a service token", settings(services), service_token),
    ] {
        let service = settings.build().unwrap().layer(inner());
        // The first one is judged.
        let response = runtime.block_on(service.clone().call(request.clone())).unwrap();
        assert_eq!(response.status(), 200);
        measure(&mut group, name, &service, &request);
    }
    group.finish();
}

/// Those who are not: a verdict is larger than what may be kept, so each request is judged.
fn judged(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let mut group = criterion.benchmark_group("judged");
    let ((jwt, token), (biscuit, block)) = (jwt(), biscuit());
    for (name, settings, token) in [("a JWT", settings(jwt), token), ("a Biscuit", settings(biscuit), block)]
    {
        let service = settings.max_cached_bytes(1).build().unwrap().layer(inner());
        measure(&mut group, name, &service, &request("authorization", &format!("Bearer {token}")));
    }
    group.finish();
}

criterion_group!(benches, cached, judged);
criterion_main!(benches);
