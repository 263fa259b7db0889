//! `server/discover` over many servers.
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
use support::{Mock, ask, request};
use tower::Service;

const TASKS: &str = "io.modelcontextprotocol/tasks";
const UI: &str = "io.modelcontextprotocol/ui";

fn offering(capabilities: Value, instructions: &str, ttl: u64) -> Mock {
    let mut offer = json!({
        "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": capabilities,
        "ttlMs": ttl, "cacheScope": "public",
    });
    if !instructions.is_empty() {
        offer["instructions"] = json!(instructions);
    }
    Mock::new().result("server/discover", offer)
}

fn discover() -> portcullis_mcp_jsonrpc::Call {
    request("server/discover", json!({}))
}

#[tokio::test]
async fn what_any_server_can_do_the_portal_can() {
    let a = offering(
        json!({ "tools": { "listChanged": true }, "logging": {}, "extensions": { "x/y": { "n": 1 }, TASKS: { "n": 1 } } }),
        "Use a.",
        60_000,
    );
    let b = offering(
        json!({ "tools": { "listChanged": false }, "resources": { "subscribe": true }, "completions": {}, "extensions": { TASKS: {}, UI: { "mimeTypes": ["text/html"] } }, "experimental": { "x": {} } }),
        "",
        60_000,
    );
    let c = offering(json!({ "prompts": {} }), "Use \"c\".", 60_000);
    let builder = Portal::builder("acme").server(a.server("a")).server(b.server("b")).server(c.server("c"));
    let portal = builder.build().unwrap();
    let answer = ask(&portal, discover()).await;
    let result = &answer["result"];
    assert_eq!(
        result["capabilities"],
        json!({
            "tools": { "listChanged": true }, "prompts": {}, "resources": { "subscribe": true },
            "completions": {}, "logging": {}, "extensions": { TASKS: { "n": 1 }, UI: { "mimeTypes": ["text/html"] } },
        })
    );
    assert_eq!(result["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(result["instructions"], "## a\n\nUse a.\n\n## c\n\nUse \"c\".");
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "acme");
    assert_eq!((&result["resultType"], &result["cacheScope"]), (&json!("complete"), &json!("public")));
    assert!(result["ttlMs"].as_u64().unwrap() > 50_000);
    ask(&portal, discover()).await;
    assert_eq!(a.count("server/discover"), 1);
}

#[tokio::test]
async fn what_no_call_could_reach_is_not_advertised() {
    let offer = json!({ "tools": {}, "extensions": { "x/y": {} }, "experimental": { "z": {} } });
    let a = offering(offer.clone(), "", 0);
    let portal = Portal::builder("p").server(a.server("a")).build().unwrap();
    assert_eq!(ask(&portal, discover()).await["result"]["capabilities"], json!({ "tools": {} }));
    // What passes everything may say everything.
    let portal = Portal::builder("p").namespace(Namespace::Never).server(a.server("a")).build().unwrap();
    assert_eq!(ask(&portal, discover()).await["result"]["capabilities"], offer);
}

#[tokio::test]
async fn long_instructions_are_cut() {
    let a = offering(json!({}), &"ä".repeat(10_000), 0);
    let portal = Portal::builder("p").server(a.server("a")).build().unwrap();
    let answer = ask(&portal, discover()).await;
    let text = answer["result"]["instructions"].as_str().unwrap();
    assert!(text.ends_with("ä…") && text.len() < 9_000);
}

#[tokio::test]
async fn an_only_server_with_bare_names_speaks_for_itself() {
    let capabilities = json!({ "tools": {}, "x-own": { "deep": [1.50] } });
    let a = offering(capabilities.clone(), "Hello.", 5);
    let builder = Portal::builder("p").namespace(Namespace::Never);
    let portal = builder.server(a.server("a")).build().unwrap();
    let answer = ask(&portal, discover()).await;
    assert_eq!(answer["result"]["capabilities"], capabilities);
    assert_eq!(answer["result"]["instructions"], "Hello.");
}

#[tokio::test]
async fn a_server_that_is_down_is_left_out_and_said_to_be() {
    let a = offering(json!({ "tools": {} }), "", 60_000);
    let b = Mock::new().on("server/discover", |_| Err(FailureKind::Unreachable));
    let portal = Portal::builder("p").server(a.server("a")).server(b.server("b")).build().unwrap();
    let answer = ask(&portal, discover()).await;
    assert_eq!(answer["result"]["_meta"]["io.portcullis/unavailable"], json!(["b"]));
    assert_eq!(answer["result"]["ttlMs"], 0);

    let mut down = Portal::builder("p").server(b.server("b")).build().unwrap();
    assert_eq!(down.call(discover()).await.unwrap_err().kind(), FailureKind::Unreachable);
}
