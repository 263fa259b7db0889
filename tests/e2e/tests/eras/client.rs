//! A client of either era, as bytes over HTTP/1.1.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use e2e::PATIENCE;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use portcullis_mcp_jsonrpc::sse::Decoder;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::Era;

const META: &str = "io.modelcontextprotocol/";

pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) era: Era,
    pub(crate) session: Option<String>,
    pub(crate) user: Option<&'static str>,
    /// From which level on it wants the log.
    pub(crate) level: Option<&'static str>,
    /// The types it takes.
    pub(crate) accept: &'static str,
    capabilities: Value,
    next: AtomicI64,
}

/// What a request came to.
#[derive(Debug)]
pub(crate) struct Told {
    /// Notifications, in their order.
    pub(crate) before: Vec<Value>,
    /// What the server asked meanwhile: method and params.
    pub(crate) asked: Vec<(String, Value)>,
    pub(crate) answer: Value,
}

impl Told {
    /// The result.
    pub(crate) fn result(&self) -> &Value {
        assert!(self.answer["error"].is_null(), "{}", self.answer);
        &self.answer["result"]
    }

    /// What a tool said.
    pub(crate) fn text(&self) -> &str {
        self.result()["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{}", self.answer))
    }

    /// The notifications of one kind.
    pub(crate) fn notes(&self, method: &str) -> Vec<&Value> {
        self.before.iter().filter(|note| note["method"] == method).map(|note| &note["params"]).collect()
    }
}

impl Client {
    /// A client that can do everything.
    pub(crate) async fn connect(address: SocketAddr, era: Era) -> Self {
        Self::connect_as(address, era, None).await
    }

    /// The same, as somebody.
    pub(crate) async fn connect_as(address: SocketAddr, era: Era, user: Option<&'static str>) -> Self {
        let able = json!({ "elicitation": { "form": {}, "url": {} }, "sampling": {}, "roots": {} });
        Self::connect_with(address, era, user, able).await
    }

    /// The same, with other abilities.
    pub(crate) async fn connect_with(
        address: SocketAddr,
        era: Era,
        user: Option<&'static str>,
        capabilities: Value,
    ) -> Self {
        let next = AtomicI64::new(0);
        let accept = "application/json, text/event-stream";
        let mut client = Self { address, era, session: None, user, level: None, accept, capabilities, next };
        if era == Era::Legacy {
            let opened = client.post(&client.initialize("2025-11-25")).await;
            let id = opened.headers.get("mcp-session-id").expect("a session").to_str().unwrap().to_owned();
            let answer = opened.answer().await;
            assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{answer}");
            client.session = Some(id);
            let taken =
                client.post(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
            assert_eq!(taken.status, StatusCode::ACCEPTED);
        }
        client
    }

    pub(crate) fn initialize(&self, version: &str) -> Value {
        let params = json!({ "protocolVersion": version, "capabilities": self.capabilities,
            "clientInfo": { "name": "mcp", "version": "0.1.0" } });
        json!({ "jsonrpc": "2.0", "id": self.id(), "method": "initialize", "params": params })
    }

    fn id(&self) -> Value {
        // Clients of TypeScript begin with 0.
        json!(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// A request as the era has it.
    pub(crate) fn request(&self, id: Value, method: &str, mut params: Value) -> Value {
        if self.era == Era::Modern {
            params["_meta"][format!("{META}protocolVersion")] = json!("2026-07-28");
            params["_meta"][format!("{META}clientCapabilities")] = self.capabilities.clone();
            if let Some(level) = self.level {
                params["_meta"][format!("{META}logLevel")] = json!(level);
            }
        }
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
    }

    /// Sends a message.
    pub(crate) async fn post(&self, message: &Value) -> Exchange {
        let mut request = Request::post("/mcp").header("content-type", "application/json");
        if self.era == Era::Modern {
            request = request.header("mcp-protocol-version", "2026-07-28");
            request = request.header("mcp-method", message["method"].as_str().unwrap_or_default());
            let name = message["params"]["name"].as_str().or(message["params"]["uri"].as_str());
            if let Some(name) = name {
                request = request.header("mcp-name", name);
            }
        }
        self.send(request, message.to_string()).await
    }

    /// Opens the stream of changes of an older era.
    pub(crate) async fn get(&self, last: Option<&str>) -> Exchange {
        let mut request = Request::get("/mcp");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        self.send(request, String::new()).await
    }

    pub(crate) async fn delete(&self) -> StatusCode {
        self.send(Request::delete("/mcp"), String::new()).await.status
    }

    async fn send(&self, mut request: http::request::Builder, body: String) -> Exchange {
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session).header("mcp-protocol-version", "2025-11-25");
        }
        if let Some(user) = self.user {
            request = request.header("x-user", user);
        }
        request = request.header("host", self.address.to_string());
        request = request.header("accept", self.accept);
        Exchange::begin(self.address, request.body(Full::from(body)).unwrap()).await
    }

    /// Makes a request and answers what is asked meanwhile.
    pub(crate) async fn ask(&self, method: &str, params: Value) -> Told {
        self.ask_as(self.id(), method, params).await
    }

    /// The same under an id of the caller's.
    pub(crate) async fn ask_as(&self, id: Value, method: &str, params: Value) -> Told {
        let (mut before, mut asked) = (Vec::new(), Vec::new());
        let (mut request, mut id) = (params.clone(), id);
        loop {
            let mut exchange = self.post(&self.request(id.clone(), method, request.clone())).await;
            let answer = loop {
                let message = exchange.next().await.expect("an answer");
                match (message["method"].as_str(), message.get("id")) {
                    (None, _) => break message,
                    (Some(_), None) => before.push(message),
                    (Some(method), Some(question)) => {
                        asked.push((method.to_owned(), message["params"].clone()));
                        let answer = reply(method, &message["params"]);
                        let taken =
                            self.post(&json!({ "jsonrpc": "2.0", "id": question, "result": answer })).await;
                        assert_eq!(taken.status, StatusCode::ACCEPTED);
                    }
                }
            };
            assert_eq!(answer["id"], id, "{answer}");
            if self.era == Era::Legacy || answer["result"]["resultType"] != "input_required" {
                return Told { before, asked, answer };
            }
            // Each round is a new request.
            id = self.id();
            request = params.clone();
            for (key, question) in answer["result"]["inputRequests"].as_object().unwrap() {
                let method = question["method"].as_str().unwrap();
                asked.push((method.to_owned(), question["params"].clone()));
                request["inputResponses"][key] = reply(method, &question["params"]);
            }
            if let Some(state) = answer["result"].get("requestState") {
                request["requestState"] = state.clone();
            }
        }
    }

    /// Calls a tool of the server `up`.
    pub(crate) async fn call(&self, tool: &str) -> Told {
        self.ask("tools/call", json!({ "name": format!("up_{tool}"), "arguments": {} })).await
    }

    /// Waits for all changes, and for those of one resource.
    pub(crate) async fn listen(&self, uri: &str) -> Exchange {
        if self.era == Era::Legacy {
            let mut stream = self.get(None).await;
            assert_eq!(stream.status, StatusCode::OK);
            stream.is_primed().await;
            self.ask("resources/subscribe", json!({ "uri": uri })).await.result();
            return stream;
        }
        let wanted = json!({ "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
            "resourceSubscriptions": [uri] });
        let request =
            self.request(json!("listen:0"), "subscriptions/listen", json!({ "notifications": wanted }));
        let mut stream = self.post(&request).await;
        let first = stream.next().await.unwrap();
        assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{first}");
        stream
    }
}

/// What a client answers that can do everything.
pub(crate) fn reply(method: &str, params: &Value) -> Value {
    match method {
        "elicitation/create" if params["mode"] == "url" => json!({ "action": "accept" }),
        "elicitation/create" => json!({ "action": "accept", "content": { "name": "Ann" } }),
        "sampling/createMessage" => {
            json!({ "role": "assistant", "content": { "type": "text", "text": "Hello" }, "model": "m" })
        }
        "roots/list" => json!({ "roots": [{ "uri": "file:///r", "name": "r" }] }),
        method => panic!("nobody knows {method}"),
    }
}

/// A request and the response to it, whose body is read message by message. Dropping it closes the connection.
pub(crate) struct Exchange {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Incoming,
    decoder: Option<Decoder>,
}

impl Exchange {
    async fn begin(address: SocketAddr, request: Request<Full<Bytes>>) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let response = tokio::time::timeout(PATIENCE, sender.send_request(request)).await.expect("in time");
        let (head, body) = response.unwrap().into_parts();
        let kind = head.headers.get("content-type").map(|kind| kind.to_str().unwrap());
        let decoder = (kind == Some("text/event-stream")).then(|| Decoder::new().max_event(16 << 20));
        Self { status: head.status, headers: head.headers, body, decoder }
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.decoder.is_some()
    }

    /// The whole body.
    pub(crate) async fn bytes(self) -> Bytes {
        tokio::time::timeout(PATIENCE, self.body.collect()).await.expect("in time").unwrap().to_bytes()
    }

    /// The one message.
    pub(crate) async fn answer(mut self) -> Value {
        self.next().await.expect("an answer")
    }

    /// The next message; none at the end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            let event = self.event().await?;
            if !event.1.is_empty() {
                return Some(serde_json::from_slice(&event.1).unwrap());
            }
        }
    }

    /// Waits until the server has begun to speak; gives the id of the event, if that is what came.
    pub(crate) async fn is_primed(&mut self) -> String {
        let (id, data) = self.event().await.expect("an event");
        assert!(data.is_empty(), "{data:?}");
        id
    }

    /// The next event's id and data.
    pub(crate) async fn event(&mut self) -> Option<(String, Bytes)> {
        tokio::time::timeout(PATIENCE, self.read()).await.expect("something in time")
    }

    async fn read(&mut self) -> Option<(String, Bytes)> {
        let Some(decoder) = &mut self.decoder else {
            let mut whole = Vec::new();
            while let Some(frame) = self.body.frame().await {
                whole.extend_from_slice(&frame.unwrap().into_data().unwrap());
            }
            return (!whole.is_empty()).then(|| (String::new(), whole.into()));
        };
        loop {
            if let Some(event) = decoder.next().unwrap() {
                let id = event.id.map(|id| String::from_utf8(id.to_vec()).unwrap());
                return Some((id.unwrap_or_default(), event.data));
            }
            decoder.push(self.body.frame().await?.unwrap().into_data().unwrap());
        }
    }
}
