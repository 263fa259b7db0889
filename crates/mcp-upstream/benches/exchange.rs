//! What a call costs on its way to a server and back, next to one HTTP connection and to the pooled client on top of it.
//!
//! One thread serves and asks, so the server's share is in every figure. From the connection to the client it is the pool
//! that is added, from the client to the upstream it is this crate and the codec.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run should stop")]

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis_mcp_jsonrpc::{Call, Fragment, Id, Message};
use portcullis_mcp_upstream::{Era, HttpUpstream};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// Answers everything with the text, as JSON or as the one event of a stream.
async fn serve(content_type: &'static str, body: Bytes) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            socket.set_nodelay(true).unwrap();
            let body = body.clone();
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                let body = body.clone();
                async move {
                    let _ = request.into_body().collect().await;
                    let response = Response::builder().header("content-type", content_type);
                    Ok::<_, Infallible>(response.body(Full::new(body)).unwrap())
                }
            });
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(socket), service));
        }
    });
    address
}

fn exchange(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for size in [100, 100 * 1024] {
        let text = "a".repeat(size);
        let answer = format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#
        );
        let event = format!("data: {answer}\n\n");
        let name = format!("{size} bytes");
        measure(criterion, &runtime, &format!("json of {name}"), "application/json", answer.into());
        measure(criterion, &runtime, &format!("event of {name}"), "text/event-stream", event.into());
    }
}

fn measure(
    criterion: &mut Criterion,
    runtime: &Runtime,
    name: &str,
    content_type: &'static str,
    body: Bytes,
) {
    let address = runtime.block_on(serve(content_type, body));
    let url = format!("http://{address}/mcp");
    let params = Fragment::parse(r#"{"name":"echo","arguments":{"text":"hello"}}"#).unwrap();
    let message = Message::from_request(&Id::from(1), "tools/call", &params);
    let mut group = criterion.benchmark_group(name);

    let mut connection = runtime.block_on(async {
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.unwrap();
        tokio::spawn(connection);
        sender
    });
    group.bench_function("bare connection", |bencher| {
        bencher.iter(|| {
            let request =
                Request::post("/mcp").header("host", "localhost").header("content-type", "application/json");
            let request = request.body(Full::new(message.text().clone())).unwrap();
            runtime.block_on(async {
                connection.ready().await.unwrap();
                connection.send_request(request).await.unwrap().into_body().collect().await.unwrap()
            })
        });
    });

    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    group.bench_function("bare client", |bencher| {
        bencher.iter(|| {
            let request = Request::post(&url).header("content-type", "application/json");
            let request = request.body(Full::new(message.text().clone())).unwrap();
            runtime.block_on(async {
                client.request(request).await.unwrap().into_body().collect().await.unwrap()
            })
        });
    });

    for (name, era) in [("upstream", Era::Modern), ("upstream of an era that was found out", Era::Auto)] {
        let upstream = HttpUpstream::builder(&url).unwrap().era(era);
        let upstream = runtime.block_on(async { upstream.build().unwrap() });
        let ask = async |message: &Message| {
            let mut reply = upstream.clone().oneshot(Call::new(message.clone())).await.unwrap();
            std::future::poll_fn(|cx| reply.poll_message(cx)).await.unwrap().unwrap()
        };
        let discover = Message::from_request(&Id::from(1), "server/discover", &Fragment::empty());
        runtime.block_on(ask(&discover));
        assert_eq!(upstream.era(), Some(Era::Modern));
        group.bench_function(name, |bencher| bencher.iter(|| runtime.block_on(ask(&message))));
    }
    group.finish();
}

criterion_group!(benches, exchange);
criterion_main!(benches);
