//! A client with a token, over HTTP/1.1.

use std::net::SocketAddr;

use bytes::Bytes;
use e2e::PATIENCE;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#;

/// Who asks, and how. Every request goes over a connection of its own.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) token: Option<String>,
    /// That of a client of 2025.
    pub(crate) session: Option<String>,
}

impl Client {
    /// Without a token.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self { address, path: "/mcp".to_owned(), token: None, session: None }
    }

    /// The same with this token.
    pub(crate) fn with(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// The same at another path.
    pub(crate) fn on(&self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.on(path).send(self.request(Method::GET).uri(path), "").await
    }

    /// Calls a tool, as a client of 2026-07-28 or in the session.
    pub(crate) async fn call(&self, tool: &str) -> Answer {
        self.call_with(tool, json!({})).await
    }

    pub(crate) async fn call_with(&self, tool: &str, arguments: Value) -> Answer {
        let (request, body) = self.tool_call(tool, arguments);
        self.send(request, &body).await
    }

    fn tool_call(&self, tool: &str, arguments: Value) -> (http::request::Builder, String) {
        let mut params = json!({ "name": tool, "arguments": arguments });
        let mut request = self.request(Method::POST);
        if self.session.is_none() {
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
            request = request.header("mcp-protocol-version", "2026-07-28");
            request = request.header("mcp-method", "tools/call").header("mcp-name", tool);
        }
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        (request, body.to_string())
    }

    /// The status of a call.
    pub(crate) async fn status(&self, tool: &str) -> u16 {
        self.call(tool).await.status.as_u16()
    }

    /// Whether a call got to the server and back. One that is out of bounds for its token is an answer too, which says so.
    pub(crate) async fn passes(&self, tool: &str) -> bool {
        let answered = self.call(tool).await;
        assert_eq!(answered.status, StatusCode::OK);
        let answer = answered.json().await;
        assert!(answer["result"].is_object() || answer["error"]["data"]["reason"] == "forbidden", "{answer}");
        answer["result"].is_object()
    }

    /// Begins a session of 2025.
    pub(crate) async fn open(&self) -> Self {
        let opened = self.send(self.request(Method::POST), INITIALIZE).await;
        assert_eq!(opened.status, StatusCode::OK);
        let id = opened.header("mcp-session-id").to_owned();
        opened.text().await;
        Self { session: Some(id), ..self.clone() }
    }

    /// Waits for changes, in a session.
    pub(crate) async fn listen(&self) -> Answer {
        self.send(self.request(Method::GET), "").await
    }

    /// Sends a form.
    pub(crate) async fn form(&self, path: &str, form: &str) -> Answer {
        let request = self.request(Method::POST).uri(path);
        let mut request = request.body(Full::from(form.to_owned())).unwrap();
        let kind = header::HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        Line::connect(self.address).await.send(request).await
    }

    fn request(&self, method: Method) -> http::request::Builder {
        let mut request = Request::builder().method(method).uri(&self.path).header("host", "localhost");
        request = request.header("content-type", "application/json");
        request = request.header("accept", "application/json, text/event-stream");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session).header("mcp-protocol-version", "2025-11-25");
        }
        request
    }

    async fn send(&self, request: http::request::Builder, body: &str) -> Answer {
        let request = request.body(Full::from(body.to_owned())).unwrap();
        Line::connect(self.address).await.send(request).await
    }
}

/// One connection for several requests.
pub(crate) struct Line {
    sender: SendRequest<Full<Bytes>>,
}

impl Line {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender }
    }

    /// The status of a client's call over this connection, which must still be there.
    pub(crate) async fn call(&mut self, client: &Client, tool: &str) -> StatusCode {
        let (request, body) = client.tool_call(tool, json!({}));
        self.sender.ready().await.expect("the connection is open");
        let answer = self.send(request.body(Full::from(body)).unwrap()).await;
        let status = answer.status;
        answer.text().await;
        status
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Answer {
        let sent = tokio::time::timeout(PATIENCE, self.sender.send_request(request)).await;
        let (head, body) = sent.expect("an answer in time").unwrap().into_parts();
        Answer { status: head.status, headers: head.headers, body }
    }
}

/// An answer whose body was not read yet.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    body: Incoming,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}")).to_str().unwrap()
    }

    /// The value of a parameter of the challenge.
    pub(crate) fn challenge(&self, parameter: &str) -> String {
        let challenge = self.header("www-authenticate");
        let (_, rest) = challenge
            .split_once(&format!("{parameter}=\""))
            .unwrap_or_else(|| panic!("no {parameter}: {challenge}"));
        rest.split_once('"').unwrap().0.to_owned()
    }

    /// All that comes until the end.
    pub(crate) async fn text(self) -> String {
        let body = tokio::time::timeout(PATIENCE, self.body.collect()).await.expect("an end in time");
        String::from_utf8(body.map(|body| body.to_bytes().to_vec()).unwrap_or_default()).unwrap()
    }

    pub(crate) async fn json(self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }
}
