//! What a caller who is known costs in memory: what a principal in the request's extensions costs, and nothing else.
#![cfg(not(target_env = "msvc"))]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod support;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;

use futures_util::FutureExt as _;
use http::{Request, Response, header};
use portcullis_authn::{AuthnBuilder, Networks, Require};
use portcullis_core::{Body, Peer, Principal};
use tikv_jemalloc_ctl::thread;
use tower_layer::Layer as _;
use tower_service::Service;

use support::{Known, alice, builder};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The bytes that this thread allocates while `run` runs, whether or not it frees them again.
fn allocated<T>(run: impl FnOnce() -> T) -> (u64, T) {
    let counter = thread::allocatedp::read().unwrap();
    let before = counter.get();
    let value = black_box(run());
    (counter.get() - before, value)
}

type Inner = tower::util::ServiceFn<fn(Request<()>) -> Ready<Result<Response<Body>, Infallible>>>;

fn inner() -> Inner {
    tower::service_fn(|request| {
        black_box(request);
        ready(Ok(Response::new(Body::empty())))
    })
}

fn request() -> Request<()> {
    let mut request = Request::post("/mcp")
        .header(header::HOST, "mcp.example.com")
        .header(header::CONTENT_TYPE, "application/json")
        .header("mcp-method", "tools/call")
        .header(header::AUTHORIZATION, format!("Bearer {}", "x".repeat(900)))
        .body(())
        .unwrap();
    request.extensions_mut().insert(Peer { address: "192.0.2.7:4711".parse().unwrap() });
    request
}

fn settings() -> AuthnBuilder {
    builder(Known::new().token(&"x".repeat(900), Ok(alice())))
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocated(|| ()).0, 0);
    assert!(allocated(|| Vec::<u8>::with_capacity(1000)).0 >= 1000);
}

#[tokio::test]
async fn a_known_caller_costs_what_a_principal_in_the_extensions_costs() {
    let principal: Principal = alice().principal().clone();
    let mut bare = inner();
    let fill = |mut request: Request<()>| {
        request.headers_mut().remove(header::AUTHORIZATION);
        request.extensions_mut().insert(principal.clone());
        request
    };
    let request_by_hand = request();
    let (by_hand, response) = allocated(move || bare.call(fill(request_by_hand)).now_or_never().unwrap());
    assert!(response.is_ok());

    let office = Networks::new().named("office", ["192.0.2.0/24"]).unwrap();
    let required = Require::new().networks(["office"]).unwrap();
    for (what, settings) in
        [("plain", settings()), ("with policy", settings().networks(office).require(required))]
    {
        let mut service = settings.build().unwrap().layer(inner());
        let (first, response) = {
            let request = request();
            let begun = thread::allocatedp::read().unwrap().get();
            let response = service.call(request).await;
            (thread::allocatedp::read().unwrap().get() - begun, response)
        };
        assert!(response.unwrap().status().is_success());
        for _ in 0..3 {
            let request = request();
            let (bytes, response) = allocated(|| service.call(request).now_or_never().unwrap());
            assert!(response.unwrap().status().is_success());
            println!("{what}: {bytes} bytes, by hand {by_hand}, judged {first}");
            assert_eq!(bytes, by_hand, "{what}");
        }
    }
}
