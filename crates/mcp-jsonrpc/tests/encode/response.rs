//! What of a response comes back.

use std::time::Duration;

use http::{HeaderMap, Response, StatusCode};
use portcullis_core::{Trail, Verdict};
use portcullis_mcp_jsonrpc::{EncodeLayer, FailureKind, Id, Kind, Message};
use portcullis_testkit::{Ask, ScriptedBody, Watch, read};
use tower::{Layer, ServiceBuilder, ServiceExt};

use super::{json, response, send};

const NOTE: &str = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{}}"#;
const DONE: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;

fn sse(text: impl Into<String>) -> Response<ScriptedBody> {
    response(200, "text/event-stream", ScriptedBody::new().frame(text.into()))
}

fn events(events: &[&str]) -> String {
    events.iter().map(|event| format!("data: {event}\n\n")).collect()
}

/// How a reply went: the kinds of its messages, and the failure at its end.
async fn outcome(layer: &EncodeLayer, answer: Response<ScriptedBody>) -> (Vec<Kind>, Option<FailureKind>) {
    match send(layer, Ask::tool("echo").call(), answer).await {
        Err(failure) => (Vec::new(), Some(failure.kind())),
        Ok(reply) => {
            let (messages, failure) = read::outcome(reply).await;
            (messages.iter().map(Message::kind).collect(), failure.map(|failure| failure.kind()))
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_response() {
    use FailureKind::{Close, Garbage, Overload, Oversize, Reject, Timeout, Unreachable};
    const ONE: &[Kind] = &[Kind::Result];
    const TWO: &[Kind] = &[Kind::Notification, Kind::Result];
    const NOTED: &[Kind] = &[Kind::Notification];
    const ERROR: &[Kind] = &[Kind::Error];
    const NONE: &[Kind] = &[];
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}"#;
    let html = || ScriptedBody::new().frame("<html>");
    let status =
        |status, body: &'static str| response(status, "application/json", ScriptedBody::new().frame(body));
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}"#;
    for (name, answer, messages, failure) in [
        ("JSON", json(DONE), ONE, None),
        ("JSON in pieces", response(200, "application/json", ScriptedBody::new().pieces(DONE, 3)), ONE, None),
        (
            "JSON with a charset",
            response(200, "application/json; charset=utf-8", ScriptedBody::new().frame(DONE)),
            ONE,
            None,
        ),
        ("an error", json(error), ERROR, None),
        ("another id", json(r#"{"jsonrpc":"2.0","id":2,"result":{}}"#), NONE, Some(Garbage)),
        ("the id as a string", json(r#"{"jsonrpc":"2.0","id":"1","result":{}}"#), NONE, Some(Garbage)),
        ("no id, a result", json(r#"{"jsonrpc":"2.0","result":{}}"#), NONE, Some(Garbage)),
        ("a notification", json(NOTE), NONE, Some(Garbage)),
        ("a request", json(request), NONE, Some(Garbage)),
        ("a batch", json("[]"), NONE, Some(Garbage)),
        ("no JSON", json("{"), NONE, Some(Garbage)),
        ("a key twice", json(r#"{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}"#), NONE, Some(Garbage)),
        ("no body", json(""), NONE, Some(Garbage)),
        (
            "a body that breaks off",
            response(200, "application/json", html().fail("reset")),
            NONE,
            Some(Close),
        ),
        ("202 for a request", response(202, "text/plain", ScriptedBody::new()), NONE, Some(Garbage)),
        ("no type", Response::new(ScriptedBody::new().frame(DONE)), NONE, Some(Garbage)),
        ("HTML", response(200, "text/html", html()), NONE, Some(Garbage)),
        ("400, JSON-RPC", status(400, error), ERROR, None),
        ("404, JSON-RPC", status(404, error), ERROR, None),
        ("500, JSON-RPC", status(500, error), ERROR, None),
        ("400, other JSON", status(400, r#"{"message":"no"}"#), NONE, Some(Garbage)),
        ("404, HTML", response(404, "text/html", html()), NONE, Some(Garbage)),
        ("401", status(401, error), NONE, Some(Reject)),
        ("403", status(403, error), NONE, Some(Reject)),
        ("429", response(429, "text/html", html()), NONE, Some(Overload)),
        ("500", response(500, "text/html", html()), NONE, Some(Garbage)),
        ("502", response(502, "text/html", html()), NONE, Some(Unreachable)),
        ("503", response(503, "text/html", html()), NONE, Some(Unreachable)),
        ("504", response(504, "text/html", html()), NONE, Some(Timeout)),
        ("301", response(301, "text/html", html()), NONE, Some(Garbage)),
        ("a stream", sse(events(&[NOTE, DONE])), TWO, None),
        ("a lone answer", sse(events(&[DONE])), ONE, None),
        ("an error in a stream", sse(events(&[error])), ERROR, None),
        ("two answers", sse(events(&[DONE, DONE])), ONE, None),
        (
            "another id in a stream",
            sse(events(&[NOTE, r#"{"jsonrpc":"2.0","id":2,"result":{}}"#])),
            NOTED,
            Some(Garbage),
        ),
        ("a request in a stream", sse(events(&[request, NOTE, DONE])), TWO, None),
        (
            "empty events",
            sse(format!("id: 1\ndata:\n\nretry: 5\n\n: hello\n\n{}", events(&[DONE]))),
            ONE,
            None,
        ),
        ("CRLF", sse(events(&[NOTE, DONE]).replace('\n', "\r\n")), TWO, None),
        ("CR", sse(events(&[NOTE, DONE]).replace('\n', "\r")), TWO, None),
        ("a byte order mark", sse(format!("\u{feff}{}", events(&[DONE]))), ONE, None),
        (
            "many lines",
            sse("data: {\"jsonrpc\":\"2.0\",\ndata: \"id\":1,\ndata: \"result\":{}}\n\n"),
            ONE,
            None,
        ),
        ("garbage in a stream", sse(events(&[NOTE, "<html>"])), NOTED, Some(Garbage)),
        ("a batch in a stream", sse(events(&["[]"])), NONE, Some(Garbage)),
        ("an early end", sse(events(&[NOTE])), NOTED, Some(Close)),
        ("an end within the answer", sse(format!("data: {DONE}")), NONE, Some(Close)),
        ("nothing", sse(""), NONE, Some(Close)),
        (
            "a stream that breaks off",
            response(
                200,
                "text/event-stream",
                ScriptedBody::new().frame(events(&[NOTE])).pending().fail("reset"),
            ),
            NOTED,
            Some(Close),
        ),
        ("a stream with another status", response(500, "text/event-stream", html()), NONE, Some(Garbage)),
        (
            "too large, announced",
            response(200, "application/json", ScriptedBody::new().hang().announce(u64::MAX)),
            NONE,
            Some(Oversize),
        ),
        (
            "trailers",
            response(
                200,
                "text/event-stream",
                ScriptedBody::new().trailers(HeaderMap::new()).frame(events(&[DONE])),
            ),
            ONE,
            None,
        ),
    ] {
        let (found, broke) = outcome(&EncodeLayer::new(), answer).await;
        assert_eq!((&*found, broke), (messages, failure), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_may_come_in_any_pieces() {
    let text = events(&[NOTE, r#"{"jsonrpc":"2.0","id":1,"result":{"text":"größe 😀"}}"#]);
    for text in [text.clone(), text.replace('\n', "\r\n"), text.replace('\n', "\r")] {
        for at in 1..text.len() {
            let body = ScriptedBody::new().cut(text.clone(), at);
            let found = outcome(&EncodeLayer::new(), response(200, "text/event-stream", body)).await;
            assert_eq!(found, (vec![Kind::Notification, Kind::Result], None), "cut at {at}");
        }
        let body = ScriptedBody::new().pieces(text, 1);
        let found = outcome(&EncodeLayer::new(), response(200, "text/event-stream", body)).await;
        assert_eq!(found, (vec![Kind::Notification, Kind::Result], None));
    }
}

#[tokio::test(start_paused = true)]
async fn limits_hold_for_answers_and_for_each_event() {
    let limit = DONE.len();
    for (name, layer, answer, failure) in [
        ("an answer that fits", EncodeLayer::new().max_answer(limit), json(DONE), None),
        (
            "an answer that does not",
            EncodeLayer::new().max_answer(limit - 1),
            json(DONE),
            Some(FailureKind::Oversize),
        ),
        ("events that fit", EncodeLayer::new().max_event(200), sse(events(&[NOTE, NOTE, NOTE, DONE])), None),
        (
            "an event that does not",
            EncodeLayer::new().max_event(40),
            sse(events(&[NOTE])),
            Some(FailureKind::Oversize),
        ),
        (
            "an event without end",
            EncodeLayer::new().max_event(1000),
            response(200, "text/event-stream", ScriptedBody::new().pieces(vec![b'x'; 5000], 100).hang()),
            Some(FailureKind::Oversize),
        ),
        (
            "an answer without end",
            EncodeLayer::new().max_answer(1000),
            response(200, "application/json", ScriptedBody::new().pieces(vec![b' '; 5000], 100).hang()),
            Some(FailureKind::Oversize),
        ),
    ] {
        assert_eq!(outcome(&layer, answer).await.1, failure, "{name}");
    }
}

/// A server that could not read the id, or would not say it, can only mean the one there is.
#[tokio::test(start_paused = true)]
async fn an_error_without_an_id_gets_the_callers() {
    for (name, text, rest) in [
        ("none", r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"é"},"x":1}"#, r#""x":1,"id":"a\"b"}"#),
        (
            "null",
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"é"}}"#,
            r#""id":"a\"b","error""#,
        ),
        (
            "space around",
            " {\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32700,\"message\":\"é\"}} \n",
            r#""id":"a\"b"}"#,
        ),
    ] {
        for answer in [json(text), sse(events(&[text.trim()]))] {
            let reply = send(&EncodeLayer::new(), Ask::tool("echo").id("a\"b").call(), answer).await;
            let messages = read::reply(reply.unwrap_or_else(|failure| panic!("{name}: {failure}"))).await;
            assert_eq!(messages[0].id(), Some(&Id::from("a\"b")), "{name}");
            assert_eq!(messages[0].error_code(), Some(-32_700), "{name}");
            assert!(
                String::from_utf8_lossy(messages[0].text()).contains(rest),
                "{name}: {:?}",
                messages[0].text()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn notifications_are_accepted() {
    let notify = Ask::notification("notifications/x").call();
    for (status, fine) in [(202, true), (200, true), (204, true), (400, false), (500, false), (401, false)] {
        let answer = response(status, "text/plain", ScriptedBody::new());
        let reply = send(&EncodeLayer::new(), notify.clone(), answer).await;
        assert_eq!(reply.is_ok_and(|reply| reply.is_empty()), fine, "{status}");
    }
}

/// 401 and 403 would start a login at the wrong place; all else a layer inside says about the status stays inside.
#[tokio::test(start_paused = true)]
async fn only_the_statuses_of_the_protocol_come_back() {
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no"}}"#;
    for (status, kept) in [
        (400, Some(StatusCode::BAD_REQUEST)),
        (404, Some(StatusCode::NOT_FOUND)),
        (200, None),
        (418, None),
        (500, None),
    ] {
        let mut answer = response(status, "application/json", ScriptedBody::new().frame(error));
        answer.extensions_mut().insert(StatusCode::UNAUTHORIZED);
        answer.extensions_mut().insert(7_u8);
        let reply = send(&EncodeLayer::new(), Ask::tool("echo").call(), answer).await.unwrap();
        assert_eq!(reply.extensions().get::<StatusCode>().copied(), kept, "{status}");
        assert_eq!(reply.extensions().get::<u8>(), Some(&7), "what layers inside attach comes back");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_left_out_is_noted() {
    let mut call = Ask::tool("echo").call();
    let trail = Trail::enter(call.extensions_mut());
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let reply = send(&EncodeLayer::new(), call, sse(events(&[request, DONE]))).await.unwrap();
    assert_eq!(read::reply(reply).await.len(), 1);
    assert!(matches!(trail.entries()[0].verdict(), Verdict::Note(_)));
}

#[tokio::test(start_paused = true)]
async fn messages_come_as_soon_as_they_are_there() {
    let body = ScriptedBody::new().frame(events(&[NOTE])).hang();
    let answer = response(200, "text/event-stream", body);
    let mut reply = send(&EncodeLayer::new(), Ask::tool("echo").call(), answer).await.unwrap();
    let first = futures_util::StreamExt::next(&mut reply);
    let first = tokio::time::timeout(Duration::from_secs(1), first).await;
    assert!(first.unwrap().unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn dropping_the_reply_drops_the_body() {
    let watch = Watch::new();
    let body = ScriptedBody::new().frame(events(&[NOTE])).hang().watched(&watch);
    let answer = response(200, "text/event-stream", body);
    let reply = send(&EncodeLayer::new(), Ask::tool("echo").call(), answer).await.unwrap();
    assert_eq!(watch.live(), 1);
    drop(reply);
    assert_eq!(watch.dropped(), 1);

    // So does the answer: what the server may still send is nobody's.
    let watch = Watch::new();
    let body = ScriptedBody::new().frame(events(&[DONE])).hang().watched(&watch);
    let answer = response(200, "text/event-stream", body);
    let mut reply = send(&EncodeLayer::new(), Ask::tool("echo").call(), answer).await.unwrap();
    assert!(futures_util::StreamExt::next(&mut reply).await.unwrap().unwrap().is_answer());
    assert_eq!(watch.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_broke_inside_keeps_its_kind() {
    let slow = tower::service_fn(|_: http::Request<portcullis_core::Body>| {
        std::future::pending::<Result<Response<ScriptedBody>, std::io::Error>>()
    });
    let service =
        ServiceBuilder::new().layer(EncodeLayer::new()).timeout(Duration::from_secs(5)).service(slow);
    let failure = service.oneshot(Ask::tool("echo").call()).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Timeout);

    let refused = tower::service_fn(async |_: http::Request<portcullis_core::Body>| {
        Err::<Response<ScriptedBody>, _>(portcullis_mcp_jsonrpc::Failure::new(FailureKind::Unreachable))
    });
    let failure = EncodeLayer::new().layer(refused).oneshot(Ask::tool("echo").call()).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Unreachable);
}
