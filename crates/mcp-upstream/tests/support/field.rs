//! A server of the years before 2026, as they are found in the field: what a test does not say, it does by the book.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use portcullis_core::{Body, json};
use portcullis_mcp_jsonrpc::Message;
use tokio::sync::watch;

use super::serve_http;

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) verb: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    /// Of JSON-RPC; empty for an answer, and for what is no POST.
    pub(crate) method: String,
    /// The id as JSON.
    pub(crate) id: String,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// One word for it: `POST tools/call`, `GET`.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.verb, self.method).trim().to_owned()
    }

    /// The answer to this request, a result.
    pub(crate) fn result(&self, result: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, self.id)
    }

    /// The answer to this request, an error.
    pub(crate) fn error(&self, code: i64, text: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":{code},"message":"{text}"}}}}"#, self.id)
    }
}

type Answer = Pin<Box<dyn Future<Output = Option<Response<Body>>> + Send>>;
type Script = Arc<dyn Fn(Seen) -> Answer + Send + Sync>;

/// The server, and what it has seen.
#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) address: SocketAddr,
    log: Arc<watch::Sender<Vec<Seen>>>,
    script: Arc<Mutex<Script>>,
    sessions: Arc<Mutex<Sessions>>,
}

#[derive(Default)]
struct Sessions {
    begun: usize,
    opened: usize,
    /// The streams of HTTP+SSE by their number.
    streams: HashMap<usize, Sender<Bytes>>,
}

impl Field {
    /// A server of 2025 that answers what the script does not.
    pub(crate) async fn legacy<F, A>(script: F) -> Self
    where
        F: Fn(Seen) -> A + Send + Sync + 'static,
        A: Future<Output = Option<Response<Body>>> + Send + 'static,
    {
        let log = Arc::new(watch::Sender::new(Vec::new()));
        let script: Script = Arc::new(move |seen| Box::pin(script(seen)));
        let script = Arc::new(Mutex::new(script));
        let sessions = Arc::new(Mutex::new(Sessions::default()));
        let (seen_by, asked, held) = (Arc::clone(&log), Arc::clone(&script), Arc::clone(&sessions));
        let address = serve_http(move |request: Request<Bytes>| {
            let (log, script, sessions) = (Arc::clone(&seen_by), Arc::clone(&asked), Arc::clone(&held));
            async move {
                let seen = read(request);
                log.send_modify(|log| log.push(seen.clone()));
                let scripted = script.lock().unwrap().clone();
                match scripted(seen.clone()).await {
                    Some(response) => response,
                    None => by_the_book(&seen, &sessions),
                }
            }
        });
        Self { address: address.await, log, script, sessions }
    }

    /// From now on it answers like this.
    pub(crate) fn becomes<F, A>(&self, script: F)
    where
        F: Fn(Seen) -> A + Send + Sync + 'static,
        A: Future<Output = Option<Response<Body>>> + Send + 'static,
    {
        *self.script.lock().unwrap() = Arc::new(move |seen| Box::pin(script(seen)));
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.log.borrow().clone()
    }

    /// How often it was asked this.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.log.borrow().iter().filter(|seen| seen.name() == name).count()
    }

    /// Waits until it has been asked this.
    pub(crate) async fn saw(&self, name: &str) -> Seen {
        self.saw_one(|seen| seen.name() == name).await
    }

    /// Waits until it has been asked something like this.
    pub(crate) async fn saw_one(&self, is: impl Fn(&Seen) -> bool) -> Seen {
        let mut log = self.log.subscribe();
        let seen = log.wait_for(|log| log.iter().any(&is)).await.unwrap();
        seen.iter().find(|seen| is(seen)).cloned().unwrap()
    }

    /// Opens a stream of HTTP+SSE, which the posts to its endpoint are answered on.
    pub(crate) fn open_sse(&self, endpoint: &str) -> Response<Body> {
        let (mut sender, body) = Channel::<Bytes>::new(64);
        let mut sessions = self.sessions.lock().unwrap();
        let number = sessions.opened;
        sessions.opened += 1;
        let endpoint = endpoint.replace("{}", &number.to_string());
        sender
            .try_send(http_body::Frame::data(format!("event: endpoint\r\ndata: {endpoint}\r\n\r\n").into()))
            .unwrap();
        sessions.streams.insert(number, sender);
        stream(Body::new(body))
    }

    /// Sends a message on a stream of HTTP+SSE.
    pub(crate) fn push_sse(&self, number: usize, message: &str) {
        let event = format!("event: message\r\ndata: {message}\r\n\r\n");
        let mut sessions = self.sessions.lock().unwrap();
        let sender = sessions.streams.get_mut(&number).unwrap();
        sender.try_send(http_body::Frame::data(event.into())).unwrap();
    }

    /// Ends a stream of HTTP+SSE.
    pub(crate) fn end_sse(&self, number: usize) {
        self.sessions.lock().unwrap().streams.remove(&number);
    }

    /// Plays a server of 2024: GET `/mcp` opens a stream, POST `/messages/<stream>` is answered there.
    pub(crate) async fn sse() -> Self {
        let field = Self::legacy(|_| async { None }).await;
        let server = field.clone();
        field.becomes(move |seen| {
            let server = server.clone();
            async move { Some(server.sse_by_the_book(&seen)) }
        });
        field
    }

    pub(crate) fn sse_by_the_book(&self, seen: &Seen) -> Response<Body> {
        match (&seen.verb, seen.path.strip_prefix("/messages/")) {
            (&Method::GET, None) => self.open_sse("/messages/{}"),
            (&Method::POST, Some(number)) => {
                let number = number.parse().unwrap();
                if !self.sessions.lock().unwrap().streams.contains_key(&number) {
                    return status(404);
                }
                match &*seen.method {
                    "initialize" => self.push_sse(number, &seen.result(&initialized("2024-11-05"))),
                    _ if seen.id.is_empty() => {}
                    _ => self.push_sse(number, &seen.result(&said(&format!("stream {number}")))),
                }
                status(202)
            }
            _ => status(405),
        }
    }
}

/// The result of `initialize`.
pub(crate) fn initialized(version: &str) -> String {
    format!(
        r#"{{"protocolVersion":"{version}","capabilities":{{"tools":{{"listChanged":true}}}},"serverInfo":{{"name":"field","version":"1"}}}}"#
    )
}

/// The result of a tool that says something.
pub(crate) fn said(text: &str) -> String {
    format!(r#"{{"content":[{{"type":"text","text":"{text}"}}]}}"#)
}

fn by_the_book(seen: &Seen, sessions: &Mutex<Sessions>) -> Response<Body> {
    match (&seen.verb, &*seen.method) {
        (&Method::POST, "initialize") => {
            let mut sessions = sessions.lock().unwrap();
            sessions.begun += 1;
            let mut response = json_response(200, &seen.result(&initialized("2025-11-25")));
            let id = format!("session-{}", sessions.begun);
            response.headers_mut().insert("mcp-session-id", id.parse().unwrap());
            response
        }
        (&Method::POST, "server/discover") => json_response(
            400,
            r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: Server not initialized"},"id":null}"#,
        ),
        (&Method::POST, _) if seen.header("mcp-session-id").is_none() => json_response(
            400,
            r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"Session ID required"},"id":null}"#,
        ),
        (&Method::POST, _) if seen.id.is_empty() || seen.method.is_empty() => status(202),
        (&Method::POST, "tools/list") => json_response(200, &seen.result(r#"{"tools":[]}"#)),
        (&Method::POST, _) => {
            let session = seen.header("mcp-session-id").unwrap_or_default();
            json_response(200, &seen.result(&said(session)))
        }
        (&Method::DELETE, _) => status(204),
        _ => status(405),
    }
}

fn read(request: Request<Bytes>) -> Seen {
    let (head, body) = request.into_parts();
    let message = Message::parse(body.clone()).ok();
    let method = message.as_ref().and_then(Message::method).unwrap_or_default().to_owned();
    let id = message.as_ref().and_then(Message::id).map(portcullis_mcp_jsonrpc::Id::to_json);
    Seen {
        verb: head.method,
        path: head.uri.path().to_owned(),
        headers: head.headers,
        method,
        id: id.unwrap_or_default(),
        body,
    }
}

pub(crate) fn status(status: u16) -> Response<Body> {
    Response::builder().status(status).body(Body::empty()).unwrap()
}

pub(crate) fn page(status: u16, text: &str) -> Response<Body> {
    let response = Response::builder().status(status).header("content-type", "text/plain");
    response.body(Body::from(text.to_owned())).unwrap()
}

pub(crate) fn json_response(status: u16, text: &str) -> Response<Body> {
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(Body::from(text.to_owned())).unwrap()
}

pub(crate) fn stream(body: Body) -> Response<Body> {
    Response::builder().header("content-type", "text/event-stream").body(body).unwrap()
}

/// An event stream that ends after this text.
pub(crate) fn events(text: impl Into<String>) -> Response<Body> {
    stream(Body::from(text.into()))
}

/// An event stream that goes on as long as its sender lives.
pub(crate) fn open_events(text: impl Into<String>) -> (Sender<Bytes>, Response<Body>) {
    let (mut sender, body) = Channel::<Bytes>::new(64);
    sender.try_send(http_body::Frame::data(text.into().into())).unwrap();
    (sender, stream(Body::new(body.map_err(|never| match never {}))))
}

/// The text of a tool's answer.
pub(crate) fn text_of(message: &Message) -> String {
    let result = message.result().unwrap_or_else(|| panic!("no result: {:?}", message.text()));
    let range = json::find(result, &["content"]).unwrap().expect("content");
    let first = json::elements(&result[range]).next().unwrap().unwrap().value();
    let range = json::find(first, &["text"]).unwrap().unwrap();
    json::from_slice(&first[range]).unwrap()
}
