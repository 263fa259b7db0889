#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod plain;
mod rounds;
mod tasks;

use std::task::{Context, Poll, Waker};

use portcullis_testkit::{Act, Ask, Probe, Scripted, read};

use super::*;
use crate::front::{Client, Level, Version};

/// A session whose client can do everything, and a service inside that follows a script.
struct Bench {
    session: Arc<Session>,
    service: Scripted,
    probe: Probe,
    limits: Limits,
}

const ABLE: &str = r#"{"roots":{},"sampling":{},"elicitation":{"form":{},"url":{}}}"#;

impl Bench {
    fn new(acts: impl IntoIterator<Item = Act>) -> Self {
        Self::of(Version::LATEST, ABLE, acts)
    }

    fn of(version: Version, capabilities: &str, acts: impl IntoIterator<Item = Act>) -> Self {
        let client = Client::new(version, r#"{"name":"c","version":"1"}"#, capabilities).unwrap();
        let service = Scripted::in_order(acts);
        let probe = service.probe();
        let limits = Limits { unasked_logs: None, ..Limits::default() };
        Self { session: Arc::new(Session::new(client)), service, probe, limits }
    }

    async fn ask(&self, method: &str, params: &str) -> Result<Reply, Failure> {
        let text = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{params}}}"#);
        self.send(&text).await
    }

    async fn send(&self, text: &str) -> Result<Reply, Failure> {
        let (_, head) = Ask::tool("t").call().into_parts();
        exchange(self.service.clone(), Arc::clone(&self.session), message(text), head, &self.limits).await
    }

    async fn tool(&self) -> Reply {
        self.ask("tools/call", r#"{"name":"t","arguments":{"a":1}}"#).await.unwrap()
    }

    fn receive(&self, text: &str) -> Result<(), crate::front::session::Unexpected> {
        self.session.receive(message(text))
    }

    /// The client answers a request with this result.
    fn answer(&self, request: &Message, result: &str) {
        let id = request.id().unwrap().to_json();
        self.receive(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)).unwrap();
    }

    /// The client answers a request with an error.
    fn refuse(&self, request: &Message) {
        let id = request.id().unwrap().to_json();
        let error = r#"{"code":-1,"message":"User rejected the request"}"#;
        self.receive(&format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)).unwrap();
    }

    fn cancel(&self) {
        let text = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#;
        self.receive(text).unwrap();
    }

    /// The params of a call that was made inside, without `_meta`.
    fn params(&self, call: usize) -> String {
        let call = &self.probe.calls()[call];
        let mut params: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(call.message().params().unwrap()).unwrap();
        params.remove("_meta");
        serde_json::to_string(&params).unwrap()
    }
}

fn message(text: &str) -> Message {
    Message::parse(text.to_owned().into()).unwrap()
}

/// The next message of a reply that goes on.
async fn next(reply: &mut Reply) -> Message {
    std::future::poll_fn(|cx| reply.poll_message(cx)).await.expect("the reply goes on").unwrap()
}

/// Whether nothing has come so far.
fn is_waiting(reply: &mut Reply) -> bool {
    matches!(reply.poll_message(&mut Context::from_waker(Waker::noop())), Poll::Pending)
}
