//! Extensions besides tasks: user interfaces of tools (MCP Apps), and methods that a portal does not know.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod support;

use portcullis_portal::{Namespace, Portal};
use serde_json::{Value, json};
use support::{Mock, ask, by, list_tools, request};

fn apps(uri: &str, meta: Value) -> Mock {
    let tool = json!({ "name": "show", "inputSchema": { "type": "object" }, "_meta": meta });
    let list = json!({ "resultType": "complete", "tools": [tool], "ttlMs": 60000, "cacheScope": "public" });
    Mock::new().result("tools/list", list).result(
        "resources/read",
        json!({
            "resultType": "complete", "ttlMs": 0, "cacheScope": "private",
            "contents": [{ "uri": uri, "mimeType": "text/html;profile=mcp-app", "text": "<p>" }],
        }),
    )
}

#[tokio::test]
async fn a_user_interface_is_read_from_the_server_whose_tool_names_it() {
    let a = apps(
        "ui://a/main.html",
        json!({ "ui": { "resourceUri": "ui://a/main.html", "visibility": ["model"] } }),
    );
    let b = apps("ui://b/main.html", json!({ "ui/resourceUri": "ui://b/main.html" }));
    for namespace in [Namespace::Always, Namespace::WhenNeeded, Namespace::Never] {
        let builder = Portal::builder("p").namespace(namespace).server(a.server("a")).server(b.server("b"));
        let portal = builder.build().unwrap();
        let read = |uri: &str| request("resources/read", json!({ "uri": uri }));
        let before = (a.count("resources/read"), b.count("resources/read"));
        // Whether or not anybody has listed the tools.
        let answer = ask(&portal, read("ui://b/main.html")).await;
        assert_eq!(answer["result"]["contents"][0]["uri"], "ui://b/main.html", "{answer}");
        assert_eq!(
            ask(&portal, read("ui://a/main.html")).await["result"]["contents"][0]["uri"],
            "ui://a/main.html"
        );
        let after = (a.count("resources/read"), b.count("resources/read"));
        assert_eq!((after.0 - before.0, after.1 - before.1), (1, 1));
        assert_eq!(b.params("resources/read")["uri"], "ui://b/main.html");
        assert_eq!(ask(&portal, read("ui://c/main.html")).await["error"]["code"], -32602);
    }
}

#[tokio::test]
async fn what_tools_say_of_their_interfaces_passes_as_it_came() {
    let metas = [
        json!({ "ui": { "resourceUri": "ui://a/1", "visibility": ["app"] }, "ui/resourceUri": "ui://a/2" }),
        json!({ "ui": { "resourceUri": 7 } }),
        json!({ "ui": "ui://a/3" }),
        json!({ "ui": { "resourceUri": "file:///etc/passwd" } }),
    ];
    for meta in metas {
        let a = apps("ui://a", meta.clone());
        let portal =
            Portal::builder("p").server(a.server("a")).server(Mock::new().server("b")).build().unwrap();
        let list = ask(&portal, list_tools()).await;
        assert_eq!(list["result"]["tools"][0]["_meta"], meta);
        let answer = ask(&portal, request("resources/read", json!({ "uri": "file:///etc/passwd" }))).await;
        assert_eq!(answer["error"]["code"], -32602);
    }
}

#[tokio::test]
async fn an_interface_is_found_only_for_who_was_told_of_it() {
    let a = apps("ui://a", json!({})).on("tools/list", |call| {
        let user = call.extensions().get::<portcullis_core::Principal>().map(|one| one.subject().to_owned());
        let meta = if user.as_deref() == Some("ann") { json!({ "ui": { "resourceUri": "ui://a" } }) } else { json!({}) };
        let tools = json!([{ "name": "show", "inputSchema": {}, "_meta": meta }]);
        Ok(json!({ "result": { "resultType": "complete", "tools": tools, "ttlMs": 60000, "cacheScope": "private" } }))
    });
    let portal = Portal::builder("p").server(a.server("a")).server(Mock::new().server("b")).build().unwrap();
    let read = || request("resources/read", json!({ "uri": "ui://a" }));
    assert!(ask(&portal, by("ann", read())).await["result"].is_object());
    assert_eq!(ask(&portal, by("bob", read())).await["error"]["code"], -32602);
}

#[tokio::test]
async fn a_method_that_nobody_knows_goes_where_its_name_says() {
    let (a, b) = (Mock::new().tools(&[]), Mock::new().tools(&[]));
    let b = b.result("skills/get", json!({ "resultType": "complete", "own": true }));
    let build = |namespace| {
        let builder = Portal::builder("p").namespace(namespace).server(a.server("a")).server(b.server("b"));
        builder.build().unwrap()
    };
    let portal = build(Namespace::Always);
    let mut call = request("skills/get", json!({ "name": "b_review", "x": 1.5 }));
    call.headers_mut().insert("mcp-name", "b_review".parse().unwrap());
    assert_eq!(ask(&portal, call).await["result"]["own"], true);
    assert_eq!(b.params("skills/get")["name"], "review");
    assert_eq!(b.last("skills/get").headers()["mcp-name"], "review");
    for (method, params) in [
        ("skills/get", json!({ "name": "review" })),
        ("skills/get", json!({ "name": "c_review" })),
        ("skills/get", json!({})),
        ("skills/get", json!({ "name": 1 })),
        ("resources/subscribe", json!({ "uri": "b_x", "name": "b_x" })),
        ("initialize", json!({ "name": "b_x" })),
    ] {
        let answer = ask(&portal, request(method, params.clone())).await;
        assert_eq!(answer["error"]["code"], -32601, "{method} {params}");
    }
    assert_eq!((a.count("skills/get"), b.count("skills/get"), b.count("initialize")), (0, 1, 0));
    for namespace in [Namespace::WhenNeeded, Namespace::Never] {
        let answer = ask(&build(namespace), request("skills/get", json!({ "name": "b_review" }))).await;
        assert_eq!(answer["error"]["code"], -32601);
    }
}
