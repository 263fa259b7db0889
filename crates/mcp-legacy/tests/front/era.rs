//! Which era a request is served in.

use http::StatusCode;
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::{DecodeLayer, code, header};
use portcullis_testkit::{Act, Ask, Scripted, read};
use tower::{Layer, ServiceExt as _};

use super::client::{Client, call, initialize};
use super::{complete, connected, front, layer};

/// The front adds nothing to modern traffic and takes nothing away.
#[tokio::test(start_paused = true)]
async fn modern_traffic_is_served_as_by_the_decoder() {
    let stream = || Act::stream().notify(r#"{"progress":1}"#).then_result(r#"{"resultType":"complete"}"#);
    let asks = [
        Ask::tool("echo"),
        Ask::tool("echo").header(header::MCP_SESSION_ID, "x"),
        Ask::tool("echo").header(header::MCP_NAME, "other"),
        Ask::tool("echo").header(header::MCP_PROTOCOL_VERSION, "2030-01-01"),
        Ask::tool("echo").header_again(header::MCP_PROTOCOL_VERSION, "2025-06-18"),
        Ask::tool("echo").body("{"),
    ];
    for ask in asks {
        for act in [complete(), stream(), Act::accept()] {
            let service = Scripted::always(act);
            let Ok(plain) = DecodeLayer::new().layer(service.clone()).oneshot(ask.http()).await;
            let Ok(fronted) = layer().layer(service).oneshot(ask.http()).await;
            assert_eq!(fronted.status(), plain.status());
            assert_eq!(fronted.headers(), plain.headers());
            assert_eq!(read::response(fronted).await.1, read::response(plain).await.1, "{ask:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_modern_notification_is_taken() {
    let service = layer().layer(Scripted::always(Act::accept()));
    let Ok(response) = service.oneshot(Ask::notification("notifications/x").http()).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn an_unsupported_version_is_refused_in_the_words_of_the_decoder() {
    let mut client = connected([]).await;
    client.version = Some("2023-01-01");
    let (head, answer) = read::message(client.post(call(1)).await).await;
    assert_eq!(
        (head.status, answer.error_code()),
        (StatusCode::BAD_REQUEST, Some(code::UNSUPPORTED_VERSION))
    );
}

#[tokio::test(start_paused = true)]
async fn other_methods_and_sessionless_gets_are_not_allowed() {
    let client = Client::new(front([]));
    for method in ["GET", "DELETE", "PUT", "OPTIONS"] {
        let response = client.send(client.request(method).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
}

/// A modern client whose header was lost on the way learns that, and not that it lacks a session.
#[tokio::test(start_paused = true)]
async fn a_modern_body_without_the_header_is_refused_as_modern() {
    let service = front([]);
    let ask = Ask::tool("echo").without_header(&header::MCP_PROTOCOL_VERSION);
    let Ok(response) = service.oneshot(ask.http()).await;
    let (head, answer) = read::message(response).await;
    assert_eq!((head.status, answer.error_code()), (StatusCode::BAD_REQUEST, Some(code::HEADER_MISMATCH)));
}

/// rmcp's default.
#[tokio::test(start_paused = true)]
async fn an_initialize_that_asks_for_the_modern_version_gets_the_last_legacy_one() {
    let answer = Client::new(front([])).ask(initialize("2026-07-28")).await;
    let result = std::str::from_utf8(answer.result().unwrap()).unwrap();
    assert!(result.contains(r#""protocolVersion":"2025-11-25""#), "{result}");
}

#[tokio::test(start_paused = true)]
async fn every_legacy_version_is_spoken() {
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let client = Client::connect(front([complete()]), version).await;
        assert!(client.ask(call(1)).await.result().is_some(), "{version}");
    }
}

/// Clients before 2025-06-18 do not know the header.
#[tokio::test(start_paused = true)]
async fn the_version_header_may_be_missing() {
    let mut client = Client::connect(front([complete()]), "2025-03-26").await;
    client.version = None;
    assert!(client.ask(call(1)).await.result().is_some());
}
