//! Which server gets which call, and under which name.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod support;

use http::StatusCode;
use portcullis_core::{Trail, Verdict};
use portcullis_mcp_jsonrpc::{Call, FailureKind, Fragment, Message};
use portcullis_portal::{BuildError, Builder, Collision, Namespace, Portal, Server};
use serde_json::{Value, json};
use support::{Mock, ask, bare, by, call_tool, list_tools, names, request};
use tokio::time::{Duration, advance};
use tower::Service;

fn two(namespace: Namespace) -> (Builder, Mock, Mock) {
    let (a, b) = (Mock::new().tools(&["search", "open"]), Mock::new().tools(&["search", "close"]));
    (Portal::builder("acme").namespace(namespace).server(a.server("a")).server(b.server("b")), a, b)
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

#[tokio::test]
async fn a_prefixed_name_is_routed_without_a_list() {
    let (builder, a, b) = two(Namespace::Always);
    let portal = builder.build().unwrap();
    assert_eq!(text(&ask(&portal, call_tool("b_search")).await), "called search");
    assert_eq!(text(&ask(&portal, call_tool("a_search_all")).await), "called search_all");
    assert_eq!((a.count("tools/list"), b.count("tools/list")), (0, 0));
    assert_eq!((a.count("tools/call"), b.count("tools/call")), (1, 1));
}

#[tokio::test]
async fn all_else_of_a_call_arrives_as_it_was_sent() {
    let (builder, a, _) = two(Namespace::Always);
    let portal = builder.build().unwrap();
    let message = r#"{"x":1.0,"jsonrpc":"2.0","id":"\u0061","method":"tools/call","params":{"inputResponses":{"\u0061":1.0},"name":"a_t","arguments":{"n":1e2}}}"#;
    let mut call = Call::new(Message::parse(message.into()).unwrap());
    call.headers_mut().insert("mcp-method", "tools/call".parse().unwrap());
    ask(&portal, call).await;
    let expected = message.replace("a_t", "t");
    assert_eq!(a.last("tools/call").message().text(), &expected);
}

#[tokio::test]
async fn an_unknown_name_is_refused_as_a_server_would() {
    let (builder, ..) = two(Namespace::Always);
    let portal = builder.build().unwrap();
    for name in ["search", "c_search", "a_", "_a", ""] {
        let call = call_tool(name);
        let trail = Trail::of(call.extensions()).unwrap().clone();
        let answer = ask(&portal, call).await;
        assert_eq!(answer["error"]["code"], -32602);
        assert_eq!(answer["error"]["message"], format!("Unknown tool: {name}"));
        assert_eq!(answer["id"], 7);
        assert!(trail.refusal().is_some());
    }
    let prompt = ask(&portal, request("prompts/get", json!({ "name": "x" }))).await;
    assert_eq!(prompt["error"]["message"], "Unknown prompt: x");
}

#[tokio::test]
async fn the_trail_tells_the_server() {
    let (builder, ..) = two(Namespace::Always);
    let call = call_tool("a_search");
    let trail = Trail::of(call.extensions()).unwrap().clone();
    ask(&builder.build().unwrap(), call).await;
    let entries = trail.entries();
    assert_eq!(entries[0].layer(), "portal");
    assert_eq!(entries[0].verdict(), &Verdict::Note("server a".into()));
}

#[tokio::test]
async fn when_needed_only_doubles_are_prefixed() {
    let (builder, ..) = two(Namespace::WhenNeeded);
    let portal = builder.build().unwrap();
    let list = ask(&portal, list_tools()).await;
    assert_eq!(names(&list), ["a_search", "open", "b_search", "close"]);
    for (name, called) in [
        ("open", "called open"),
        ("close", "called close"),
        ("b_search", "called search"),
        ("a_open", "called open"),
    ] {
        assert_eq!(text(&ask(&portal, call_tool(name)).await), called);
    }
    let ambiguous = ask(&portal, call_tool("search")).await;
    assert_eq!(ambiguous["error"]["code"], -32602);
    let message = ambiguous["error"]["message"].as_str().unwrap();
    assert!(message.contains("a_search, b_search"), "{message}");
}

#[tokio::test]
async fn when_needed_a_name_that_looks_prefixed_is_prefixed() {
    let a = Mock::new().tools(&["x"]);
    let b = Mock::new().tools(&["a_x", "b_y"]);
    let builder = Portal::builder("acme").namespace(Namespace::WhenNeeded);
    let portal = builder.server(a.server("a")).server(b.server("b")).build().unwrap();
    let list = ask(&portal, list_tools()).await;
    assert_eq!(names(&list), ["x", "b_a_x", "b_b_y"]);
    // Every name of the list leads to the one who listed it.
    assert_eq!(text(&ask(&portal, call_tool("x")).await), "called x");
    assert_eq!(text(&ask(&portal, call_tool("b_a_x")).await), "called a_x");
    assert_eq!(text(&ask(&portal, call_tool("b_b_y")).await), "called b_y");
    assert_eq!((a.count("tools/call"), b.count("tools/call")), (1, 2));
}

#[tokio::test]
async fn never_refuses_doubles_and_says_so() {
    let (builder, a, b) = two(Namespace::Never);
    let portal = builder.build().unwrap();
    let list = ask(&portal, list_tools()).await;
    assert_eq!(names(&list), ["open", "close"]);
    assert_eq!(
        list["result"]["_meta"]["io.portcullis/collisions"],
        json!([{ "name": "search", "servers": ["a", "b"] }])
    );
    assert_eq!(ask(&portal, call_tool("search")).await["error"]["code"], -32602);
    assert_eq!((a.count("tools/call"), b.count("tools/call")), (0, 0));
    assert_eq!(text(&ask(&portal, call_tool("close")).await), "called close");
    assert_eq!(ask(&portal, call_tool("a_open")).await["error"]["code"], -32602);
}

#[tokio::test]
async fn never_with_first_gives_doubles_to_the_first_and_says_so() {
    let (builder, a, b) = two(Namespace::Never);
    let portal = builder.collision(Collision::First).build().unwrap();
    let list = ask(&portal, list_tools()).await;
    assert_eq!(names(&list), ["search", "open", "close"]);
    assert!(list["result"]["_meta"]["io.portcullis/collisions"][0]["name"] == "search");
    ask(&portal, call_tool("search")).await;
    assert_eq!((a.count("tools/call"), b.count("tools/call")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_name_nobody_has_refreshes_the_lists_but_not_often() {
    let (builder, a, b) = two(Namespace::Never);
    let portal = builder.build().unwrap();
    assert_eq!(ask(&portal, call_tool("new")).await["error"]["code"], -32602);
    for _ in 0..50 {
        assert_eq!(ask(&portal, call_tool("new")).await["error"]["code"], -32602);
    }
    assert_eq!((a.count("tools/list"), b.count("tools/list")), (1, 1));

    b.clone().tools(&["new"]);
    advance(Duration::from_secs(6)).await;
    assert_eq!(text(&ask(&portal, call_tool("new")).await), "called new");
    assert_eq!((a.count("tools/list"), b.count("tools/list")), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_down_does_not_hold_up_the_others() {
    let (builder, a, b) = two(Namespace::Never);
    b.hold("tools/list");
    let portal = builder.build().unwrap();
    assert_eq!(text(&ask(&portal, call_tool("open")).await), "called open");
    let begun = tokio::time::Instant::now();
    for _ in 0..10 {
        assert_eq!(text(&ask(&portal, call_tool("open")).await), "called open");
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    // Whether the one that is down has the name, nobody can say.
    let failure = portal.clone().call(call_tool("close")).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Timeout);
    assert_eq!(a.count("tools/call"), 11);
}

#[tokio::test]
async fn with_one_server_and_bare_names_everything_passes() {
    let mock = Mock::new()
        .on("tools/call", |_| Ok(json!({ "error": { "code": -32602, "message": "Tool x not found" } })))
        .on("ping", |_| Ok(json!({ "error": { "code": -32601, "message": "no ping" } })));
    let portal = Portal::builder("p").namespace(Namespace::Never).server(mock.server("one")).build().unwrap();
    let answer = ask(&portal, call_tool("one_x")).await;
    assert_eq!(answer["error"]["message"], "Tool x not found");
    assert_eq!(mock.params("tools/call")["name"], "one_x");
    assert_eq!(ask(&portal, request("ping", json!({}))).await["error"]["message"], "no ping");
    assert_eq!(ask(&portal, request("tasks/get", json!({}))).await["error"]["code"], -32601);
    assert_eq!(mock.count("tasks/get"), 1);
    assert_eq!(mock.count("tools/list"), 0);
}

#[tokio::test]
async fn with_many_servers_unknown_methods_are_refused() {
    let (builder, a, _) = two(Namespace::Always);
    let portal = builder.build().unwrap();
    for method in ["initialize", "ping", "logging/setLevel", "resources/subscribe", "tasks/list", "x"] {
        let answer = ask(&portal, request(method, json!({}))).await;
        assert_eq!(answer["error"]["code"], -32601, "{method}");
        assert_eq!(a.count(method), 0);
    }
}

#[tokio::test]
async fn notifications_are_taken_and_dropped() {
    let (builder, a, b) = two(Namespace::Always);
    let message = Message::from_notification("notifications/cancelled", &Fragment::empty());
    let reply = builder.build().unwrap().call(Call::new(message)).await.unwrap();
    assert!(reply.is_empty());
    assert_eq!(a.count("notifications/cancelled") + b.count("notifications/cancelled"), 0);
}

fn resources(mock: Mock, uris: &[&str], templates: &[&str]) -> Mock {
    let named =
        |key: &str, all: &[&str]| all.iter().map(|one| json!({ key: one, "name": one })).collect::<Vec<_>>();
    mock.result(
        "resources/list",
        json!({ "resultType": "complete", "resources": named("uri", uris), "ttlMs": 9000, "cacheScope": "public" }),
    )
    .result(
        "resources/templates/list",
        json!({ "resultType": "complete", "resourceTemplates": named("uriTemplate", templates), "ttlMs": 9000, "cacheScope": "public" }),
    )
    .result("resources/read", json!({ "resultType": "complete", "contents": [], "ttlMs": 0, "cacheScope": "private" }))
    .result("completion/complete", json!({ "resultType": "complete", "completion": { "values": [] } }))
}

#[tokio::test]
async fn resources_go_to_their_owner() {
    let a = resources(Mock::new(), &["a://1", "both://1"], &["a://{id}", "t://{x}/y"]);
    let b = resources(Mock::new(), &["b://1", "both://1"], &["b://{id}", "t://{x}"]);
    let portal = Portal::builder("p").server(a.server("a")).server(b.server("b")).build().unwrap();
    for (uri, expected) in [
        ("a://1", (1, 0)),
        ("b://1", (0, 1)),
        ("both://1", (1, 0)),
        ("a://other", (1, 0)),
        ("b://other", (0, 1)),
        ("t://1/y", (1, 0)),
        ("t://1", (0, 1)),
        // By the book no template makes this, but many servers take a value for a path.
        ("b://1/2/3", (0, 1)),
    ] {
        let before = (a.count("resources/read"), b.count("resources/read"));
        let answer = ask(&portal, request("resources/read", json!({ "uri": uri }))).await;
        assert!(answer["result"].is_object(), "{uri}: {answer}");
        let after = (a.count("resources/read"), b.count("resources/read"));
        assert_eq!((after.0 - before.0, after.1 - before.1), expected, "{uri}");
    }
    let unknown = ask(&portal, request("resources/read", json!({ "uri": "none://1" }))).await;
    assert_eq!(unknown["error"]["code"], -32602);
    assert_eq!(unknown["error"]["data"]["uri"], "none://1");

    let list = ask(&portal, request("resources/list", json!({}))).await;
    let uris: Vec<_> =
        list["result"]["resources"].as_array().unwrap().iter().map(|one| &one["uri"]).collect();
    assert_eq!(uris, ["a://1", "both://1", "b://1"]);
    assert_eq!(list["result"]["_meta"]["io.portcullis/collisions"][0]["servers"], json!(["a", "b"]));
}

#[tokio::test]
async fn an_unknown_resource_is_for_the_only_server_to_refuse() {
    let mock = resources(Mock::new(), &[], &[]);
    let portal = Portal::builder("p").server(mock.server("a")).build().unwrap();
    ask(&portal, request("resources/read", json!({ "uri": "x://1" }))).await;
    assert_eq!((mock.count("resources/read"), mock.count("resources/list")), (1, 0));
}

#[tokio::test]
async fn completion_follows_its_reference() {
    let a = resources(Mock::new(), &[], &["a://{id}"]);
    let b = resources(Mock::new(), &[], &["b://{id}"]);
    let portal = Portal::builder("p").server(a.server("a")).server(b.server("b")).build().unwrap();
    let complete = |reference: Value| {
        let argument = json!({ "name": "x", "value": "" });
        request("completion/complete", json!({ "ref": reference, "argument": argument }))
    };
    ask(&portal, complete(json!({ "type": "ref/prompt", "name": "b_re_\"view" }))).await;
    assert_eq!(b.params("completion/complete")["ref"]["name"], "re_\"view");
    assert_eq!(b.params("completion/complete")["argument"]["name"], "x");
    ask(&portal, complete(json!({ "type": "ref/resource", "uri": "a://{id}" }))).await;
    assert_eq!(a.params("completion/complete")["ref"]["uri"], "a://{id}");

    for reference in
        [json!({ "type": "ref/prompt", "name": "x" }), json!({ "type": "ref/resource", "uri": "x" })]
    {
        assert_eq!(ask(&portal, complete(reference)).await["error"]["code"], -32602);
    }
    for reference in
        [json!(null), json!({}), json!({ "type": "ref/prompt" }), json!({ "type": 1, "name": "a_x" })]
    {
        assert_eq!(ask(&portal, complete(reference)).await["error"]["code"], -32602);
    }
}

fn annotated() -> Mock {
    let schema = |header: &str, kind: &str| json!({ "type": "object", "properties": { "region": { "type": kind, "x-mcp-header": header } } });
    let list = json!({
        "resultType": "complete",
        "tools": [
            { "name": "good", "inputSchema": schema("Region", "string") },
            { "name": "bad", "inputSchema": schema("not a token", "string") },
            { "name": "worse", "inputSchema": schema("Region", "number") },
            { "name": "plain", "inputSchema": { "type": "object" } },
        ],
        "ttlMs": 60000,
        "cacheScope": "public",
    });
    Mock::new().tools(&[]).result("tools/list", list)
}

fn with_headers(name: &str, region: &str) -> Call {
    let mut call = request("tools/call", json!({ "name": name, "arguments": { "region": "eu" } }));
    call.headers_mut().insert("mcp-method", "tools/call".parse().unwrap());
    call.headers_mut().insert("mcp-param-region", region.parse().unwrap());
    call
}

#[tokio::test]
async fn tools_with_invalid_header_annotations_are_left_out() {
    let portal = Portal::builder("p").server(annotated().server("a")).build().unwrap();
    assert_eq!(names(&ask(&portal, list_tools()).await), ["a_good", "a_plain"]);
}

#[tokio::test]
async fn headers_are_held_against_arguments_once_the_tool_is_known() {
    let mock = annotated();
    let portal = Portal::builder("p").server(mock.server("a")).build().unwrap();
    // Not known yet: the server checks, so it gets the headers as they are.
    ask(&portal, with_headers("a_good", "us")).await;
    assert_eq!(mock.last("tools/call").headers()["mcp-param-region"], "us");
    assert!(mock.count("tools/list") == 0);

    ask(&portal, list_tools()).await;
    let mut reply = portal.clone().call(with_headers("a_good", "us")).await.unwrap();
    assert_eq!(reply.extensions().get::<StatusCode>(), Some(&StatusCode::BAD_REQUEST));
    assert_eq!(support::next(&mut reply).await["error"]["code"], -32020);
    assert_eq!(mock.count("tools/call"), 1);

    ask(&portal, with_headers("a_good", "eu")).await;
    let params =
        mock.last("tools/call").extensions().get::<portcullis_mcp_jsonrpc::header::HeaderParams>().cloned();
    assert_eq!(params.unwrap().names().len(), 1);
    // A call from within has no headers, and gets some.
    ask(&portal, bare("tools/call", json!({ "name": "a_good", "arguments": { "region": "eu" } }))).await;
    assert_eq!(mock.count("tools/call"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_headers_gets_those_that_its_server_wants() {
    use portcullis_mcp_jsonrpc::header::HeaderParams;
    let eu = || json!({ "name": "good", "arguments": { "region": "eu" } });
    for namespace in [Namespace::Always, Namespace::WhenNeeded, Namespace::Never] {
        let mock = annotated();
        let portal = Portal::builder("p").namespace(namespace).server(mock.server("a")).build().unwrap();
        let name = if namespace == Namespace::Always { "a_good" } else { "good" };
        let call = || bare("tools/call", json!({ "name": name, "arguments": eu()["arguments"] }));
        for _ in 0..2 {
            assert!(ask(&portal, call()).await["error"].is_null());
            assert!(mock.last("tools/call").extensions().get::<HeaderParams>().is_some(), "{namespace:?}");
        }
        // Known to everyone now, and not asked for again before it is very old.
        ask(&portal, by("ann", call())).await;
        assert_eq!(mock.count("tools/list"), 1);
        advance(Duration::from_secs(700)).await;
        ask(&portal, call()).await;
        assert_eq!(mock.count("tools/list"), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_without_headers_does_not_fail_for_want_of_a_list() {
    let mock = Mock::new().tools(&[]).on("tools/list", |_| Err(FailureKind::Unreachable));
    let portal = Portal::builder("p").server(mock.server("a")).build().unwrap();
    for _ in 0..10 {
        let call = bare("tools/call", json!({ "name": "a_x" }));
        assert_eq!(text(&ask(&portal, call).await), "called x");
    }
    assert_eq!(mock.count("tools/list"), 1);

    mock.hold("tools/list");
    let portal =
        Portal::builder("p").list_timeout(Duration::from_secs(3)).server(mock.server("a")).build().unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(text(&ask(&portal, bare("tools/call", json!({ "name": "a_x" }))).await), "called x");
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
}

#[tokio::test]
async fn annotations_seen_by_one_user_do_not_rule_another() {
    let mock = annotated().on("tools/list", |call| {
        let user = call.extensions().get::<portcullis_core::Principal>().map(|one| one.subject().to_owned());
        let with = json!({ "type": "object", "properties": { "region": { "type": "string", "x-mcp-header": "Region" } } });
        let schema = if user.as_deref() == Some("ann") { with } else { json!({ "type": "object" }) };
        let tools = json!([{ "name": "good", "inputSchema": schema }]);
        Ok(json!({ "result": { "resultType": "complete", "tools": tools, "ttlMs": 60000, "cacheScope": "private" } }))
    });
    let portal = Portal::builder("p").server(mock.server("a")).build().unwrap();
    ask(&portal, by("ann", list_tools())).await;
    assert_eq!(ask(&portal, by("ann", with_headers("a_good", "us"))).await["error"]["code"], -32020);
    assert!(ask(&portal, by("bob", with_headers("a_good", "us"))).await["result"].is_object());
}

#[test]
fn a_bad_portal_is_not_built() {
    let server = |id: &str| Mock::new().server(id);
    let table: Vec<(Builder, BuildError)> = vec![
        (Portal::builder("p"), BuildError::NoServers),
        (Portal::builder("").server(server("a")), BuildError::Name { name: String::new() }),
        (Portal::builder("a\nb").server(server("a")), BuildError::Name { name: "a\nb".into() }),
        (
            Portal::builder("p").server(server("a")).server(server("A")),
            BuildError::Duplicate { id: "A".into() },
        ),
        (
            Portal::builder("p").server(server("a")).page_size(0),
            BuildError::Zero { setting: "page_size", server: None },
        ),
        (
            Portal::builder("p").server(server("a").max_in_flight(0)),
            BuildError::Zero { setting: "max_in_flight", server: Some("a".into()) },
        ),
    ];
    for (builder, expected) in table {
        assert_eq!(builder.build().unwrap_err(), expected);
    }
    assert!(
        Server::new(
            "a_b",
            tower::service_fn(|_: Call| async { Err::<portcullis_mcp_jsonrpc::Reply, _>("x") })
        )
        .is_err()
    );
}

#[tokio::test]
async fn lists_keep_every_byte_but_the_name() {
    let raw = r#"{"resultType":"complete","ttlMs":1000,"cacheScope":"public","tools":[{ "x" : 1.0, "name":"s\u0065arch","\u0061":[ ] }]}"#;
    let service = tower::service_fn(move |call: Call| async move {
        let id = call.id().unwrap().clone();
        Ok::<_, portcullis_mcp_jsonrpc::Failure>(portcullis_mcp_jsonrpc::Reply::result(
            &id,
            &Fragment::parse(raw).unwrap(),
        ))
    });
    let mut portal = Portal::builder("p").server(Server::new("a", service).unwrap()).build().unwrap();
    let reply = portal.call(list_tools()).await.unwrap();
    let text = reply.as_single().unwrap().text().clone();
    let text = std::str::from_utf8(&text).unwrap();
    assert!(text.contains(r#""tools":[{ "x" : 1.0, "name":"a_s\u0065arch","\u0061":[ ] }]"#), "{text}");
}
