//! What a call costs by what its server speaks, over HTTP and to a child process.
//!
//! The servers answer at once: over HTTP on the same thread, as in the other bench; over stdio it is this very program,
//! started again, so that a call is four switches between two processes.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run should stop")]

use std::convert::Infallible;
use std::io::{BufRead, Write};
use std::net::SocketAddr;

use bytes::Bytes;
use criterion::Criterion;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use portcullis_core::Secret;
use portcullis_mcp_jsonrpc::{Call, Failure, Fragment, Id, LegacyClient, Message, Reply};
use portcullis_mcp_upstream::{Era, HttpUpstream, StdioUpstream};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tower::{Service, ServiceExt};

const CHILD: &str = "PORTCULLIS_BENCH_CHILD";

/// What a server of both eras answers; nothing to a notification.
fn answer(message: &Message) -> Option<Message> {
    let result = match message.method()? {
        "initialize" => {
            r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1"}}"#
        }
        "server/discover" => r#"{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}"#,
        _ => r#"{"content":[{"type":"text","text":"hello"}]}"#,
    };
    Some(Message::from_result(message.id()?, &Fragment::parse(result).unwrap()))
}

async fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            socket.set_nodelay(true).unwrap();
            let service = hyper::service::service_fn(async |request: Request<Incoming>| {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let answer = Message::parse(body).ok().as_ref().and_then(answer);
                let response = Response::builder().header("content-type", "application/json");
                let response = response.header("mcp-session-id", "a-session");
                let response = response.status(if answer.is_some() { 200 } else { 202 });
                let text = answer.map(Message::into_text).unwrap_or_default();
                Ok::<_, Infallible>(response.body(Full::new(text)).unwrap())
            });
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(async move { http.serve_connection(TokioIo::new(socket), service).await });
        }
    });
    address
}

fn be_a_child() {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        if let Some(answer) = answer(&Message::parse(Bytes::from(line.unwrap())).unwrap()) {
            out.write_all(&[answer.text(), &b"\n"[..]].concat()).unwrap();
            out.flush().unwrap();
        }
    }
}

fn call(is_legacy: bool) -> Call {
    let params = r#"{"name":"echo","arguments":{"text":"hello"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}"#;
    let params = Fragment::parse(params).unwrap();
    let mut call = Call::new(Message::from_request(&Id::from(1), "tools/call", &params));
    if is_legacy {
        call.extensions_mut().insert(LegacyClient);
    }
    call
}

fn measure<S>(criterion: &mut Criterion, runtime: &Runtime, name: &str, upstream: S, is_legacy: bool)
where
    S: Service<Call, Response = Reply, Error = Failure> + Clone,
{
    let call = call(is_legacy);
    let ask = async || {
        let mut reply = upstream.clone().oneshot(call.clone()).await.unwrap();
        loop {
            let message = std::future::poll_fn(|cx| reply.poll_message(cx)).await.unwrap().unwrap();
            if message.is_answer() {
                return message;
            }
        }
    };
    assert!(runtime.block_on(ask()).result().is_some());
    criterion.bench_function(name, |bencher| bencher.iter(|| runtime.block_on(ask())));
}

fn main() {
    if std::env::var_os(CHILD).is_some() {
        return be_a_child();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let mut criterion = Criterion::default().configure_from_args();
    let url = format!("http://{}/mcp", runtime.block_on(serve()));
    for (name, era, is_legacy) in [
        ("http, modern, said", Era::Modern, false),
        ("http, modern, found out", Era::Auto, false),
        ("http, legacy", Era::Legacy, false),
        ("http, both eras, for a legacy client", Era::Auto, true),
    ] {
        let upstream = HttpUpstream::builder(&url).unwrap().era(era).build().unwrap();
        measure(&mut criterion, &runtime, name, upstream, is_legacy);
    }
    for (name, era) in [("stdio, modern", Era::Modern), ("stdio, legacy", Era::Legacy)] {
        let program = StdioUpstream::builder(std::env::current_exe().unwrap()).env(CHILD, Secret::new("yes"));
        measure(&mut criterion, &runtime, name, program.era(era).build().unwrap(), false);
    }
    criterion.final_summary();
}
