//! A server on HTTP, as its era has it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::sse;
use serde_json::{Value, json};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::Era;
use crate::server::Server;

/// A server that listens.
pub(crate) struct Web {
    pub(crate) address: SocketAddr,
    pub(crate) server: Arc<Server>,
}

/// Serves it on a port of its own.
pub(crate) async fn serve(era: Era, name: &str) -> Web {
    let server = Server::new(era, name);
    let (taken, sessions) = (Arc::clone(&server), Arc::new(AtomicUsize::new(0)));
    let address = e2e::serve(tower::service_fn(move |request: Request<Incoming>| {
        let (server, sessions) = (Arc::clone(&taken), Arc::clone(&sessions));
        async move { Ok(respond(server, &sessions, request).await) }
    }));
    Web { address: address.await, server }
}

async fn respond(server: Arc<Server>, sessions: &AtomicUsize, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let session = head.headers.get("mcp-session-id");
    match (server.era, head.method) {
        (_, Method::POST) => {}
        (Era::Legacy, Method::GET) => {
            let (out, said) = mpsc::unbounded_channel();
            server.listen(out, None);
            return stream(said, None);
        }
        (Era::Legacy, Method::DELETE) => {
            server.note("delete");
            return status(204);
        }
        _ => return status(405),
    }
    let Ok(body) = body.collect().await else { return status(400) };
    let message: Value = serde_json::from_slice(&body.to_bytes()).unwrap();
    let method = message["method"].as_str().unwrap_or_default().to_owned();
    if server.era == Era::Legacy && session.is_none() && method != "initialize" {
        let error = json!({ "code": -32000, "message": "Bad Request: Server not initialized" });
        return json(400, &json!({ "jsonrpc": "2.0", "id": null, "error": error }));
    }
    if server.era == Era::Modern
        && head.headers.get("mcp-method").map(|value| value.to_str().unwrap()) != Some(&*method)
    {
        let error = json!({ "code": -32020, "message": "Header mismatch" });
        return json(400, &json!({ "jsonrpc": "2.0", "id": message["id"], "error": error }));
    }
    if message.get("id").is_none() || method.is_empty() {
        let (out, _) = mpsc::unbounded_channel();
        server.take(message, out).await;
        return status(202);
    }
    let (out, mut said) = mpsc::unbounded_channel();
    tokio::spawn(Arc::clone(&server).take(message, out));
    let Some(first) = said.recv().await else { return status(500) };
    let mut response = match server.era {
        // What is one message leaves as one; some servers of 2025 stream even that.
        Era::Modern if first.get("method").is_none() => json(200, &first),
        _ => stream(said, Some(first)),
    };
    if method == "initialize" {
        let id = format!("session-{}", sessions.fetch_add(1, Ordering::Relaxed));
        response.headers_mut().insert("mcp-session-id", id.parse().unwrap());
    }
    response
}

fn stream(said: UnboundedReceiver<Value>, first: Option<Value>) -> Response<Body> {
    let rest = futures_util::stream::unfold(said, async |mut said| Some((said.recv().await?, said)));
    let events = futures_util::stream::iter(first).chain(rest).map(|message| {
        let mut event = BytesMut::new();
        sse::write_event(&mut event, message.to_string().as_bytes());
        Ok::<_, std::convert::Infallible>(Frame::data(event.freeze()))
    });
    Response::builder()
        .header("content-type", "text/event-stream")
        .body(Body::new(StreamBody::new(events)))
        .unwrap()
}

fn json(status: u16, message: &Value) -> Response<Body> {
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(Body::from(Bytes::from(message.to_string()))).unwrap()
}

fn status(status: u16) -> Response<Body> {
    Response::builder().status(status).body(Body::empty()).unwrap()
}
