//! `DecodeLayer` over `EncodeLayer`: what goes in at the one end comes out at the other, as the very same bytes.
#![expect(clippy::unwrap_used, reason = "what a test is made of must not fail")]

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::{DecodeLayer, EncodeLayer, Id, sse};
use portcullis_testkit::{Ask, ScriptedBody, Watch, read};
use tower::{Layer, ServiceBuilder, ServiceExt};

/// What the server got, and what the client got.
struct Exchange {
    request: Request<Vec<Bytes>>,
    response: Response<Vec<Bytes>>,
}

/// Sends a request through both layers to a server that answers like this.
async fn exchange<B>(request: Request<B>, answer: Response<ScriptedBody>) -> Exchange
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<portcullis_core::BoxError>,
{
    let got = Arc::new(Mutex::new(None));
    let answer = Arc::new(Mutex::new(Some(answer)));
    let server = tower::service_fn({
        let got = Arc::clone(&got);
        move |request: Request<Body>| {
            let (got, answer) = (Arc::clone(&got), answer.lock().unwrap().take());
            async move {
                let (head, body) = request.into_parts();
                *got.lock().unwrap() = Some(Request::from_parts(head, read::frames(body).await));
                answer.ok_or("asked twice")
            }
        }
    });
    let stack = ServiceBuilder::new().layer(DecodeLayer::new()).layer(EncodeLayer::new()).service(server);
    let Ok(response) = stack.oneshot(request).await;
    let (head, body) = response.into_parts();
    let response = Response::from_parts(head, read::frames(body).await);
    let request = got.lock().unwrap().take().unwrap();
    Exchange { request, response }
}

fn answer(content_type: &str, body: ScriptedBody) -> Response<ScriptedBody> {
    Response::builder().header("content-type", content_type).body(body).unwrap()
}

/// A request with everything that a parser might want to tidy up.
const UNTIDY: &str = " {\"future\" : [1.10, 1e2, \"\\u0061\\/\"],\r\n\t\"jsonrpc\":\"2.0\", \"id\" : \"a\\u0062\",
    \"params\":{ \"name\":\"\\u0065cho\",\"x-vendor\":{\"\":null},\"arguments\":{\"big\":123456789012345678901234567890},
    \"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\"vendor/x\":true,
    \"io.modelcontextprotocol/clientCapabilities\":{ }}}, \"method\":\"tools\\/call\"} \n";

const RESULT: &str = "{ \"result\":{\"resultType\":\"complete\",\"new\":1.0,\"content\":[ ]},\n\"id\":\"ab\",\"x\":\"\\u00e9\",\"jsonrpc\":\"2.0\"}";

/// Whether `part` lies in `whole`: not just equal bytes, but the same ones.
fn shares(part: &Bytes, whole: &Bytes) -> bool {
    whole.as_ptr_range().contains(&part.as_ptr()) && whole.as_ptr_range().end >= part.as_ptr_range().end
}

#[tokio::test(start_paused = true)]
async fn an_untouched_message_passes_as_the_same_bytes_without_a_copy() {
    let (text, result) = (Bytes::from(UNTIDY.to_owned()), Bytes::from(RESULT.to_owned()));
    let request = Ask::tool("echo").http_with(Body::from(text.clone()));
    let both = exchange(request, answer("application/json", ScriptedBody::new().frame(result.clone()))).await;
    assert_eq!(*both.request.body(), [&text]);
    assert_eq!(*both.response.body(), [&result]);
    assert!(shares(&both.request.body()[0], &text), "the request was copied");
    assert!(shares(&both.response.body()[0], &result), "the answer was copied");
}

/// A body in pieces has to be put together: one copy, and no more, since what was put together goes on as it is.
#[tokio::test(start_paused = true)]
async fn a_message_in_pieces_becomes_one_run_of_bytes() {
    let result = Bytes::from(RESULT.to_owned());
    let request = Ask::tool("echo").http_with(ScriptedBody::new().pieces(UNTIDY, 16));
    let both =
        exchange(request, answer("application/json", ScriptedBody::new().pieces(result.clone(), 16))).await;
    assert_eq!(both.request.body()[..], [UNTIDY], "one frame, the one that was put together");
    assert_eq!(both.response.body()[..], [result]);
}

/// A server that always streams, and a client with a limit on the size of events.
#[tokio::test(start_paused = true)]
async fn a_lone_answer_in_a_stream_becomes_json_without_a_copy() {
    let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"text":"{}"}}}}"#, "x".repeat(3_000_000));
    let wire: Bytes = sse::event_chunks(text.clone().into()).collect::<Vec<_>>().concat().into();
    let body = ScriptedBody::new().frame(wire.clone()).hang();
    let both = exchange(Ask::tool("echo").http(), answer("text/event-stream", body)).await;
    assert_eq!(both.response.headers()["content-type"], "application/json");
    assert_eq!(both.response.body()[..], [text]);
    assert!(shares(&both.response.body()[0], &wire), "the answer was copied");
}

#[tokio::test(start_paused = true)]
async fn what_was_read_in_one_go_leaves_in_one_go() {
    let note =
        "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"x\" : 1.0}}\n\n";
    let done = "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n";
    let wire = Bytes::from(format!("{}{done}", note.repeat(10)));
    for (name, body) in [
        ("one frame", ScriptedBody::new().frame(wire.clone())),
        ("a frame per event", ScriptedBody::new().pieces(wire.clone(), note.len())),
        ("anyhow", ScriptedBody::new().pieces(wire.clone(), 7)),
    ] {
        let both = exchange(Ask::tool("echo").http(), answer("text/event-stream", body)).await;
        assert_eq!(both.response.body().concat(), wire, "{name}");
        if name != "anyhow" {
            assert_eq!(both.response.body().len(), 1, "{name}");
        }
    }
}

/// Whatever a server behind both layers does, its client hears of it in a reply with its id, and the next is served.
#[tokio::test(start_paused = true)]
async fn whatever_the_server_does_the_client_gets_an_error_with_its_id() {
    let note = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n";
    for (name, reply, code) in [
        ("garbage", answer("application/json", ScriptedBody::new().frame("<html>")), -31502),
        ("another id", answer("application/json", ScriptedBody::new().frame(RESULT)), -31502),
        ("closes early", answer("text/event-stream", ScriptedBody::new().frame(note)), -31502),
        ("closes at once", answer("text/event-stream", ScriptedBody::new()), -31502),
        ("breaks off", answer("text/event-stream", ScriptedBody::new().frame(note).fail("reset")), -31502),
        ("without end", answer("application/json", ScriptedBody::new().announce(u64::MAX)), -31413),
        (
            "a lone surrogate",
            answer("application/json", ScriptedBody::new().frame(r#"{"a":"\ud800"}"#)),
            -31502,
        ),
    ] {
        let both = exchange(Ask::tool("echo").id("me").http(), reply).await;
        let body: Bytes = both.response.body().concat().into();
        let last = match both.response.headers()["content-type"].to_str().unwrap() {
            "text/event-stream" => read::events(&body).pop().unwrap(),
            _ => portcullis_mcp_jsonrpc::Message::parse(body).unwrap(),
        };
        assert_eq!((last.error_code(), last.id()), (Some(code), Some(&Id::from("me"))), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn closing_the_clients_stream_closes_the_servers() {
    let watch = Watch::new();
    let note = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n";
    let body = ScriptedBody::new().frame(note).hang().watched(&watch);
    let body = Arc::new(Mutex::new(Some(body)));
    let server = tower::service_fn(move |_: Request<Body>| {
        let body = body.lock().unwrap().take();
        async { body.map(|body| answer("text/event-stream", body)).ok_or("asked twice") }
    });
    let stack = DecodeLayer::new().layer(EncodeLayer::new().layer(server));
    let Ok(response) = stack.oneshot(Ask::tool("echo").http()).await;
    let mut body = response.into_body();
    assert!(body.frame().await.unwrap().is_ok());
    assert_eq!(watch.live(), 1);
    drop(body);
    assert_eq!(watch.dropped(), 1);
}
