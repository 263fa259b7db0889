//! A scripted MCP server in memory, and requests to send to a portal in front of it.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of this module")]

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::StreamExt;
use portcullis_core::{Kind as PrincipalKind, Principal, Trail};
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Message, Reply};
use portcullis_portal::{Portal, Server};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};
use tower::Service;

type Script = Arc<dyn Fn(&Call) -> Result<Value, FailureKind> + Send + Sync>;

/// A server that answers by script, counts what it is asked, and can be held up.
#[derive(Clone, Default)]
pub struct Mock {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    scripts: Mutex<HashMap<String, Script>>,
    calls: Mutex<Vec<Call>>,
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
    streams: Mutex<Vec<mpsc::UnboundedSender<Result<Message, Failure>>>>,
    open: AtomicUsize,
}

impl Mock {
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers `method` with `{"result": …}` or `{"error": …}`, or fails.
    pub fn on(
        self,
        method: &str,
        script: impl Fn(&Call) -> Result<Value, FailureKind> + Send + Sync + 'static,
    ) -> Self {
        self.set(method, script);
        self
    }

    pub fn set(
        &self,
        method: &str,
        script: impl Fn(&Call) -> Result<Value, FailureKind> + Send + Sync + 'static,
    ) {
        self.inner.scripts.lock().unwrap().insert(method.to_owned(), Arc::new(script));
    }

    /// Answers `method` with this result.
    pub fn result(self, method: &str, result: Value) -> Self {
        self.on(method, move |_| Ok(json!({ "result": result })))
    }

    /// Lists these tools, for everyone, for a minute; and calls them back by name.
    pub fn tools(self, names: &[&str]) -> Self {
        self.result("tools/list", tools(names, 60_000, "public")).on("tools/call", |call| {
            let text = format!("called {}", call.name().unwrap());
            Ok(json!({ "result": { "resultType": "complete", "content": [{ "type": "text", "text": text }] } }))
        })
    }

    /// Opens a stream on `subscriptions/listen` and acknowledges what was asked for.
    pub fn listens(self) -> Self {
        self.on("subscriptions/listen", |_| Ok(json!("stream")))
    }

    /// Holds up `method` until the semaphore gives permits.
    pub fn hold(&self, method: &str) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        self.inner.gates.lock().unwrap().insert(method.to_owned(), Arc::clone(&gate));
        gate
    }

    /// How often `method` was asked.
    pub fn count(&self, method: &str) -> usize {
        self.inner.calls.lock().unwrap().iter().filter(|call| call.method() == method).count()
    }

    /// The last call of `method`.
    pub fn last(&self, method: &str) -> Call {
        let calls = self.inner.calls.lock().unwrap();
        calls.iter().rev().find(|call| call.method() == method).expect("never called").clone()
    }

    /// The params of the last call of `method`.
    pub fn params(&self, method: &str) -> Value {
        serde_json::from_slice(self.last(method).message().params().unwrap()).unwrap()
    }

    /// How many streams are open.
    pub fn open(&self) -> usize {
        self.inner.open.load(Ordering::SeqCst)
    }

    /// Sends a message down every stream.
    pub fn send(&self, message: Value) {
        let message = Message::parse(Bytes::from(message.to_string())).unwrap();
        self.inner.streams.lock().unwrap().retain(|stream| stream.send(Ok(message.clone())).is_ok());
    }

    /// Breaks every stream.
    pub fn cut(&self) {
        for stream in self.inner.streams.lock().unwrap().drain(..) {
            let _ = stream.send(Err(Failure::new(FailureKind::Close)));
        }
    }

    /// A server of a portal.
    pub fn server(&self, id: &str) -> Server {
        let mock = self.clone();
        Server::new(id, tower::service_fn(move |call| mock.clone().serve(call))).unwrap()
    }

    async fn serve(self, call: Call) -> Result<Reply, Failure> {
        self.inner.calls.lock().unwrap().push(call.clone());
        let gate = self.inner.gates.lock().unwrap().get(call.method()).cloned();
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        let script = self.inner.scripts.lock().unwrap().get(call.method()).cloned();
        let unknown = json!({ "error": { "code": -32601, "message": "Method not found" } });
        let answer = script.map_or(Ok(unknown), |script| script(&call)).map_err(Failure::new)?;
        if answer == json!("stream") {
            return Ok(self.stream(&call));
        }
        let mut message = json!({ "jsonrpc": "2.0", "id": id(&call) });
        message.as_object_mut().unwrap().extend(answer.as_object().unwrap().clone());
        Ok(Reply::message(Message::parse(Bytes::from(message.to_string())).unwrap()))
    }

    fn stream(&self, call: &Call) -> Reply {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let params: Value = serde_json::from_slice(call.message().params().unwrap()).unwrap();
        let acknowledgement = json!({
            "jsonrpc": "2.0",
            "method": "notifications/subscriptions/acknowledged",
            "params": {
                "_meta": { "io.modelcontextprotocol/subscriptionId": id(call) },
                "notifications": params["notifications"],
            },
        });
        let acknowledgement = Message::parse(Bytes::from(acknowledgement.to_string())).unwrap();
        sender.send(Ok(acknowledgement)).unwrap();
        self.inner.streams.lock().unwrap().push(sender);
        self.inner.open.fetch_add(1, Ordering::SeqCst);
        let counted = Counted(Arc::clone(&self.inner));
        Reply::stream(futures_util::stream::poll_fn(move |cx| {
            let _ = &counted;
            receiver.poll_recv(cx)
        }))
    }
}

struct Counted(Arc<Inner>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

fn id(call: &Call) -> Value {
    serde_json::from_str(&call.id().unwrap().to_json()).unwrap()
}

/// The result of a `tools/list`.
pub fn tools(names: &[&str], ttl: u64, scope: &str) -> Value {
    let tools: Vec<_> =
        names.iter().map(|name| json!({ "name": name, "inputSchema": { "type": "object" } })).collect();
    json!({ "resultType": "complete", "tools": tools, "ttlMs": ttl, "cacheScope": scope })
}

/// A request as a client sends it over HTTP.
pub fn request(method: &str, params: Value) -> Call {
    let mut call = bare(method, params);
    call.headers_mut().insert("mcp-method", method.parse().unwrap());
    call
}

/// A request that came without headers: over stdio, or from within.
pub fn bare(method: &str, params: Value) -> Call {
    let mut params = params;
    let meta = params.as_object_mut().unwrap().entry("_meta").or_insert(json!({}));
    meta["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    if meta["io.modelcontextprotocol/clientCapabilities"].is_null() {
        meta["io.modelcontextprotocol/clientCapabilities"] = json!({ "roots": {} });
    }
    let message = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
    let mut call = Call::new(Message::parse(Bytes::from(message.to_string())).unwrap());
    Trail::enter(call.extensions_mut());
    call
}

/// The same params, sent by a client that can do this.
pub fn able(capabilities: Value, mut params: Value) -> Value {
    params["_meta"] = json!({ "io.modelcontextprotocol/clientCapabilities": capabilities });
    params
}

/// The same request, made by a user.
pub fn by(user: &str, mut call: Call) -> Call {
    call.extensions_mut().insert(Principal::new(PrincipalKind::User, user));
    call
}

/// The one message with which the portal answers.
pub async fn ask(portal: &Portal, call: Call) -> Value {
    let mut reply = portal.clone().call(call).await.expect("the call failed");
    let message = next(&mut reply).await;
    assert!(reply.is_empty() || reply.next().await.is_none());
    message
}

pub async fn next(reply: &mut Reply) -> Value {
    let message = poll_fn(|cx| reply.poll_message(cx)).await.expect("the reply ended").expect("it broke off");
    serde_json::from_slice(message.text()).unwrap()
}

pub fn call_tool(name: &str) -> Call {
    request("tools/call", json!({ "name": name, "arguments": {} }))
}

pub fn list_tools() -> Call {
    request("tools/list", json!({}))
}

/// The names in an answer to `tools/list`.
pub fn names(answer: &Value) -> Vec<&str> {
    answer["result"]["tools"]
        .as_array()
        .expect("no list")
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect()
}

/// Lets every task run that can.
pub async fn settle() {
    for _ in 0..32 {
        tokio::task::yield_now().await;
    }
}
