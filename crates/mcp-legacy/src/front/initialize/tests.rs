#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use portcullis_testkit::{Act, Ask, Scripted};

use super::*;

const DISCOVERED: &str = r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true},"completions":{},"extensions":{"io.modelcontextprotocol/tasks":{}}},"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"","icons":[]}},"instructions":"Do.\n","ttlMs":1,"cacheScope":"public"}"#;

async fn open(params: &str, act: Act) -> (Scripted, Result<(Client, Message), Unopened>) {
    let service = Scripted::in_order([act]);
    let text = format!(r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{params}}}"#);
    let message = Message::parse(text.into()).unwrap();
    let (_, head) = Ask::tool("another").call().into_parts();
    let opened = initialize(service.clone(), &message, head).await;
    (service, opened)
}

fn params(version: &str) -> String {
    format!(
        r#"{{"protocolVersion":"{version}","capabilities":{{"roots":{{"listChanged":true}}}},"clientInfo":{{"name":"c","version":"1","title":"C","icons":["no"]}},"_meta":{{"traceparent":"00-a"}}}}"#
    )
}

#[tokio::test]
async fn the_client_is_told_what_the_server_is() {
    for (requested, wanted) in [
        (
            "2025-11-25",
            r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},"completions":{},"tasks":{"cancel":{},"requests":{"tools":{"call":{}}}}},"serverInfo":{"name":"s","version":"","icons":[]},"instructions":"Do.\n"}"#,
        ),
        (
            "2024-11-05",
            r#"{"protocolVersion":"2024-11-05","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"s","version":"","icons":[]},"instructions":"Do.\n"}"#,
        ),
    ] {
        let (_, opened) = open(&params(requested), Act::result(DISCOVERED)).await;
        let (client, answer) = opened.unwrap();
        assert_eq!(client.version.as_str(), requested);
        assert_eq!(answer.text(), format!(r#"{{"jsonrpc":"2.0","id":0,"result":{wanted}}}"#).as_bytes());
    }
    let (_, opened) = open(&params("2026-07-28"), Act::result(DISCOVERED)).await;
    assert_eq!(opened.unwrap().0.version, Version::V2025_11_25, "never echoed");
}

#[tokio::test]
async fn the_service_inside_is_told_who_asks() {
    let (service, opened) = open(&params("2025-06-18"), Act::result(DISCOVERED)).await;
    let (client, _) = opened.unwrap();
    assert_eq!(client.info, r#"{"name":"c","version":"1","title":"C"}"#);
    assert_eq!(client.capabilities, r#"{"roots":{}}"#);
    let call = &service.probe().calls()[0];
    assert_eq!(call.method(), "server/discover");
    assert!(call.headers().keys().all(|name| !name.as_str().starts_with("mcp-")));
    assert_eq!(
        call.message().params().map(|params| String::from_utf8(params.to_vec()).unwrap()).unwrap(),
        r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"c","version":"1","title":"C"},"io.modelcontextprotocol/clientCapabilities":{"roots":{}},"traceparent":"00-a"}}"#,
    );
}

#[tokio::test]
async fn wrong_params_are_refused_before_anybody_is_asked() {
    let long = "x".repeat(4096);
    for (name, wrong) in [
        ("no version", r#"{"capabilities":{},"clientInfo":{"name":"c","version":"1"}}"#.to_owned()),
        (
            "a version that is no string",
            r#"{"protocolVersion":1,"capabilities":{},"clientInfo":{"name":"c","version":"1"}}"#.into(),
        ),
        ("no capabilities", r#"{"protocolVersion":"x","clientInfo":{"name":"c","version":"1"}}"#.into()),
        (
            "capabilities that are none",
            r#"{"protocolVersion":"x","capabilities":[],"clientInfo":{"name":"c","version":"1"}}"#.into(),
        ),
        ("no client", r#"{"protocolVersion":"x","capabilities":{}}"#.into()),
        (
            "a client without a name",
            r#"{"protocolVersion":"x","capabilities":{},"clientInfo":{"version":"1"}}"#.into(),
        ),
        (
            "a client without a version",
            r#"{"protocolVersion":"x","capabilities":{},"clientInfo":{"name":"1"}}"#.into(),
        ),
        (
            "a client that says too much",
            format!(
                r#"{{"protocolVersion":"x","capabilities":{{}},"clientInfo":{{"name":"{long}","version":"1"}}}}"#
            ),
        ),
    ] {
        let (service, opened) = open(&wrong, Act::hang()).await;
        assert_eq!(opened.unwrap_err().answer.error_code(), Some(code::INVALID_PARAMS), "{name}");
        assert!(service.probe().calls().is_empty(), "{name}");
    }
    let message = Message::parse(r#"{"jsonrpc":"2.0","id":0,"method":"initialize"}"#.into()).unwrap();
    let (_, head) = Ask::tool("t").call().into_parts();
    let refused = initialize(Scripted::in_order([]), &message, head).await.unwrap_err();
    assert_eq!(refused.answer.error_code(), Some(code::INVALID_PARAMS));
}

#[tokio::test]
async fn what_goes_wrong_inside_is_an_error_with_the_clients_id() {
    for (act, wanted) in [
        (Act::error(-31403, "No."), -31403),
        (Act::fail(FailureKind::Unreachable), code::UNAVAILABLE),
        (Act::stream().notify("{}"), code::BAD_ANSWER),
        (Act::result(r#"{"resultType":"complete"}"#), code::BAD_ANSWER),
        (
            Act::result(r#"{"resultType":"input_required","capabilities":{},"requestState":"s"}"#),
            code::BAD_ANSWER,
        ),
    ] {
        let (_, opened) = open(&params("2025-06-18"), act).await;
        let answer = opened.unwrap_err().answer;
        assert_eq!((answer.error_code(), answer.id()), (Some(wanted), Some(&0.into())));
    }
}

#[tokio::test]
async fn a_server_without_a_name_gets_one() {
    for meta in ["{}", r#"{"io.modelcontextprotocol/serverInfo":{"name":"s"}}"#] {
        let act =
            Act::stream().notify("{}").then_result(&format!(r#"{{"capabilities":{{}},"_meta":{meta}}}"#));
        let (_, opened) = open(&params("2025-06-18"), act).await;
        let answer = String::from_utf8(opened.unwrap().1.text().to_vec()).unwrap();
        assert!(answer.contains(r#""serverInfo":{"name":"portcullis","version":""#), "{answer}");
    }
}
