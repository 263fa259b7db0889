//! `subscriptions/listen` over many servers.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod support;

use std::future::poll_fn;
use std::task::Poll;

use portcullis_mcp_jsonrpc::{Call, FailureKind, Reply};
use portcullis_portal::{Namespace, Portal};
use serde_json::{Value, json};
use support::{Mock, ask, next, request, settle};
use tokio::time::{Duration, Instant, advance};
use tower::Service;

fn listen(filter: Value) -> Call {
    request("subscriptions/listen", json!({ "notifications": filter }))
}

fn offering(capabilities: Value) -> Mock {
    let offer = json!({
        "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": capabilities,
        "ttlMs": 60000, "cacheScope": "public",
    });
    Mock::new().result("server/discover", offer).listens()
}

fn everything() -> Mock {
    offering(json!({
        "tools": { "listChanged": true }, "prompts": { "listChanged": true },
        "resources": { "listChanged": true, "subscribe": true },
    }))
}

fn changed(what: &str) -> Value {
    json!({ "jsonrpc": "2.0", "method": format!("notifications/{what}/list_changed") })
}

/// The next message, if there is one without waiting.
async fn poll(reply: &mut Reply) -> Option<Value> {
    settle().await;
    let polled = poll_fn(|cx| Poll::Ready(reply.poll_message(cx))).await;
    match polled {
        Poll::Ready(Some(message)) => Some(serde_json::from_slice(message.unwrap().text()).unwrap()),
        Poll::Ready(None) | Poll::Pending => None,
    }
}

const ID: &str = "io.modelcontextprotocol/subscriptionId";

#[tokio::test(start_paused = true)]
async fn the_acknowledgement_comes_first_and_only_once_the_servers_listen() {
    let (a, b) = (everything(), everything());
    let gate = b.hold("subscriptions/listen");
    let portal = Portal::builder("p").server(a.server("a")).server(b.server("b")).build().unwrap();
    let call = tokio::spawn(portal.clone().call(listen(json!({ "toolsListChanged": true }))));
    settle().await;
    a.send(changed("tools"));
    settle().await;
    assert!(!call.is_finished());
    gate.add_permits(1);
    let mut reply = call.await.unwrap().unwrap();
    assert_eq!((a.open(), b.open()), (1, 1));

    let acknowledgement = next(&mut reply).await;
    assert_eq!(acknowledgement["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(acknowledgement["params"]["_meta"][ID], 7);
    assert_eq!(acknowledgement["params"]["notifications"], json!({ "toolsListChanged": true }));
    let first = next(&mut reply).await;
    assert_eq!(first["method"], "notifications/tools/list_changed");
    assert_eq!(first["params"]["_meta"][ID], 7);

    drop(reply);
    settle().await;
    assert_eq!((a.open(), b.open()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_union_of_what_servers_offer_is_acknowledged() {
    let a = offering(json!({ "tools": { "listChanged": true } }));
    let b = offering(json!({ "resources": { "subscribe": false } }));
    let c = offering(json!({ "completions": {} }));
    let builder = Portal::builder("p").server(a.server("a")).server(b.server("b")).server(c.server("c"));
    let filter = json!({
        "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
        "resourceSubscriptions": ["x://1"],
    });
    let mut reply = builder.build().unwrap().call(listen(filter)).await.unwrap();
    let acknowledged = next(&mut reply).await["params"]["notifications"].clone();
    let of_b = json!({ "resourcesListChanged": true, "resourceSubscriptions": ["x://1"] });
    assert_eq!(a.params("subscriptions/listen")["notifications"], json!({ "toolsListChanged": true }));
    // It is asked for more than it says it tells, and its acknowledgement is what counts.
    assert_eq!(b.params("subscriptions/listen")["notifications"], of_b);
    assert_eq!(
        acknowledged,
        json!({ "toolsListChanged": true, "resourcesListChanged": true, "resourceSubscriptions": ["x://1"] })
    );
    assert_eq!(c.count("subscriptions/listen"), 0);
}

#[tokio::test(start_paused = true)]
async fn only_what_was_asked_for_arrives_and_under_the_clients_id() {
    let (a, b) = (everything(), everything());
    let portal = Portal::builder("p").server(a.server("a")).server(b.server("b")).build().unwrap();
    let filter = json!({ "toolsListChanged": true, "resourceSubscriptions": ["x://1"] });
    let mut reply = portal.clone().call(listen(filter)).await.unwrap();
    next(&mut reply).await;
    a.send(changed("prompts"));
    a.send(changed("resources"));
    a.send(json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info" } }));
    assert_eq!(poll(&mut reply).await, None);
    let updated = |meta: Value| json!({ "jsonrpc": "2.0", "method": "notifications/resources/updated", "params": { "_meta": meta, "uri": "x://1" } });
    for meta in [json!({}), json!({ ID: 8 }), json!({ ID: "7" }), json!({ "more": 1, ID: 7 })] {
        b.send(updated(meta.clone()));
        let arrived = poll(&mut reply).await.unwrap();
        assert_eq!(arrived["params"]["_meta"][ID], 7, "{meta}");
        assert_eq!(arrived["params"]["uri"], "x://1");
    }
    // What cannot carry an id is left out, and the stream goes on.
    b.send(updated(json!("odd")));
    assert_eq!(poll(&mut reply).await, None);
    b.send(changed("tools"));
    assert!(poll(&mut reply).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn resources_are_watched_at_their_owner() {
    let list = |uri: &str| json!({ "resultType": "complete", "resources": [{ "uri": uri, "name": "x" }], "ttlMs": 60000, "cacheScope": "public" });
    let a = everything().result("resources/list", list("a://1"));
    let b = everything().result("resources/list", list("b://1"));
    let portal = Portal::builder("p").server(a.server("a")).server(b.server("b")).build().unwrap();
    ask(&portal, request("resources/list", json!({}))).await;
    let filter = json!({ "resourceSubscriptions": ["a://1", "b://1", "c://1"] });
    let mut reply = portal.clone().call(listen(filter.clone())).await.unwrap();
    assert_eq!(next(&mut reply).await["params"]["notifications"], filter);
    assert_eq!(
        a.params("subscriptions/listen")["notifications"]["resourceSubscriptions"],
        json!(["a://1", "c://1"])
    );
    assert_eq!(
        b.params("subscriptions/listen")["notifications"]["resourceSubscriptions"],
        json!(["b://1", "c://1"])
    );
}

#[tokio::test(start_paused = true)]
async fn servers_that_refuse_or_hang_are_left_out() {
    let a = everything();
    let b = everything()
        .on("subscriptions/listen", |_| Ok(json!({ "error": { "code": -32601, "message": "no" } })));
    let c = everything();
    c.hold("subscriptions/listen");
    let d = everything().on("subscriptions/listen", |_| Err(FailureKind::Unreachable));
    let mut builder = Portal::builder("p");
    for (id, mock) in [("a", &a), ("b", &b), ("c", &c), ("d", &d)] {
        builder = builder.server(mock.server(id));
    }
    let begun = Instant::now();
    let mut reply = builder.build().unwrap().call(listen(json!({ "toolsListChanged": true }))).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
    assert!(next(&mut reply).await["params"]["notifications"]["toolsListChanged"] == true);

    // One that could not be reached is tried again; one that refused is not.
    d.clone().listens();
    advance(Duration::from_secs(10)).await;
    let joined = next(&mut reply).await;
    assert_eq!(joined["method"], "notifications/tools/list_changed");
    assert_eq!((d.open(), b.count("subscriptions/listen")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn if_nobody_can_listen_the_method_is_unknown() {
    let refuse = || {
        everything()
            .on("subscriptions/listen", |_| Ok(json!({ "error": { "code": -32601, "message": "no" } })))
    };
    let (a, b) = (refuse(), offering(json!({ "completions": {} })));
    let portal = Portal::builder("p").server(a.server("a")).server(b.server("b")).build().unwrap();
    let answer = ask(&portal, listen(json!({ "toolsListChanged": true }))).await;
    assert_eq!(answer["error"]["code"], -32601);

    let only = Portal::builder("p").server(a.server("a")).build().unwrap();
    assert_eq!(ask(&only, listen(json!({ "toolsListChanged": true }))).await["error"]["message"], "no");

    for odd in [json!(null), json!(true), json!([])] {
        assert_eq!(ask(&only, listen(odd)).await["error"]["code"], -32602);
    }

    // One that has nothing that could change is not asked, and what the other says is all there is.
    let (quiet, a) = (offering(json!({ "prompts": {} })), everything());
    let portal = Portal::builder("p").server(quiet.server("q")).server(a.server("a")).build().unwrap();
    let mut reply = portal.clone().call(listen(json!({ "toolsListChanged": true }))).await.unwrap();
    assert_eq!(next(&mut reply).await["params"]["notifications"], json!({ "toolsListChanged": true }));
    assert_eq!((quiet.count("subscriptions/listen"), a.open()), (0, 1));

    // Many a server says that it tells nothing, and tells; and if it refuses, that is nothing to the others.
    let silent = || offering(json!({ "tools": { "listChanged": false } }));
    let refusing =
        silent().on("subscriptions/listen", |_| Ok(json!({ "error": { "code": -32601, "message": "no" } })));
    for (second, open) in [(refusing, 0), (silent(), 1)] {
        let a = everything();
        let portal = Portal::builder("p").server(second.server("q")).server(a.server("a")).build().unwrap();
        let mut reply = portal.clone().call(listen(json!({ "toolsListChanged": true }))).await.unwrap();
        assert_eq!(next(&mut reply).await["params"]["notifications"], json!({ "toolsListChanged": true }));
        assert_eq!((second.count("subscriptions/listen"), second.open(), a.open()), (1, open, 1));
        if open > 0 {
            second.send(changed("tools"));
            assert_eq!(next(&mut reply).await["method"], "notifications/tools/list_changed");
        }
    }

    let down = everything().on("subscriptions/listen", |_| Err(FailureKind::Unreachable));
    let mut portal = Portal::builder("p").server(down.server("a")).build().unwrap();
    assert_eq!(portal.call(listen(json!({}))).await.unwrap_err().kind(), FailureKind::Unreachable);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_is_opened_again_without_the_client() {
    let (a, b) = (everything(), everything());
    let portal = Portal::builder("p").server(a.server("a")).server(b.server("b")).build().unwrap();
    let filter = json!({ "toolsListChanged": true, "resourcesListChanged": true });
    let mut reply = portal.clone().call(listen(filter)).await.unwrap();
    next(&mut reply).await;
    a.cut();
    assert_eq!(poll(&mut reply).await, None);
    assert_eq!((a.open(), b.open()), (0, 1));
    b.send(changed("tools"));
    assert!(poll(&mut reply).await.is_some());

    advance(Duration::from_secs(1)).await;
    let methods = [next(&mut reply).await["method"].clone(), next(&mut reply).await["method"].clone()];
    assert_eq!(methods, ["notifications/tools/list_changed", "notifications/resources/list_changed"]);
    assert_eq!(a.open(), 1);
    a.send(changed("tools"));
    assert!(poll(&mut reply).await.is_some());
    assert_eq!(portal.health().servers()[0].listeners, 1);
}

#[tokio::test(start_paused = true)]
async fn when_all_servers_have_closed_the_stream_ends_in_good_order() {
    let (a, b) = (everything(), everything());
    let portal = Portal::builder("p").server(a.server("a")).server(b.server("b")).build().unwrap();
    let mut reply = portal.clone().call(listen(json!({ "toolsListChanged": true }))).await.unwrap();
    next(&mut reply).await;
    let end = json!({ "jsonrpc": "2.0", "id": 7, "result": { "resultType": "complete" } });
    a.send(end.clone());
    assert_eq!(poll(&mut reply).await, None);
    b.send(changed("tools"));
    assert!(poll(&mut reply).await.is_some());
    b.send(end);
    let result = next(&mut reply).await;
    assert_eq!((&result["id"], &result["result"]["_meta"][ID]), (&json!(7), &json!(7)));
    assert_eq!(result["result"]["resultType"], "complete");
    assert!(poll_fn(|cx| reply.poll_message(cx)).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_only_server_may_be_asked_for_more_than_a_portal_knows() {
    let mock = Mock::new().listens();
    let builder = Portal::builder("p").namespace(Namespace::Never);
    let mut portal = builder.server(mock.server("a")).build().unwrap();
    let filter = json!({ "x/own": ["1"], "toolsListChanged": true });
    let mut reply = portal.call(listen(filter.clone())).await.unwrap();
    assert_eq!(next(&mut reply).await["params"]["notifications"], filter);
    mock.send(json!({ "jsonrpc": "2.0", "method": "notifications/tasks/status", "params": {} }));
    assert_eq!(poll(&mut reply).await.unwrap()["params"]["_meta"][ID], 7);
    assert_eq!(mock.count("server/discover"), 0);
}

#[tokio::test(start_paused = true)]
async fn one_of_many_servers_is_asked_for_what_a_portal_knows_even_if_it_does_not_describe_itself() {
    let (a, b) = (Mock::new().listens(), everything());
    let portal = Portal::builder("p").server(a.server("a")).server(b.server("b")).build().unwrap();
    let mut reply =
        portal.clone().call(listen(json!({ "x/own": ["1"], "toolsListChanged": true }))).await.unwrap();
    let known = json!({ "toolsListChanged": true });
    assert_eq!(next(&mut reply).await["params"]["notifications"], known);
    assert_eq!(a.params("subscriptions/listen")["notifications"], known);
    assert_eq!(b.params("subscriptions/listen")["notifications"], known);
}

#[tokio::test(start_paused = true)]
async fn listeners_are_counted_apart_from_calls() {
    let mock = everything().tools(&["x"]);
    let server = mock.server("a").max_in_flight(1).max_listeners(2);
    let portal = Portal::builder("p").server(server).build().unwrap();
    let open = || portal.clone().call(listen(json!({ "toolsListChanged": true })));
    let (one, two) = (open().await.unwrap(), open().await.unwrap());
    assert_eq!(portal.health().servers()[0].listeners, 2);
    assert_eq!(open().await.unwrap_err().kind(), FailureKind::Overload);
    assert!(ask(&portal, support::call_tool("a_x")).await["result"].is_object());
    drop((one, two));
    assert_eq!(portal.health().servers()[0].listeners, 0);
    assert!(open().await.is_ok());
}
