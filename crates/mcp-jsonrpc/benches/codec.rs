//! What the codec costs: finding the envelope, a call through both layers, a reply with notifications as an event stream.

use std::convert::Infallible;
use std::future::Ready;
use std::hint::black_box;
use std::task::{Context, Poll};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::stream;
use http::{HeaderValue, Request, Response, header};
use http_body_util::BodyExt;
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::{Call, Decode, DecodeLayer, EncodeLayer, Failure, Fragment, Message, Reply};
use portcullis_testkit::Ask;
use tower::{Layer, Service, ServiceExt};

const RESULT: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","content":[{"type":"text","text":"The weather in Paris is fine."}]}}"#;

/// A `tools/call` of `size` bytes as an agent sends it: some small arguments and a text.
fn mixed(size: usize) -> Ask {
    filled(size, |text| {
        format!(
            r#"{{"path":"src/main.rs","dryRun":false,"lines":[[10,12],[44,51]],"labels":["bug","parser"],"text":"{text}"}}"#
        )
    })
}

/// The same with nothing but a text.
fn textual(size: usize) -> Ask {
    filled(size, |text| format!(r#"{{"path":"a.txt","text":"{text}"}}"#))
}

/// The same with nothing but small values.
fn structured(size: usize) -> Ask {
    let item = r#"{"path":"src/main.rs","line":1042,"replacement":"let x = 1;\n","confident":true},"#;
    let room = size - filled(0, |_| r#"{"edits":[],"text":""}"#.to_owned()).text().len();
    let edits = item.repeat(room / item.len());
    let edits = edits.trim_end_matches(',');
    filled(size, |text| format!(r#"{{"edits":[{edits}],"text":"{text}"}}"#))
}

/// Exactly `size` bytes, by a text of the right length.
fn filled(size: usize, arguments: impl Fn(&str) -> String) -> Ask {
    let line = "It was the best of times, it was the worst of times, it was the age of wisdom,\\n";
    let empty = ask(arguments("")).text().len();
    let room = size.saturating_sub(empty);
    let mut text = line.repeat(room / line.len());
    text.push_str(&"x".repeat(room - text.len()));
    ask(arguments(&text))
}

fn ask(arguments: String) -> Ask {
    Ask::tool("github_apply_edits")
        .arguments(arguments)
        .meta("io.modelcontextprotocol/clientInfo", r#"{"name":"ExampleClient","version":"1.0.0"}"#)
        .meta("progressToken", "1")
}

fn parse(c: &mut Criterion) {
    let mut group = c.benchmark_group("envelope");
    for (name, ask) in [
        ("1 KiB tools/call", mixed(1024)),
        ("1 KiB tools/call, one text", textual(1024)),
        ("1 KiB tools/call, many values", structured(1024)),
        ("1 MiB tools/call, one text", textual(1 << 20)),
        ("1 MiB tools/call, many values", structured(1 << 20)),
    ] {
        let text = ask.text();
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |b| b.iter(|| Message::parse(black_box(text.clone()))));
    }
    group.finish();

    let mut group = c.benchmark_group("message");
    let message = mixed(1024).message();
    group.bench_function("set_name, 1 KiB", |b| {
        b.iter_batched_ref(
            || message.clone(),
            |message| message.set_name("apply_edits"),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("clone", |b| b.iter(|| black_box(&message).clone()));
    group.finish();
}

/// An HTTP server that has its answer at hand.
#[derive(Clone)]
struct Server;

impl Service<Request<Body>> for Server {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        black_box(request);
        let mut response = Response::new(Body::from(RESULT));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        std::future::ready(Ok(response))
    }
}

/// A message-level server that reports progress ten times.
#[derive(Clone)]
struct Reporter {
    messages: Vec<Message>,
}

impl Service<Call> for Reporter {
    type Response = Reply;
    type Error = Failure;
    type Future = Ready<Result<Reply, Failure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Call) -> Self::Future {
        let messages: Vec<_> = self.messages.iter().cloned().map(Ok).collect();
        std::future::ready(Ok(Reply::stream(stream::iter(messages))))
    }
}

async fn exchange<S>(service: &mut Decode<S>, request: Request<Body>) -> usize
where
    Decode<S>: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let Ok(service) = service.ready().await;
    let Ok(response) = service.call(request).await;
    response.into_body().collect().await.map_or(0, |body| body.to_bytes().len())
}

fn round_trip(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let Ok(runtime) = runtime else { return };
    let mut group = c.benchmark_group("layers");

    let mut pair = DecodeLayer::new().layer(EncodeLayer::new().layer(Server));
    for (name, ask) in [("1 KiB", mixed(1024)), ("100 KiB", textual(100 << 10))] {
        group.throughput(Throughput::Elements(1));
        let make = || ask.http();
        group.bench_function(format!("decode and encode, {name} call, JSON answer"), |b| {
            b.iter_batched(
                make,
                |request| runtime.block_on(exchange(&mut pair, request)),
                BatchSize::SmallInput,
            );
        });
    }

    let call = Ask::tool("report").message();
    let (Some(id), Ok(params)) =
        (call.id(), Fragment::parse(r#"{"progressToken":1,"progress":3,"total":10}"#))
    else {
        return;
    };
    let mut messages = vec![Message::from_notification("notifications/progress", &params); 10];
    messages.push(Message::from_result(id, &Fragment::empty()));
    let mut events = DecodeLayer::new().layer(Reporter { messages });
    group.throughput(Throughput::Elements(11));
    group.bench_function("reply of 10 notifications and the result as an event stream", |b| {
        let make = || Ask::tool("report").http();
        b.iter_batched(
            make,
            |request| runtime.block_on(exchange(&mut events, request)),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, parse, round_trip);
criterion_main!(benches);
