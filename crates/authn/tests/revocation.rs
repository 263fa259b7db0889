//! What was let in stops to be when it is taken back: at once where the file is read again, and by itself within a second.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod support;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::request::Builder;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use portcullis_authn::biscuit::{BiscuitVerifier, Grant, Mint, RootKeys, SigningKey, revocation_ids};
use portcullis_authn::{AuthnBuilder, AuthnLayer, Resource, ServiceSecret, ServiceTokens, Verifier};
use portcullis_core::{Kind, Principal, Secret};
use tokio::time::Instant;
use tower::ServiceExt as _;
use tower_layer::Layer as _;

use support::{Clock, Guarded};

const RESOURCE: &str = "https://mcp.example.com/mcp";
const ID: &str = "portcullis-client-id";
const SECRET: &str = "portcullis-client-secret";

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// A file that is gone after the test.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("portcullis-authn-{name}-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn settings() -> AuthnBuilder {
    AuthnLayer::builder(Resource::new(RESOURCE).unwrap()).clock(now)
}

fn bearer(token: &Secret) -> Builder {
    Request::get("/mcp").header(header::AUTHORIZATION, format!("Bearer {}", token.expose()))
}

fn service_token(id: &str, secret: &ServiceSecret) -> Builder {
    Request::post("/mcp").header(ID, id).header(SECRET, secret.secret().expose())
}

async fn status(service: &Guarded, request: Builder) -> StatusCode {
    support::send(service, request).await.status()
}

fn biscuit(file: &File) -> (BiscuitVerifier, [Secret; 2]) {
    let key = SigningKey::generate();
    let roots: RootKeys = key.public().to_string().parse().unwrap();
    let mint = Mint::new(key);
    let alice = Principal::new(Kind::User, "alice");
    let tokens = std::array::from_fn(|_| mint.mint(&Grant::new(&alice, RESOURCE), now()).unwrap());
    (BiscuitVerifier::new(roots).revocations_file(&file.0).unwrap(), tokens)
}

fn entry(id: &str, secret: &ServiceSecret) -> String {
    format!(r#"{{"id": "{id}", "secret": "{}"}}"#, secret.stored())
}

/// How long it takes until a request gets this status.
async fn until(service: &Guarded, wanted: StatusCode, request: impl Fn() -> Builder) -> Duration {
    let begun = Instant::now();
    while status(service, request()).await != wanted {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never happens");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    begun.elapsed()
}

#[tokio::test]
async fn a_revoked_biscuit_stops_at_once() {
    let file = File::new("revoked-at-once", "");
    let (verifier, [stolen, other]) = biscuit(&file);
    let verifier = Arc::new(verifier);
    let (service, _) = support::layer(settings().shared_verifier(Arc::clone(&verifier) as Arc<dyn Verifier>));
    assert_eq!(status(&service, bearer(&stolen)).await, StatusCode::OK);
    file.write(&revocation_ids(&stolen).unwrap()[0]);
    assert_eq!(status(&service, bearer(&stolen)).await, StatusCode::OK, "nobody has read it yet");
    verifier.reload().unwrap();
    assert_eq!(status(&service, bearer(&stolen)).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&service, bearer(&other)).await, StatusCode::OK);

    // What does not read well changes nothing; what was taken back by mistake is good again at once.
    file.write("garbage");
    assert!(verifier.reload().is_err());
    assert_eq!(status(&service, bearer(&stolen)).await, StatusCode::UNAUTHORIZED);
    file.write("");
    verifier.reload().unwrap();
    assert_eq!(status(&service, bearer(&stolen)).await, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_biscuit_stops_by_itself_within_a_second() {
    let file = File::new("revoked-watched", "");
    let (verifier, [stolen, _]) = biscuit(&file);
    let (service, _) = support::layer(settings().verifier(verifier.watch()));
    assert_eq!(status(&service, bearer(&stolen)).await, StatusCode::OK);
    file.write(&revocation_ids(&stolen).unwrap()[0]);
    let took = until(&service, StatusCode::UNAUTHORIZED, || bearer(&stolen)).await;
    assert!(took <= Duration::from_secs(1), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_within_two_seconds_of_the_revocation() {
    let file = File::new("revoked-stream", "");
    let (verifier, [stolen, _]) = biscuit(&file);
    let service = settings().verifier(verifier.watch()).build().unwrap().layer(support::endless());
    let mut open = service.oneshot(bearer(&stolen).body(()).unwrap()).await.unwrap().into_body();
    assert!(tokio::time::timeout(Duration::from_secs(100), open.frame()).await.is_err());
    file.write(&revocation_ids(&stolen).unwrap()[0]);
    let begun = Instant::now();
    assert!(open.frame().await.is_none());
    // The file is looked at twice a second, the stream once.
    assert!(begun.elapsed() <= Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_expired_biscuit_stops_at_its_second() {
    let file = File::new("expired", "");
    let (verifier, [token, _]) = biscuit(&file);
    let clock = Clock::default();
    clock.set(now());
    let told = clock.clone();
    let (service, _) = support::layer(settings().clock(move || told.now()).verifier(verifier));
    let mut lasted = 0;
    while status(&service, bearer(&token)).await == StatusCode::OK {
        clock.advance(Duration::from_secs(1));
        lasted += 1;
        assert!(lasted < 100_000);
    }
    assert_eq!(lasted, 300, "as long as it was minted for, not a second more");
}

#[tokio::test]
async fn a_withdrawn_service_stops_at_once_and_a_new_one_gets_in() {
    let [nightly, rotated, daily] = std::array::from_fn(|_| ServiceSecret::generate().unwrap());
    let file = File::new("services", &format!("[{}]", entry("nightly", &nightly)));
    let verifier = Arc::new(ServiceTokens::open(&file.0).unwrap());
    let (service, _) = support::layer(settings().shared_verifier(Arc::clone(&verifier) as Arc<dyn Verifier>));
    let all = || {
        [
            service_token("nightly", &nightly),
            service_token("nightly", &rotated),
            service_token("daily", &daily),
        ]
    };
    const IN: StatusCode = StatusCode::OK;
    const OUT: StatusCode = StatusCode::UNAUTHORIZED;
    for (what, text, expected) in [
        ("before", format!("[{}]", entry("nightly", &nightly)), [IN, OUT, OUT]),
        ("rotated", format!("[{}, {}]", entry("nightly", &rotated), entry("daily", &daily)), [OUT, IN, IN]),
        ("withdrawn", "[]".to_owned(), [OUT, OUT, OUT]),
        ("back again", format!("[{}]", entry("nightly", &nightly)), [IN, OUT, OUT]),
    ] {
        file.write(&text);
        verifier.reload().unwrap();
        for (request, expected) in all().into_iter().zip(expected) {
            assert_eq!(status(&service, request).await, expected, "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_service_stops_by_itself_within_a_second() {
    let nightly = ServiceSecret::generate().unwrap();
    let file = File::new("services-watched", &format!("[{}]", entry("nightly", &nightly)));
    let verifier = ServiceTokens::open(&file.0).unwrap();
    verifier.watch();
    let (service, _) = support::layer(settings().verifier(verifier));
    let request = || service_token("nightly", &nightly);
    assert_eq!(status(&service, request()).await, StatusCode::OK);
    file.write("[]");
    let took = until(&service, StatusCode::UNAUTHORIZED, request).await;
    assert!(took <= Duration::from_secs(1), "{took:?}");
    file.write(&format!("[{}]", entry("nightly", &nightly)));
    let took = until(&service, StatusCode::OK, request).await;
    assert!(took <= Duration::from_secs(1), "{took:?}");
}
