//! A server of 2026-07-28 that writes down what it gets.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use portcullis_core::Document;
use portcullis_mcp_jsonrpc::{Call, Failure, Fragment, Reply};

/// What came with one call of a tool.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) tool: String,
    /// Who the caller said to be in the arguments, which are what the client wrote.
    pub(crate) arguments: String,
    pub(crate) authorization: Option<String>,
    /// The whole head, as text.
    pub(crate) head: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&seen);
        let service = tower::service_fn(move |call: Call| {
            let reply = answer(&call, &into);
            async move { Ok::<_, Failure>(reply) }
        });
        Self { address: e2e::serve_messages(service).await, seen }
    }

    /// The calls of tools so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn answer(call: &Call, seen: &Mutex<Vec<Seen>>) -> Reply {
    let result = match call.method() {
        "tools/call" => {
            let text = |name: &str| {
                call.headers().get(name).map(|value| value.to_str().unwrap_or("not text").to_owned())
            };
            seen.lock().unwrap().push(Seen {
                tool: call.name().unwrap_or_default().to_owned(),
                arguments: String::from_utf8_lossy(call.message().bytes()).into_owned(),
                authorization: text("authorization"),
                head: format!("{:?}", call.headers()),
            });
            r#"{"resultType":"complete","content":[{"type":"text","text":"done"}]}"#
        }
        "tools/list" => {
            r#"{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[
                {"name":"read","inputSchema":{"type":"object"}},{"name":"write","inputSchema":{"type":"object"}}]}"#
        }
        // Streams of changes among them: not every server has any.
        _ => r#"{"resultType":"complete"}"#,
    };
    match call.id() {
        Some(id) => Reply::result(id, &Fragment::parse(result).unwrap()),
        None => Reply::accepted(),
    }
}
