//! Calls to make, and servers to make them to: real ones on loopback, and ones that play a script of bytes.

#![allow(dead_code, unused_imports, reason = "each test uses a part of it")]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

pub(crate) mod field;
mod hyper_server;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use portcullis_mcp_jsonrpc::{Call, Failure, Fragment, Id, Message, Reply};
use portcullis_mcp_upstream::{Era, HttpUpstream, HttpUpstreamBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

pub(crate) use self::hyper_server::{Gone, serve_http, serve_io};

/// A call with the id 1.
pub(crate) fn call(method: &str) -> Call {
    call_with_id(1, method)
}

pub(crate) fn call_with_id(id: i64, method: &str) -> Call {
    let params = r#"{"name":"echo","uri":"file:///a","arguments":{},"_meta":{
        "io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientCapabilities":{}}}"#;
    Call::new(Message::from_request(&Id::from(id), method, &Fragment::parse(params).unwrap()))
}

pub(crate) fn to(address: SocketAddr) -> HttpUpstreamBuilder {
    HttpUpstream::builder(&format!("http://{address}/mcp")).unwrap().era(Era::Modern)
}

/// Makes a call and reads its answer to the end: the last message, or what broke.
pub(crate) async fn ask(upstream: &HttpUpstream, call: Call) -> Result<Message, Failure> {
    let mut reply = upstream.clone().oneshot(call).await?;
    let mut last = None;
    while let Some(message) = next(&mut reply).await {
        last = Some(message?);
    }
    Ok(last.expect("a reply to a request is not empty"))
}

pub(crate) async fn next(reply: &mut Reply) -> Option<Result<Message, Failure>> {
    poll_fn(|cx| reply.poll_message(cx)).await
}

pub(crate) fn result(id: i64) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[]}}}}"#)
}

pub(crate) fn json(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// What a scripted server does on one connection, after each request it reads.
#[derive(Clone)]
pub(crate) enum Play {
    /// Answers every request with a result.
    Well,
    /// Writes this and keeps the connection open, for whatever comes.
    Write(Vec<u8>),
    /// Writes this and closes.
    WriteAndClose(Vec<u8>),
    /// Writes the first once and then the second until the client has had enough.
    WriteForEver(Vec<u8>, Vec<u8>),
}

pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) requests: Arc<AtomicUsize>,
}

impl Scripted {
    /// Each connection gets the next play, and those that come after the last are served well.
    pub(crate) async fn new(plays: Vec<Play>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (made, read) = (Arc::clone(&connections), Arc::clone(&requests));
        tokio::spawn(async move {
            let mut plays = plays.into_iter();
            while let Ok((socket, _)) = listener.accept().await {
                made.fetch_add(1, Ordering::SeqCst);
                let play = plays.next().unwrap_or(Play::Well);
                tokio::spawn(serve(socket, play, Arc::clone(&read)));
            }
        });
        Self { address, connections, requests }
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn serve(mut socket: TcpStream, play: Play, requests: Arc<AtomicUsize>) {
    while read_request(&mut socket).await.is_some() {
        requests.fetch_add(1, Ordering::SeqCst);
        match &play {
            Play::Well => socket.write_all(&json(&result(1))).await.unwrap(),
            Play::Write(bytes) => socket.write_all(bytes).await.unwrap(),
            Play::WriteAndClose(bytes) => {
                socket.write_all(bytes).await.unwrap();
                return;
            }
            Play::WriteForEver(first, then) => {
                let mut written = socket.write_all(first).await;
                while written.is_ok() {
                    written = socket.write_all(then).await;
                    tokio::task::yield_now().await;
                }
                return;
            }
        }
    }
}

/// Reads one request, head and body, as text; none when the client has closed.
pub(crate) async fn read_request(socket: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8(read.clone()).unwrap();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text);
            }
        }
        let mut buffer = [0; 4096];
        match socket.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(length) => read.extend_from_slice(&buffer[..length]),
        }
    }
}
