//! Clients of 2025, whose sessions belong to whoever opened them.

use std::time::{Duration, Instant};

use http::StatusCode;

use crate::Setup;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_its_owners_and_outlives_a_token() {
    let setup = Setup::new().await;
    let (_portal, client) = setup.start("").await;
    let alice = client.with(setup.token("alice")).open().await;
    assert_eq!(alice.status("up_read").await, 200);

    let refreshed = alice.with(setup.token("alice"));
    assert_ne!(refreshed.token, alice.token);
    assert_eq!(refreshed.status("up_read").await, 200, "a new token of the same person");

    let bob = alice.with(setup.token("bob"));
    assert_eq!(bob.call("up_read").await.status, StatusCode::NOT_FOUND);
    assert_eq!(bob.listen().await.status, StatusCode::NOT_FOUND);
    let mut nobody = alice.clone();
    nobody.token = None;
    assert_eq!(nobody.call("up_read").await.status, StatusCode::UNAUTHORIZED, "an id is no credential");
    assert_eq!(setup.upstream.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_token_that_opened_it() {
    let setup = Setup::new().await;
    let (_portal, client) = setup.start("").await;
    let lasting = client.with(setup.token("alice")).open().await;
    let short = lasting.with(setup.short_token("alice"));
    let (begun, stream) = (Instant::now(), short.listen().await);
    assert_eq!(stream.status, StatusCode::OK);
    stream.text().await;
    // A life of one second, rounded up to the next one, and a second until it is seen.
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(short.call("up_read").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(lasting.status("up_read").await, 200, "the session itself goes on");
}
