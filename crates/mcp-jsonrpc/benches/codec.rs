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

/// A `tools/call` as an agent sends it, of about `size` bytes: many small arguments.
fn structured(size: usize) -> Ask {
    let item = r#"{"path":"src/main.rs","line":1042,"replacement":"let x = 1;\n","confident":true},"#;
    let mut edits = item.repeat(size.saturating_sub(560) / item.len());
    edits.pop();
    ask(format!(r#"{{"session":"6f1d","dryRun":false,"edits":[{edits}]}}"#))
}

/// The same with one large text.
fn textual(size: usize) -> Ask {
    let line = "It was the best of times, it was the worst of times, it was the age of wisdom,\\n";
    ask(format!(r#"{{"path":"a.txt","text":"{}"}}"#, line.repeat(size.saturating_sub(500) / line.len())))
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
        ("1 KiB tools/call", structured(1024)),
        ("1 KiB tools/call, one text", textual(1024)),
        ("1 MiB tools/call, one text", textual(1 << 20)),
        ("1 MiB tools/call, many values", structured(1 << 20)),
    ] {
        let text = ask.text();
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |b| b.iter(|| Message::parse(black_box(text.clone()))));
    }
    group.finish();

    let mut group = c.benchmark_group("message");
    let message = structured(1024).message();
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
    for (name, ask) in [("1 KiB", structured(1024)), ("100 KiB", textual(100 << 10))] {
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
