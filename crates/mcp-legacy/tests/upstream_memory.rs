//! What idle sessions with a server cost, measured as the growth of this process.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use futures_util::{FutureExt, StreamExt, stream};
use portcullis_core::{Kind, Principal};
use portcullis_mcp_jsonrpc::{Call, Failure, Fragment, Id, Message};
use portcullis_mcp_legacy::upstream::{
    BoxFuture, Channel, ChannelError, Connect, Incoming, LegacyUpstream, Outgoing,
};
use tower::ServiceExt as _;

/// What a real server says of itself.
const HELLO: &str = r#"{"protocolVersion":"2025-11-25","capabilities":{"logging":{},"completions":{},"tools":{"listChanged":true},
    "prompts":{"listChanged":true},"resources":{"listChanged":true,"subscribe":true}},
    "serverInfo":{"name":"a-server-of-documents","title":"A server of documents","version":"1.102.3"},
    "instructions":"Search before you read, and read before you write. Everything is versioned; nothing is ever lost."}"#;

/// A server whose channel costs nothing.
struct Server;

impl Connect for Server {
    fn connect<'a>(&'a self, _: Option<&'a Principal>) -> BoxFuture<'a, Result<Arc<dyn Channel>, Failure>> {
        async { Ok(Arc::new(Server) as Arc<dyn Channel>) }.boxed()
    }
}

impl Channel for Server {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Incoming, ChannelError>> {
        async move {
            let Some(id) = outgoing.message.id() else { return Ok(stream::empty().boxed()) };
            let result = match outgoing.message.method() {
                Some("initialize") => HELLO,
                _ => r#"{"content":[]}"#,
            };
            let answer = Message::from_result(id, &Fragment::parse(result).unwrap());
            Ok(stream::iter([Ok(answer)]).boxed())
        }
        .boxed()
    }

    fn listen(&self) -> BoxFuture<'_, Result<Option<Incoming>, ChannelError>> {
        async { Ok(Some(stream::pending().boxed())) }.boxed()
    }

    fn negotiated(&self, _: &str) {}

    fn close(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

/// The memory of this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024
}

/// One test, since tests of one process would measure each other.
#[tokio::test]
async fn an_idle_session_costs_less_than_six_kilobytes() {
    const SESSIONS: u64 = 5_000;
    let upstream = LegacyUpstream::builder(Server).max_sessions(10_000).build().unwrap();
    let mut before = 0;
    // The first ones fill the allocator's reserves, which would otherwise hide what the others take.
    for number in 0..SESSIONS + SESSIONS / 5 {
        if number == SESSIONS / 5 {
            before = resident();
        }
        let params = r#"{"name":"a","_meta":{"io.modelcontextprotocol/clientCapabilities":{"elicitation":{"form":{},"url":{}},"roots":{}}}}"#;
        let mut call =
            Call::new(Message::from_request(&Id::from(1), "tools/call", &Fragment::parse(params).unwrap()));
        call.extensions_mut().insert(Principal::new(Kind::User, format!("user-{number}")));
        let answer = upstream.clone().oneshot(call).await.unwrap().next().await.unwrap().unwrap();
        assert!(answer.result().is_some());
    }
    let bytes = resident().saturating_sub(before) / SESSIONS;
    println!("an idle session: {bytes} bytes");
    assert!(bytes < 6144, "{bytes}");
}
