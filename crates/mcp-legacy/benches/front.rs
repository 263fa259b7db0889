//! What the front costs: nothing to speak of for modern traffic, and its work for clients of 2025.
//!
//! One service answers all at once, so what is measured is what stands in front of it. The first two differ by what modern
//! traffic pays for the front.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run should stop")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use futures_util::stream;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use portcullis_core::{Body, Kind, Principal};
use portcullis_mcp_jsonrpc::{Call, DecodeLayer, Failure, Fragment, Message, Reply};
use portcullis_mcp_legacy::front::{Front, FrontLayer};
use portcullis_testkit::Ask;
use tokio::runtime::Runtime;
use tower::util::ServiceFn;
use tower::{Layer as _, Service, ServiceExt as _};

const RESULT: &str =
    r#"{"resultType":"complete","content":[{"type":"text","text":"The weather in Paris is fine."}]}"#;
const DISCOVERED: &str = r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"public"}"#;
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"bench","version":"1.0.0"}}}"#;

type Server = ServiceFn<fn(Call) -> std::future::Ready<Result<Reply, Failure>>>;

/// Answers at once; the tool `report` says ten things before.
fn server() -> Server {
    tower::service_fn(|call| {
        let result = if call.method() == "server/discover" { DISCOVERED } else { RESULT };
        let result = Message::from_result(call.id().unwrap(), &Fragment::parse(result).unwrap());
        let reply = if call.name() == Some("report") {
            let params = Fragment::parse(r#"{"progressToken":1,"progress":5,"total":10}"#).unwrap();
            let note = Message::from_notification("notifications/progress", &params);
            let notes = std::iter::repeat_n(note, 10).chain([result]);
            Reply::stream(stream::iter(notes.map(Ok)))
        } else {
            Reply::message(result)
        };
        std::future::ready(Ok(reply))
    })
}

async fn exchange<S>(service: &S, request: Request<Body>) -> Response<Bytes>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = std::convert::Infallible> + Clone,
{
    let (head, body) = service.clone().oneshot(request).await.unwrap().into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

/// A modern `tools/call` of about one kibibyte.
fn modern() -> Request<Body> {
    let text = "It was the best of times, it was the worst of times. ".repeat(14);
    Ask::tool("echo").arguments(format!(r#"{{"path":"a.txt","text":"{text}"}}"#)).http()
}

/// A `tools/call` of a session.
fn legacy(session: &str, tool: &str, size: usize) -> Request<Body> {
    let text = "x".repeat(size);
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{"text":"{text}"}}}}}}"#
    );
    post()
        .header("mcp-session-id", session)
        .header("mcp-protocol-version", "2025-11-25")
        .body(body.into())
        .unwrap()
}

fn post() -> http::request::Builder {
    Request::post("/mcp")
        .extension(Principal::new(Kind::User, "alice"))
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
}

fn open(runtime: &Runtime, front: &Front<Server>) -> String {
    let opened = runtime.block_on(exchange(front, post().body(INITIALIZE.into()).unwrap()));
    opened.headers().get("mcp-session-id").unwrap().to_str().unwrap().to_owned()
}

fn front(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let decode = DecodeLayer::new().layer(server());
    let front = FrontLayer::new(DecodeLayer::new()).portal("acme").route("/mcp").layer(server());

    let mut group = criterion.benchmark_group("modern, 1 KiB");
    group.bench_function("without the front", |bencher| {
        bencher.iter_batched(
            modern,
            |request| runtime.block_on(exchange(&decode, black_box(request))),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("with the front", |bencher| {
        bencher.iter_batched(
            modern,
            |request| runtime.block_on(exchange(&front, black_box(request))),
            BatchSize::SmallInput,
        );
    });
    group.finish();

    let session = open(&runtime, &front);
    let mut group = criterion.benchmark_group("2025-11-25");
    for (name, tool, size) in [
        ("1 KiB, JSON", "echo", 900),
        ("100 KiB, JSON", "echo", 100 * 1024),
        ("1 KiB, 10 notifications", "report", 900),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || legacy(&session, tool, size),
                |request| runtime.block_on(exchange(&front, black_box(request))),
                BatchSize::SmallInput,
            );
        });
    }
    group.bench_function("initialize", |bencher| {
        bencher.iter_batched(
            || post().body(INITIALIZE.into()).unwrap(),
            |request| runtime.block_on(exchange(&front, black_box(request))),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, front);
criterion_main!(benches);
