//! What never becomes a call.

use std::time::Duration;

use http::{Method, Request, StatusCode, header as names};
use portcullis_core::{Body, Reason, Trail};
use portcullis_mcp_jsonrpc::{DecodeLayer, Id, code, header};
use portcullis_testkit::{Act, Ask, Scripted, ScriptedBody, read};
use tower::Layer;

use super::{decoded, send, send_ready};

fn with_method(method: Method) -> Request<Body> {
    let mut request = Ask::tool("echo").http();
    *request.method_mut() = method;
    request
}

/// Who a rejection is addressed to.
const NOBODY: Option<i64> = None;

#[tokio::test(start_paused = true)]
async fn the_status_table() {
    let ask = || Ask::tool("echo");
    let bodied = |body: &str| ask().body(body.to_owned()).http();
    let version = header::MCP_PROTOCOL_VERSION;
    for (name, request, status, code, id) in [
        ("GET", with_method(Method::GET), 405, code::INVALID_REQUEST, NOBODY),
        ("DELETE", with_method(Method::DELETE), 405, code::INVALID_REQUEST, NOBODY),
        ("PUT", with_method(Method::PUT), 405, code::INVALID_REQUEST, NOBODY),
        ("OPTIONS", with_method(Method::OPTIONS), 405, code::INVALID_REQUEST, NOBODY),
        ("no type", ask().without_header(&names::CONTENT_TYPE).http(), 415, code::INVALID_REQUEST, NOBODY),
        ("text", ask().header(names::CONTENT_TYPE, "text/plain").http(), 415, code::INVALID_REQUEST, NOBODY),
        (
            "UTF-16",
            ask().header(names::CONTENT_TYPE, "application/json; charset=utf-16").http(),
            415,
            code::INVALID_REQUEST,
            NOBODY,
        ),
        (
            "two types",
            ask().header_again(names::CONTENT_TYPE, "text/plain").http(),
            415,
            code::INVALID_REQUEST,
            NOBODY,
        ),
        (
            "gzip, said second",
            ask()
                .header(names::CONTENT_ENCODING, "identity")
                .header_again(names::CONTENT_ENCODING, "gzip")
                .http(),
            415,
            code::INVALID_REQUEST,
            NOBODY,
        ),
        ("gzip", ask().header(names::CONTENT_ENCODING, "gzip").http(), 415, code::INVALID_REQUEST, NOBODY),
        ("no Accept", ask().without_header(&names::ACCEPT).http(), 406, code::INVALID_REQUEST, NOBODY),
        (
            "JSON only",
            ask().header(names::ACCEPT, "application/json").http(),
            406,
            code::INVALID_REQUEST,
            NOBODY,
        ),
        (
            "SSE only",
            ask().header(names::ACCEPT, "text/event-stream").http(),
            406,
            code::INVALID_REQUEST,
            NOBODY,
        ),
        ("a foreign host", ask().header(names::HOST, "evil.example").http(), 403, code::FORBIDDEN, NOBODY),
        ("no host", ask().without_header(&names::HOST).http(), 403, code::FORBIDDEN, NOBODY),
        (
            "a foreign origin",
            ask().header(names::ORIGIN, "https://evil.example").http(),
            403,
            code::FORBIDDEN,
            NOBODY,
        ),
        ("no body", bodied(""), 400, code::PARSE_ERROR, NOBODY),
        ("no JSON", bodied("{"), 400, code::PARSE_ERROR, NOBODY),
        (
            "a key twice",
            bodied(r#"{"jsonrpc":"2.0","id":7,"method":"a","\u006dethod":"b"}"#),
            400,
            code::PARSE_ERROR,
            Some(7),
        ),
        ("a batch", bodied(r#"[{"jsonrpc":"2.0","id":7,"method":"a"}]"#), 400, code::INVALID_REQUEST, NOBODY),
        ("no method", bodied(r#"{"jsonrpc":"2.0","id":7}"#), 400, code::INVALID_REQUEST, Some(7)),
        (
            "id null",
            bodied(r#"{"jsonrpc":"2.0","id":null,"method":"a"}"#),
            400,
            code::INVALID_REQUEST,
            NOBODY,
        ),
        (
            "a response",
            bodied(r#"{"jsonrpc":"2.0","id":7,"result":{}}"#),
            400,
            code::INVALID_REQUEST,
            Some(7),
        ),
        ("no _meta", ask().id(0).without_meta().http(), 400, code::INVALID_PARAMS, Some(0)),
        ("no version", ask().id(0).without_version().http(), 400, code::INVALID_PARAMS, Some(0)),
        ("no capabilities", ask().id(0).without_capabilities().http(), 400, code::INVALID_PARAMS, Some(0)),
        (
            "v999",
            ask().header(version.clone(), "v999").version("v999").http(),
            400,
            code::UNSUPPORTED_VERSION,
            Some(1),
        ),
        ("another version", ask().header(version, "2025-11-25").http(), 400, code::HEADER_MISMATCH, Some(1)),
        ("another method", ask().header(header::MCP_METHOD, "x").http(), 400, code::HEADER_MISMATCH, Some(1)),
        ("another name", ask().header(header::MCP_NAME, "x").http(), 400, code::HEADER_MISMATCH, Some(1)),
    ] {
        let inner = Scripted::always(Act::result("{}"));
        let probe = inner.probe();
        let response = send(&DecodeLayer::new().layer(inner), request).await;
        assert_eq!(response.status(), status, "{name}");
        assert_eq!(response.headers()[names::CONTENT_TYPE], "application/json", "{name}");
        let allow = response.headers().get(names::ALLOW).cloned();
        assert_eq!(allow.is_some_and(|allow| allow == "POST"), status == 405, "{name}");
        let (_, error) = read::message(response).await;
        assert_eq!(error.error_code(), Some(code), "{name}");
        assert_eq!(error.id(), id.map(Id::from).as_ref(), "{name}");
        assert!(probe.calls().is_empty(), "{name} became a call");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_over_the_limit_is_refused_as_soon_as_that_is_known() {
    let text = Ask::tool("echo").text();
    let limit = text.len();
    let service = |limit| DecodeLayer::new().max_body(limit).layer(Scripted::always(Act::result("{}")));
    for (name, body, limit, status) in [
        ("fits exactly", ScriptedBody::new().frame(text.clone()), limit, 200),
        ("announced", ScriptedBody::new().hang().announce(limit as u64 + 1), limit, 413),
        ("announced without end", ScriptedBody::new().hang().announce(u64::MAX), limit, 413),
        ("one frame", ScriptedBody::new().frame(text.clone()), limit - 1, 413),
        ("many frames", ScriptedBody::new().pieces(text.clone(), 7), limit - 1, 413),
        ("no end", ScriptedBody::new().frame(text.clone()).frame(" ").hang(), limit, 413),
        ("announced too small", ScriptedBody::new().frame(text.clone()).announce(1), limit - 1, 413),
        ("nothing at all", ScriptedBody::new(), 0, 400),
    ] {
        let response = send(&service(limit), Ask::tool("echo").http_with(body)).await;
        assert_eq!(response.status(), status, "{name}");
        if status == 413 {
            assert_eq!(read::message(response).await.1.error_code(), Some(code::OVERSIZE), "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let text = Ask::tool("echo").text();
    let slow = |pause| {
        ScriptedBody::new().frame(text.slice(..9)).wait(Duration::from_secs(pause)).frame(text.slice(9..))
    };
    let service =
        DecodeLayer::new().body_timeout(Duration::from_secs(10)).layer(Scripted::always(Act::result("{}")));
    for (name, body, status) in [
        ("in time", slow(9), 200),
        ("late", slow(11), 408),
        ("never", ScriptedBody::new().hang(), 408),
        ("broken", ScriptedBody::new().frame(text.slice(..9)).fail("reset"), 400),
    ] {
        let response = send(&service, Ask::tool("echo").http_with(body)).await;
        assert_eq!(response.status(), status, "{name}");
    }
    // The others' slow bodies are nobody's business.
    assert_eq!(send(&service, Ask::tool("echo").http()).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_body_may_come_in_any_pieces() {
    let inner = Scripted::always(Act::result("{}"));
    let probe = inner.probe();
    let service = DecodeLayer::new().layer(inner);
    let ask = Ask::tool("größe 😀").arguments(r#"{"text":"äöü\n"}"#);
    let text = ask.text();
    for size in 1..text.len() {
        let body = ScriptedBody::new().pieces(text.clone(), size).trailers(http::HeaderMap::new());
        let body = if size % 2 == 0 { body.announce(text.len() as u64) } else { body };
        assert_eq!(send(&service, ask.http_with(body)).await.status(), 200, "in pieces of {size}");
    }
    assert!(probe.calls().iter().all(|call| call.message().text() == &text));
    assert_eq!(probe.calls().len(), text.len() - 1);
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_on_the_trail_of_whoever_stands_outside() {
    let service = decoded(Act::result("{}"));
    for (name, mut request, reason) in [
        ("host", Ask::tool("echo").header(names::HOST, "evil.example").http(), Reason::Forbid),
        ("headers", Ask::tool("echo").header(header::MCP_NAME, "x").http(), Reason::Malform),
        ("JSON", Ask::tool("echo").body("{").http(), Reason::Malform),
    ] {
        let trail = Trail::enter(request.extensions_mut());
        send(&service, request).await;
        assert_eq!(trail.refusal().map(|refusal| refusal.reason()), Some(reason), "{name}");
        assert_eq!(trail.entries()[0].layer(), "mcp-jsonrpc", "{name}");
    }
}

/// A refusal comes before the call, and the service goes on.
#[tokio::test(start_paused = true)]
async fn the_next_request_is_served() {
    let mut service = decoded(Act::result("{}"));
    let refused = send_ready(&mut service, Ask::tool("echo").body("[").http()).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(send(&service, Ask::tool("echo").http()).await.status(), StatusCode::OK);
}
