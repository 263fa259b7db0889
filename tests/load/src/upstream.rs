//! The MCP server at the end of every path: cheap, so that what is measured is what stands in front of it.
//!
//! It speaks MCP 2026-07-28 and just enough of 2025-11-25 (`initialize`, one shared session) for peers that know no
//! newer one, over HTTP/1.1 and HTTP/2 with prior knowledge. Its one tool, `echo`, answers as its arguments say
//! (see [`Arguments`]). It checks what costs nothing to check and leaves the rest of the specification to the portal's own tests.

mod answer;
mod body;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpListener;

use body::Script;

/// Requests larger than this are refused: the generator sends a few hundred bytes.
const MAX_REQUEST: usize = 64 * 1024;

/// Streams on one HTTP/2 connection: enough for all that are idle.
const MAX_STREAMS: u32 = 100_000;

/// What the server keeps between requests.
#[derive(Debug, Default)]
struct State {
    /// Calls that are being delayed; falls when a caller goes away, which is how a soak sees cancellation arrive.
    waiting: AtomicUsize,
}

/// The parts of a request this server acts on. A notification has no `id`.
#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: &'a str,
    #[serde(borrow, default)]
    params: Params<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params<'a> {
    #[serde(default)]
    arguments: Arguments,
    #[serde(borrow, rename = "_meta", default)]
    meta: Meta<'a>,
    #[serde(borrow)]
    notifications: Option<&'a RawValue>,
    protocol_version: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta<'a> {
    #[serde(borrow)]
    progress_token: Option<&'a RawValue>,
}

/// What the caller of `echo` wants to see.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Arguments {
    /// Length of the text in the result, in bytes on the wire.
    bytes: usize,
    /// Answer with an SSE stream that starts with this many progress notifications; 0 answers with JSON.
    notifications: usize,
    /// Write each event by itself, as a tool that works between two notifications does. Otherwise all events are
    /// ready at once and leave in one go, as separate HTTP chunks.
    paced: bool,
    /// Wait this long before answering; at most ten seconds.
    delay_ms: u64,
    /// Answer with the number of delayed calls instead of text.
    waiting: bool,
}

/// Serves connections until the process ends.
pub(crate) async fn serve(listener: TcpListener) -> std::io::Result<()> {
    let state = Arc::new(State::default());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let state = Arc::clone(&state);
                async move { Ok::<_, Infallible>(respond(request, &state).await) }
            });
            let mut connection = auto::Builder::new(TokioExecutor::new());
            connection.http2().max_concurrent_streams(MAX_STREAMS);
            // A connection that breaks is the peer's doing; the generator counts what it missed.
            let _ = connection.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn respond(request: Request<Incoming>, state: &State) -> Response<Script> {
    if request.method() != Method::POST {
        // No GET stream is offered, and a session has nothing to delete.
        let status =
            if request.method() == Method::DELETE { StatusCode::OK } else { StatusCode::METHOD_NOT_ALLOWED };
        return answer::empty(status);
    }
    if request.uri().path() != "/mcp" {
        return answer::empty(StatusCode::NOT_FOUND);
    }
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_REQUEST).collect().await else {
        return answer::empty(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let body = body.to_bytes();
    let Ok(asked) = serde_json::from_slice::<Asked<'_>>(&body) else {
        return answer::refusal(StatusCode::BAD_REQUEST, "null", -32700, "not a JSON-RPC message");
    };
    let Some(id) = asked.id else { return answer::empty(StatusCode::ACCEPTED) };
    if head.headers.get("mcp-method").is_some_and(|named| named != asked.method) {
        return answer::refusal(StatusCode::BAD_REQUEST, id.get(), -32020, "header and body differ");
    }
    answer::answer(id.get(), asked.method, &asked.params, state).await
}
