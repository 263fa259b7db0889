//! Merged lists: order, pages, cursors, partial failure, bounds.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod support;

use portcullis_mcp_jsonrpc::FailureKind;
use portcullis_portal::{Namespace, Portal};
use serde_json::{Value, json};
use support::{Mock, ask, list_tools, names, request, tools};
use tokio::time::{Duration, advance};
use tower::Service;

fn page(cursor: &Value) -> portcullis_mcp_jsonrpc::Call {
    request("tools/list", json!({ "cursor": cursor }))
}

#[tokio::test]
async fn a_merged_list_is_complete() {
    let a = Mock::new().result("tools/list", tools(&["z", "b"], 60_000, "public"));
    let b = Mock::new().result("tools/list", tools(&["a"], 20_000, "private"));
    let portal =
        Portal::builder("acme").version("1.2").server(a.server("a")).server(b.server("b")).build().unwrap();
    let answer = ask(&portal, list_tools()).await;
    assert_eq!(names(&answer), ["a_z", "a_b", "b_a"]);
    let result = &answer["result"];
    assert_eq!(result["resultType"], "complete");
    assert_eq!(result["cacheScope"], "private");
    // The smaller of the two, rounded down by less than an eighth.
    let ttl = result["ttlMs"].as_u64().unwrap();
    assert!((17_500..=20_000).contains(&ttl), "{ttl}");
    assert_eq!(
        result["_meta"]["io.modelcontextprotocol/serverInfo"],
        json!({ "name": "acme", "version": "1.2" })
    );
    assert_eq!(result.get("nextCursor"), None);
    assert_eq!(result["_meta"].get("io.portcullis/unavailable"), None);
}

#[tokio::test]
async fn the_portal_asks_for_itself_and_declares_nothing() {
    let a = Mock::new().result("tools/list", tools(&["x"], 0, "public"));
    let portal = Portal::builder("p").server(a.server("a")).build().unwrap();
    let mut call = list_tools();
    call.headers_mut().insert("authorization", "Bearer secret".parse().unwrap());
    ask(&portal, support::by("ann", call)).await;
    let meta = &a.params("tools/list")["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], json!({}));
    assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], "portcullis");
    let sent = a.last("tools/list");
    assert!(sent.headers().is_empty());
    assert!(sent.extensions().get::<portcullis_core::Principal>().is_some());
}

#[tokio::test]
async fn all_pages_of_a_server_are_read() {
    let a = Mock::new().on("tools/list", |call| {
        let params: Value = serde_json::from_slice(call.message().params().unwrap()).unwrap();
        let (name, next) = match params["cursor"].as_str() {
            None => ("one", Some("")),
            Some("") => ("two", Some("c\"3")),
            Some("c\"3") => ("three", None),
            other => panic!("{other:?}"),
        };
        let mut result = tools(&[name], 60_000, "public");
        if let Some(next) = next {
            result["nextCursor"] = json!(next);
        }
        Ok(json!({ "result": result }))
    });
    let portal = Portal::builder("p").server(a.server("a")).build().unwrap();
    assert_eq!(names(&ask(&portal, list_tools()).await), ["a_one", "a_two", "a_three"]);
    assert_eq!(a.count("tools/list"), 3);
}

#[tokio::test]
async fn a_list_without_end_is_cut_and_said_to_be() {
    let endless = || {
        let count = std::sync::atomic::AtomicUsize::new(0);
        Mock::new().on("tools/list", move |_| {
            let count = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let mut result = tools(&[&format!("t{count}")], 60_000, "public");
            result["nextCursor"] = json!(format!("{count}"));
            Ok(json!({ "result": result }))
        })
    };
    for limit_pages in [true, false] {
        let a = endless();
        let builder = Portal::builder("p").server(a.server("a"));
        let builder = if limit_pages { builder.max_list_pages(3) } else { builder.max_list_items(3) };
        let answer = ask(&builder.build().unwrap(), list_tools()).await;
        assert_eq!(names(&answer), ["a_t0", "a_t1", "a_t2"]);
        assert_eq!(answer["result"]["_meta"]["io.portcullis/truncated"], json!(["a"]));
    }
}

#[tokio::test]
async fn answers_that_are_no_list_are_failures() {
    let table = [
        json!({ "tools": {} }),
        json!({ "tools": [1] }),
        json!({}),
        json!({ "resultType": "input_required", "tools": [] }),
        {
            let mut circle = tools(&["x"], 0, "public");
            circle["nextCursor"] = json!("1");
            circle
        },
    ];
    for result in table {
        let a = Mock::new().result("tools/list", result.clone());
        let portal = Portal::builder("p").server(a.server("a")).build().unwrap();
        let failure = portal.clone().call(list_tools()).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Garbage, "{result}");
        assert!(a.count("tools/list") <= 2);
        assert!(!portal.health().is_ready() || a.count("tools/list") > 0);
    }
}

#[tokio::test]
async fn pages_add_up_to_the_list() {
    let a = Mock::new().result("tools/list", tools(&["1", "2", "3"], 60_000, "public"));
    let b = Mock::new().result("tools/list", tools(&["1", "2"], 60_000, "public"));
    let portal =
        Portal::builder("p").page_size(2).server(a.server("a")).server(b.server("b")).build().unwrap();
    let (mut seen, mut answer) = (Vec::new(), ask(&portal, list_tools()).await);
    loop {
        seen.extend(names(&answer).into_iter().map(str::to_owned));
        match answer["result"].get("nextCursor") {
            Some(cursor) => answer = ask(&portal, page(&cursor.clone())).await,
            None => break,
        }
    }
    assert_eq!(seen, ["a_1", "a_2", "a_3", "b_1", "b_2"]);
    assert_eq!((a.count("tools/list"), b.count("tools/list")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_cursor_survives_a_change_of_the_list() {
    let portal_of = |a: &Mock| Portal::builder("p").page_size(2).server(a.server("a")).build().unwrap();
    let table: [(&[&str], &[&str]); 4] = [
        (&["1", "2", "3", "4"], &["a_3", "a_4"]),
        // Something came in front: nothing twice.
        (&["0", "1", "2", "3"], &["a_3"]),
        // The last item seen has gone: nothing is left out.
        (&["1", "3", "4"], &["a_3", "a_4"]),
        (&[], &[]),
    ];
    for (after, expected) in table {
        let a = Mock::new().result("tools/list", tools(&["1", "2", "3", "4"], 1_000, "public"));
        let portal = portal_of(&a);
        let cursor = ask(&portal, list_tools()).await["result"]["nextCursor"].clone();
        a.clone().result("tools/list", tools(after, 1_000, "public"));
        advance(Duration::from_secs(6)).await;
        let answer = ask(&portal, page(&cursor)).await;
        assert_eq!(names(&answer), expected);
    }
}

#[tokio::test]
async fn cursors_of_others_are_refused() {
    let a = Mock::new().result("tools/list", tools(&["1", "2"], 60_000, "public")).result(
        "prompts/list",
        json!({ "prompts": [{ "name": "1" }, { "name": "2" }], "ttlMs": 1, "cacheScope": "public" }),
    );
    let portal =
        |name: &str, id: &str| Portal::builder(name).page_size(1).server(a.server(id)).build().unwrap();
    let own = portal("p", "a");
    let cursor = ask(&own, list_tools()).await["result"]["nextCursor"].clone();
    assert!(names(&ask(&own, page(&cursor)).await) == ["a_2"]);
    for bad in [json!(""), json!("x"), json!(7), json!(null), json!({}), json!("é")] {
        assert_eq!(ask(&own, page(&bad)).await["error"]["code"], -32602, "{bad}");
    }
    assert_eq!(ask(&portal("q", "a"), page(&cursor)).await["error"]["code"], -32602);
    assert_eq!(ask(&portal("p", "b"), page(&cursor)).await["error"]["code"], -32602);
    let prompts = ask(&own, request("prompts/list", json!({ "cursor": cursor }))).await;
    assert_eq!(prompts["error"]["code"], -32602);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_down_is_left_out_and_said_to_be() {
    let a = Mock::new().result("tools/list", tools(&["x"], 60_000, "public"));
    let b = Mock::new().on("tools/list", |_| Err(FailureKind::Unreachable));
    let c = Mock::new();
    c.hold("tools/list");
    let builder = Portal::builder("p").server(a.server("a")).server(b.server("b")).server(c.server("c"));
    let portal = builder.build().unwrap();
    let answer = ask(&portal, list_tools()).await;
    assert_eq!(names(&answer), ["a_x"]);
    assert_eq!(answer["result"]["_meta"]["io.portcullis/unavailable"], json!(["b", "c"]));
    assert_eq!(answer["result"]["ttlMs"], 0);
    assert_eq!(answer["result"]["cacheScope"], "private");

    let health = portal.health();
    let [a, b, _] = health.servers() else { panic!() };
    assert_eq!((a.tools, a.failures, a.is_healthy()), (Some(1), 0, true));
    assert_eq!((b.tools, b.failures_in_a_row, b.is_healthy()), (None, 1, false));
    assert_eq!(b.last_failure.as_ref().unwrap().kind, FailureKind::Unreachable);
}

#[tokio::test(start_paused = true)]
async fn stale_items_are_served_while_a_server_is_down_but_not_for_ever() {
    let a = Mock::new().result("tools/list", tools(&["x"], 1_000, "public"));
    let b = Mock::new().result("tools/list", tools(&["y"], 1_000, "public"));
    let builder = Portal::builder("p").max_stale(Duration::from_secs(60));
    let portal = builder.server(a.server("a")).server(b.server("b")).build().unwrap();
    ask(&portal, list_tools()).await;
    b.clone().on("tools/list", |_| Err(FailureKind::Timeout));
    advance(Duration::from_secs(30)).await;
    let answer = ask(&portal, list_tools()).await;
    assert_eq!(names(&answer), ["a_x", "b_y"]);
    assert_eq!(answer["result"]["_meta"]["io.portcullis/unavailable"], json!(["b"]));
    advance(Duration::from_secs(60)).await;
    assert_eq!(names(&ask(&portal, list_tools()).await), ["a_x"]);
}

#[tokio::test]
async fn if_all_servers_fail_the_list_fails() {
    let a = Mock::new().on("tools/list", |_| Err(FailureKind::Unreachable));
    let b = Mock::new().on("tools/list", |_| Ok(json!({ "error": { "code": -32603, "message": "secret" } })));
    let portal = Portal::builder("p").server(a.server("a")).server(b.server("b")).build().unwrap();
    let failure = portal.clone().call(list_tools()).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Unreachable);
    assert!(failure.to_string().contains("b: error -32603"), "{failure}");

    // The only server's own error reaches the client, under the client's id.
    let only = Portal::builder("p").server(b.server("b")).build().unwrap();
    let answer = ask(&only, list_tools()).await;
    assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32603), &json!(7)));
}

#[tokio::test]
async fn a_server_without_such_lists_is_no_failure() {
    let a = Mock::new().result("tools/list", tools(&["x"], 60_000, "public"));
    let b = Mock::new();
    let portal = Portal::builder("p").server(a.server("a")).server(b.server("b")).build().unwrap();
    for _ in 0..3 {
        let answer = ask(&portal, list_tools()).await;
        assert_eq!(answer["result"]["cacheScope"], "public");
        assert!(answer["result"]["ttlMs"].as_u64().unwrap() > 50_000);
    }
    assert_eq!(b.count("tools/list"), 1);
    assert_eq!(ask(&portal, request("prompts/list", json!({}))).await["error"]["code"], -32601);
}

#[tokio::test]
async fn a_long_list_is_one_page_by_default() {
    let all: Vec<_> = (0..2_500).map(|number| format!("tool{number}")).collect();
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    let a = Mock::new().result("tools/list", tools(&all, 0, "public"));
    let portal = Portal::builder("p").namespace(Namespace::Never).server(a.server("a")).build().unwrap();
    assert_eq!(names(&ask(&portal, list_tools()).await), all);
    assert_eq!(portal.health().servers()[0].tools, Some(2_500));
}
