//! How much goes on at one server at a time.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod support;

use futures_util::stream;
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Fragment, Message, Reply};
use portcullis_portal::{Portal, Server};
use support::{Mock, ask, call_tool, next, settle};
use tokio::time::{Duration, Instant};
use tower::Service;

#[tokio::test(start_paused = true)]
async fn calls_wait_for_their_turn_and_the_line_is_short() {
    let (a, b) = (Mock::new().tools(&["x"]), Mock::new().tools(&["x"]));
    let gate = a.hold("tools/call");
    let server = a.server("a").max_in_flight(1).max_waiting(1).max_wait(Duration::from_secs(5));
    let portal = Portal::builder("p").server(server).server(b.server("b")).build().unwrap();
    let call = || portal.clone().call(call_tool("a_x"));
    let (first, second) = (tokio::spawn(call()), tokio::spawn(call()));
    settle().await;
    let health = portal.health();
    assert_eq!((health.servers()[0].in_flight, health.servers()[0].waiting), (1, 1));
    assert_eq!(call().await.unwrap_err().kind(), FailureKind::Overload);
    // The other server is none of this one's business.
    assert!(ask(&portal, call_tool("b_x")).await["result"].is_object());

    gate.add_permits(1);
    assert!(first.await.unwrap().is_ok());
    settle().await;
    assert_eq!(a.count("tools/call"), 2);
    gate.add_permits(1);
    assert!(second.await.unwrap().is_ok());
    assert_eq!(portal.health().servers()[0].in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_ever() {
    let a = Mock::new().tools(&["x"]);
    let _gate = a.hold("tools/call");
    let server = a.server("a").max_in_flight(1).max_wait(Duration::from_secs(5));
    let portal = Portal::builder("p").server(server).build().unwrap();
    let first = tokio::spawn(portal.clone().call(call_tool("a_x")));
    settle().await;
    let begun = Instant::now();
    assert_eq!(portal.clone().call(call_tool("a_x")).await.unwrap_err().kind(), FailureKind::Overload);
    assert_eq!(begun.elapsed(), Duration::from_secs(5));
    first.abort();
    settle().await;
    assert_eq!(portal.health().servers()[0].in_flight, 0, "a cancelled call gives its permit back");
}

#[tokio::test]
async fn a_stream_holds_its_permit_until_it_ends_or_is_dropped() {
    let service = tower::service_fn(|call: Call| async move {
        let progress = Message::from_notification("notifications/progress", &Fragment::empty());
        let result = Message::from_result(call.id().unwrap(), &Fragment::empty());
        let reply = Reply::stream(stream::iter([Ok(progress.clone()), Ok(progress), Ok(result)]));
        Ok::<_, Failure>(reply)
    });
    let server = Server::new("a", service).unwrap().max_in_flight(1).max_waiting(0);
    let portal = Portal::builder("p").server(server).build().unwrap();
    let in_flight = || portal.health().servers()[0].in_flight;
    let mut reply = portal.clone().call(call_tool("a_x")).await.unwrap();
    next(&mut reply).await;
    assert_eq!(in_flight(), 1);
    assert!(portal.clone().call(call_tool("a_x")).await.is_err());
    drop(reply);
    assert_eq!(in_flight(), 0);

    let mut reply = portal.clone().call(call_tool("a_x")).await.unwrap();
    for _ in 0..3 {
        next(&mut reply).await;
    }
    assert_eq!(in_flight(), 0, "after the answer, though the reply is still there");
    assert_eq!(portal.health().servers()[0].answers, 1);
}

#[tokio::test]
async fn failures_are_counted_and_told_and_leave_no_permit_behind() {
    let a = Mock::new().on("tools/call", |_| Err(FailureKind::Close));
    let portal = Portal::builder("p").server(a.server("a")).build().unwrap();
    let call = call_tool("a_x");
    let trail = portcullis_core::Trail::of(call.extensions()).unwrap().clone();
    assert_eq!(portal.clone().call(call).await.unwrap_err().kind(), FailureKind::Close);
    let health = portal.health();
    let server = &health.servers()[0];
    assert_eq!((server.failures, server.failures_in_a_row, server.in_flight), (1, 1, 0));
    assert!(!health.is_ready());
    assert!(format!("{:?}", trail.entries()).contains("a: answer broke off"));

    a.clone().tools(&[]);
    ask(&portal, call_tool("a_x")).await;
    assert!(portal.health().is_ready());
}
