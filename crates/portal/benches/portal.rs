//! What a portal costs: one call routed by its name, and a list of 2,500 tools.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a benchmark may panic")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use portcullis_mcp_jsonrpc::{Call, Failure, Fragment, Id, Message, Reply};
use portcullis_portal::{Namespace, Portal, Server};
use tokio::runtime::{Builder, Runtime};
use tower::Service;

const TOOLS: usize = 2_500;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}

/// Tools of about 1 KiB each, as large APIs have them.
fn tools(count: usize, ttl: u64) -> Fragment {
    let describe = "Lists the things of an account, newest first, in pages of at most fifty. ".repeat(6);
    let tool = |number: usize| {
        let property =
            |name: &str| format!(r#""{name}":{{"type":"string","description":"{}"}}"#, &describe[..80]);
        let properties = ["account", "cursor", "order", "filter"].map(property).join(",");
        format!(
            r#"{{"name":"things-{number}-list","description":"{describe}","inputSchema":{{"type":"object","properties":{{{properties}}}}}}}"#
        )
    };
    let all: Vec<_> = (0..count).map(tool).collect();
    let text = format!(
        r#"{{"resultType":"complete","tools":[{}],"ttlMs":{ttl},"cacheScope":"public"}}"#,
        all.join(",")
    );
    Fragment::parse(text).expect("a list")
}

fn server(id: &str, list: &Fragment) -> Server {
    let list = list.clone();
    let pong = Fragment::parse(r#"{"resultType":"complete","content":[{"type":"text","text":"pong"}]}"#)
        .expect("a result");
    let service = tower::service_fn(move |call: Call| {
        let result = if call.method() == "tools/list" { list.clone() } else { pong.clone() };
        let id = call.id().cloned().unwrap_or(Id::from(0));
        async move { Ok::<_, Failure>(Reply::result(&id, &result)) }
    });
    Server::new(id, service).expect("an id")
}

fn request(method: &str, params: &str) -> Call {
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}{params}}}}}"#
    );
    let mut call = Call::new(Message::parse(text.into()).expect("a request"));
    // As over HTTP: a call without headers has the tools read first.
    call.headers_mut().insert("mcp-method", method.parse().expect("a header"));
    call
}

fn calls(criterion: &mut Criterion) {
    let runtime = runtime();
    let list = tools(100, 600_000);
    let mut group = criterion.benchmark_group("tools/call");
    for (name, namespace, tool) in [
        ("always", Namespace::Always, "c_things-7-list"),
        ("never, by the lists of 4 servers", Namespace::Never, "unknown-to-none"),
    ] {
        let mut builder = Portal::builder("bench").namespace(namespace);
        for id in ["a", "b", "c"] {
            builder = builder.server(server(id, &list));
        }
        let own = Fragment::parse(
            r#"{"resultType":"complete","tools":[{"name":"unknown-to-none"}],"ttlMs":600000,"cacheScope":"public"}"#,
        );
        let mut portal = builder.server(server("d", &own.expect("a list"))).build().expect("a portal");
        let text = "x".repeat(1_000);
        let call = request("tools/call", &format!(r#","name":"{tool}","arguments":{{"text":"{text}"}}"#));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let reply = runtime.block_on(portal.call(black_box(call.clone()))).expect("a reply");
                assert!(reply.as_single().is_some_and(|message| message.result().is_some()));
            });
        });
    }
    // What of the above is the clone of the call and the runtime.
    group.bench_function("direct, without a portal", |bencher| {
        let text = "x".repeat(1_000);
        let call = request("tools/call", &format!(r#","name":"things","arguments":{{"text":"{text}"}}"#));
        let pong = Fragment::parse(r#"{"resultType":"complete","content":[{"type":"text","text":"pong"}]}"#)
            .expect("a result");
        let mut service = tower::service_fn(move |call: Call| {
            let (id, pong) = (call.id().cloned().unwrap_or(Id::from(0)), pong.clone());
            async move { Ok::<_, Failure>(Reply::result(&id, &pong)) }
        });
        bencher.iter(|| runtime.block_on(service.call(black_box(call.clone()))).expect("a reply"));
    });
    group.finish();
}

fn lists(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("tools/list of 2,500");
    for (name, ttl) in [("kept", 600_000), ("read and merged each time", 0)] {
        let list = tools(TOOLS / 5, ttl);
        let mut builder = Portal::builder("bench");
        for id in ["a", "b", "c", "d", "e"] {
            builder = builder.server(server(id, &list));
        }
        let mut portal = builder.build().expect("a portal");
        let call = request("tools/list", "");
        group.throughput(Throughput::Bytes((5 * list.text().len()) as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(portal.call(black_box(call.clone()))).expect("a reply"));
        });
    }
    group.finish();
}

criterion_group!(benches, calls, lists);
criterion_main!(benches);
