//! What nobody means well with.

use std::time::Duration;

use http::{HeaderValue, StatusCode};
use portcullis_core::Body;
use portcullis_testkit::{Act, Scripted, ScriptedBody, read};
use tower::Layer;

use super::client::{Client, call, initialize};
use super::{connected, discover, front, layer};

#[tokio::test(start_paused = true)]
async fn half_bodies_and_endless_ones() {
    let client = connected([]).await;
    let half = || ScriptedBody::new().frame(r#"{"jsonrpc":"2.0","#);
    for (name, body, status) in [
        ("breaks off", half().fail("connection reset"), StatusCode::BAD_REQUEST),
        ("ends", half(), StatusCode::BAD_REQUEST),
        ("never ends", half().hang(), StatusCode::REQUEST_TIMEOUT),
        (
            "is too large",
            ScriptedBody::new().pieces(vec![b' '; 5 << 20], 1 << 20),
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
    ] {
        let request = client.request("POST").header("content-type", "application/json").body(body).unwrap();
        assert_eq!(client.send(request).await.status(), status, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn texts_that_are_no_message() {
    let client = connected([]).await;
    for text in [
        "",
        "null",
        "{}",
        "\"x\"",
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","\u006dethod":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
        "\u{feff}{}",
        &"[".repeat(100_000),
        &"{\"a\":".repeat(100_000),
    ] {
        let (head, answer) = read::message(client.post(text.to_owned()).await).await;
        assert_eq!(head.status, StatusCode::BAD_REQUEST, "{:.40}", text);
        assert!(matches!(answer.error_code(), Some(-32700 | -32600)), "{:.40}", text);
    }
}

#[tokio::test(start_paused = true)]
async fn repeated_headers() {
    let client = connected([]).await;
    let id = client.session.clone().unwrap();
    for name in ["mcp-session-id", "mcp-protocol-version", "content-type", "host"] {
        let mut request =
            client.request("POST").header("content-type", "application/json").body(call(1)).unwrap();
        let value = request.headers()[name].clone();
        request.headers_mut().append(name, value);
        assert!(client.send(request).await.status().is_client_error(), "{name}");
    }
    let mut request = client.request("GET").body(Body::empty()).unwrap();
    request.headers_mut().append("last-event-id", HeaderValue::from_static("a.1"));
    request.headers_mut().append("last-event-id", HeaderValue::from_static("a.2"));
    assert_eq!(client.send(request).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(client.session, Some(id));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_far_too_much_of_itself() {
    let client = Client::new(front([]));
    let name = "x".repeat(100_000);
    let text = initialize("2025-11-25").replace("\"test\"", &format!("\"{name}\""));
    let response = client.post(text).await;
    assert!(!response.headers().contains_key("mcp-session-id"));
    assert!(read::message(response).await.1.error_code().is_some());
}

/// A thousand clients that open a stream and are never seen again leave nothing behind.
#[tokio::test(start_paused = true)]
async fn clients_that_disconnect_and_never_come_back() {
    let service = Act::with(|call| {
        if call.method() == "server/discover" {
            let discovered =
                r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{}}"#;
            let result = portcullis_mcp_jsonrpc::Fragment::parse(discovered).unwrap();
            return Ok(portcullis_mcp_jsonrpc::Reply::result(call.id().unwrap(), &result));
        }
        let empty = portcullis_mcp_jsonrpc::Fragment::empty();
        let note = portcullis_mcp_jsonrpc::Message::from_notification("notifications/progress", &empty);
        let endless = futures_util::stream::repeat_with(move || Ok(note.clone()));
        Ok(portcullis_mcp_jsonrpc::Reply::stream(endless))
    });
    let front = layer().layer(Scripted::always(service));
    for id in 0..1_000 {
        let client = Client::connect(front.clone(), "2025-11-25").await;
        drop(client.post(call(id)).await);
    }
    assert_eq!(front.sessions(), 1_000);
    tokio::time::sleep(Duration::from_secs(200)).await;
    assert_eq!(front.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_never_ready_answers_with_an_error() {
    let client = Client::new(
        layer().layer(Scripted::always(discover()).broken(portcullis_mcp_jsonrpc::FailureKind::Internal)),
    );
    let answer = client.ask(initialize("2025-11-25")).await;
    assert!(answer.error_code().is_some());
}
