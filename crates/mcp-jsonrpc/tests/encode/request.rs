//! What of a call goes on.

use http::{HeaderName, Method, Request, Uri, header as names};
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::header::{self, HeaderParams};
use portcullis_mcp_jsonrpc::{Call, EncodeLayer, FailureKind, Fragment, Id, Message};
use portcullis_testkit::{Ask, read};

use super::{json, sent};

const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;

async fn request(layer: EncodeLayer, call: Call) -> Request<Body> {
    sent(&layer, call, json(ANSWER)).await.0.unwrap()
}

fn elsewhere() -> EncodeLayer {
    EncodeLayer::to(Uri::from_static("https://upstream.example/mcp?x=1"))
}

/// A call that carries everything a client may send along.
fn loaded() -> Ask {
    [
        (names::AUTHORIZATION, "Bearer client"),
        (names::PROXY_AUTHORIZATION, "Basic client"),
        (names::COOKIE, "session=client"),
        (names::ORIGIN, "http://localhost"),
        (names::USER_AGENT, "client"),
        (names::CONNECTION, "keep-alive, x-hop"),
        (names::TRANSFER_ENCODING, "chunked"),
        (names::CONTENT_LENGTH, "12345"),
        (names::CONTENT_ENCODING, "identity"),
        (names::EXPECT, "100-continue"),
        (names::UPGRADE, "h2c"),
        (HeaderName::from_static("x-hop"), "of the connection"),
        (HeaderName::from_static("x-api-key"), "client"),
        (HeaderName::from_static("x-forwarded-for"), "10.0.0.1"),
        (HeaderName::from_static("traceparent"), "00-1-1-01"),
        (HeaderName::from_static("mcp-param-region"), "eu"),
        (header::MCP_SESSION_ID, "session"),
        (header::LAST_EVENT_ID, "7"),
    ]
    .into_iter()
    .fold(Ask::tool("echo"), |ask, (name, value)| ask.header(name, value))
}

fn has(request: &Request<Body>, name: &HeaderName) -> bool {
    request.headers().contains_key(name)
}

#[tokio::test]
async fn elsewhere_nothing_goes_on_but_the_protocol() {
    let request = request(elsewhere(), loaded().call()).await;
    assert_eq!(
        (request.method(), request.uri().to_string().as_str()),
        (&Method::POST, "https://upstream.example/mcp?x=1")
    );
    let mut sent: Vec<_> = request.headers().keys().map(HeaderName::as_str).collect();
    sent.sort_unstable();
    let protocol =
        ["accept", "content-type", "mcp-method", "mcp-name", "mcp-param-region", "mcp-protocol-version"];
    assert_eq!(sent, protocol);
    for (name, value) in [
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "echo"),
        ("mcp-param-region", "eu"),
        ("mcp-protocol-version", "2026-07-28"),
    ] {
        assert_eq!(request.headers()[name], value);
    }
}

#[tokio::test]
async fn in_the_same_process_all_goes_on_but_what_is_of_the_connection() {
    let request = request(EncodeLayer::new(), loaded().call()).await;
    assert_eq!(request.uri(), "/mcp");
    for name in [
        names::CONNECTION,
        names::PROXY_AUTHORIZATION,
        HeaderName::from_static("x-hop"),
        names::TRANSFER_ENCODING,
        names::CONTENT_LENGTH,
        names::CONTENT_ENCODING,
        names::EXPECT,
        names::UPGRADE,
    ] {
        assert!(!has(&request, &name), "{name}");
    }
    for name in [names::AUTHORIZATION, names::COOKIE, names::HOST, names::ORIGIN, names::USER_AGENT] {
        assert!(has(&request, &name), "{name}");
    }
    assert_eq!(request.headers()["traceparent"], "00-1-1-01");
}

/// Whatever the client's headers said: what is sent is made from the message.
#[tokio::test]
async fn the_headers_follow_the_message() {
    for layer in [EncodeLayer::new(), elsewhere()] {
        let mut call =
            Ask::tool("up_größe").header(names::ACCEPT, "text/event-stream;q=0.1, application/json").call();
        call.message_mut().set_name("größe");
        let request = request(layer, call).await;
        assert_eq!(request.headers()[header::MCP_NAME], "=?base64?Z3LDtsOfZQ==?=");
        assert_eq!(request.headers()[names::ACCEPT], "application/json, text/event-stream");
        assert_eq!(request.headers().get_all(header::MCP_NAME).iter().count(), 1);
    }
    for (ask, name) in [
        (Ask::tool("plain"), Some("plain")),
        (Ask::prompt(" padded "), Some("=?base64?IHBhZGRlZCA=?=")),
        (Ask::resource("file:///a b"), Some("file:///a b")),
        (Ask::tool("=?base64?literal?="), Some("=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=")),
        (Ask::tool("a\nb"), Some("=?base64?YQpi?=")),
        (Ask::new("tools/list"), None),
        // Only the extension knows what its name stands for.
        (Ask::new("tasks/get").header(header::MCP_NAME, "task-1"), Some("task-1")),
    ] {
        let request = request(elsewhere(), ask.call()).await;
        let sent = request.headers().get(header::MCP_NAME).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(sent.as_deref(), name);
    }
}

#[tokio::test]
async fn a_call_that_came_without_a_head_gets_one() {
    let meta = r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"name":"echo"}"#;
    let message = Message::from_request(&Id::from(1), "tools/call", &Fragment::parse(meta).unwrap());
    let request = request(elsewhere(), Call::new(message)).await;
    assert_eq!(request.headers()[header::MCP_PROTOCOL_VERSION], "2026-07-28");
    assert_eq!(request.headers()[header::MCP_METHOD], "tools/call");
    assert_eq!(request.headers()[header::MCP_NAME], "echo");
}

fn region() -> HeaderParams {
    let schema = br#"{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},
        "count":{"type":"integer","x-mcp-header":"Count"}}}"#;
    HeaderParams::from_input_schema(schema).unwrap()
}

#[tokio::test]
async fn parameters_are_made_anew_where_the_tool_is_known() {
    for layer in [EncodeLayer::new(), elsewhere()] {
        let ask = Ask::tool("sql")
            .arguments(r#"{"region":"größe","count":7}"#)
            .header("mcp-param-region".parse().unwrap(), "stale")
            .header("mcp-param-other".parse().unwrap(), "stale");
        let mut call = ask.call();
        call.extensions_mut().insert(region());
        let known = request(layer.clone(), call).await;
        assert_eq!(known.headers()["mcp-param-region"], "=?base64?Z3LDtsOfZQ==?=");
        assert_eq!(known.headers()["mcp-param-count"], "7");
        assert!(!known.headers().contains_key("mcp-param-other"));

        let unknown = request(layer, ask.call()).await;
        assert_eq!(unknown.headers()["mcp-param-region"], "stale", "nobody here knows the tool");
    }
    let mut bare = Ask::tool("sql").without_param("arguments").call();
    bare.extensions_mut().insert(region());
    let bare = request(elsewhere(), bare).await;
    assert!(!bare.headers().keys().any(|name| name.as_str().starts_with(header::MCP_PARAM_PREFIX)));
}

#[tokio::test]
async fn what_cannot_be_said_in_a_header_is_not_sent() {
    let mut unfit = Ask::tool("sql").arguments(r#"{"region":{}}"#).call();
    unfit.extensions_mut().insert(region());
    let (request, reply) = sent(&elsewhere(), unfit, json(ANSWER)).await;
    assert!(request.is_none(), "the server was asked");
    assert_eq!(reply.unwrap_err().kind(), FailureKind::Internal);

    let odd = Call::new(Message::from_request(&Id::from(1), "a\r\nAuthorization: x", &Fragment::empty()));
    let (request, reply) = sent(&elsewhere(), odd, json(ANSWER)).await;
    assert!(request.is_none() && reply.is_err());
}

#[tokio::test]
async fn the_body_and_what_is_attached_go_on_as_they_are() {
    let mut call = Ask::tool("echo").call();
    call.extensions_mut().insert(7_u8);
    let text = call.message().text().clone();
    let request = request(elsewhere(), call).await;
    assert_eq!(request.extensions().get::<u8>(), Some(&7));
    assert_eq!(read::frames(request.into_body()).await[0].as_ptr(), text.as_ptr(), "the body is not copied");
}
