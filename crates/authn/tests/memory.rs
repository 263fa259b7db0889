//! What the memory of verdicts takes, measured as the growth of this process.
#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use portcullis_authn::{Audience, AuthnLayer, BoxFuture, Credential, Denial, Resource, Verified, Verifier};
use portcullis_core::{Kind, Principal};
use tower::{Service, ServiceExt as _};
use tower_layer::Layer as _;

/// Believes every token that does not begin with "bad", and makes a principal of it as a JWT does.
#[derive(Debug)]
struct Everybody {
    asked: Arc<AtomicUsize>,
}

impl Verifier for Everybody {
    fn recognizes(&self, credential: &Credential) -> bool {
        credential.token().is_some()
    }

    fn verify<'a>(
        &'a self,
        credential: &'a Credential,
        _: &'a Audience,
        _: SystemTime,
    ) -> BoxFuture<'a, Result<Verified, Denial>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let token = credential.token().unwrap_or_default();
        let number = token.split('.').next_back().unwrap_or_default();
        let verdict = match token.starts_with("bad") {
            true => Err(Denial::invalid(format!("the token {number} is bad"))),
            false => Ok(Verified::new(
                Principal::new(Kind::User, format!("user-{number}"))
                    .with_issuer("https://login.example.com/realms/staff")
                    .with_group("engineering")
                    .with_group(format!("team-{number}"))
                    .with_scope("mcp")
                    .with_scope("tools:call")
                    .with_attribute("client_id", "s6BhdRkqt3")
                    .with_attribute("amr", "pwd mfa")
                    .with_attribute("email", format!("user-{number}@example.com")),
            )),
        };
        Box::pin(std::future::ready(verdict))
    }
}

/// The memory of this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024
}

async fn status<S, B>(service: &S, token: &str) -> StatusCode
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible> + Clone,
{
    let request = Request::post("/mcp").header(header::AUTHORIZATION, format!("Bearer {token}"));
    let Ok(response) = service.clone().oneshot(request.body(()).unwrap()).await;
    response.status()
}

/// Tokens as long as real ones; nothing but their last digits differs.
fn token(kind: &str, number: usize) -> String {
    format!("{kind}.{}.{number}", "x".repeat(880))
}

/// So many distinct credentials of each kind, through a layer that may keep `bound` bytes.
async fn run(tokens: usize, bound: u64) {
    const MARGIN: u64 = 6 << 20;
    const REGULARS: usize = 100;

    let asked = Arc::new(AtomicUsize::new(0));
    let authn = AuthnLayer::builder(Resource::new("https://mcp.example.com/mcp").unwrap())
        .verifier(Everybody { asked: Arc::clone(&asked) })
        .max_cached_bytes(bound)
        .build()
        .unwrap();
    let service = authn.layer(tower::service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
    }));
    for number in 0..REGULARS {
        assert_eq!(status(&service, &token("regular", number)).await, StatusCode::OK);
    }
    let begun = resident();
    let mut largest = 0;

    // The regulars come again and again while others come once.
    for number in 0..tokens {
        assert_eq!(status(&service, &token("good", number)).await, StatusCode::OK);
        assert_eq!(status(&service, &token("regular", number % REGULARS)).await, StatusCode::OK);
        if number % 1024 == 0 {
            largest = largest.max(resident().saturating_sub(begun));
        }
    }
    println!("{tokens} good tokens, {bound} bytes allowed: grew by {largest}");
    assert!(largest <= bound + MARGIN, "{largest}");
    let again = asked.load(Ordering::Relaxed) - tokens - REGULARS;
    println!("and those who came again were judged again {again} times");
    assert!(again < tokens / 100, "{again}");

    // Bad ones take no place from good ones.
    let last = token("good", tokens - 1);
    assert_eq!(status(&service, &last).await, StatusCode::OK);
    for number in 0..tokens {
        assert_eq!(status(&service, &token("bad", number)).await, StatusCode::UNAUTHORIZED);
        if number % 1024 == 0 {
            largest = largest.max(resident().saturating_sub(begun));
        }
    }
    println!("and {tokens} bad tokens: grew by {largest}");
    assert!(largest <= bound + MARGIN, "{largest}");
    let before = asked.load(Ordering::Relaxed);
    assert_eq!(status(&service, &last).await, StatusCode::OK);
    for number in 0..REGULARS {
        assert_eq!(status(&service, &token("regular", number)).await, StatusCode::OK);
    }
    let judged = asked.load(Ordering::Relaxed) - before;
    assert!(judged <= REGULARS / 20, "{judged} of {REGULARS} were forgotten");
}

/// One test, since tests of one process would measure each other.
#[tokio::test]
async fn distinct_tokens_keep_memory_within_the_bound() {
    run(100_000, 16 << 20).await;
}

#[tokio::test]
#[ignore = "takes a minute; run it alone: cargo test --release --test memory -- --ignored"]
async fn a_million_distinct_tokens_keep_memory_within_the_bound() {
    run(1_000_000, portcullis_authn::AuthnBuilder::DEFAULT_MAX_CACHED_BYTES).await;
}
