//! A client of 2025, as bytes.

use std::net::SocketAddr;

use super::{Response, Stream, exchange};

/// What it begins with.
pub(crate) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#;

/// A session with a portal.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) address: SocketAddr,
    pub(crate) id: String,
}

impl Session {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let opened = exchange(address, &post("/mcp", "", INITIALIZE));
        assert_eq!(opened.status, 200, "{}", opened.body);
        let id = opened.header("mcp-session-id").unwrap().to_owned();
        Self { address, id }
    }

    /// The same id, shown elsewhere.
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        Self { address, id: self.id.clone() }
    }

    pub(crate) fn post_to(&self, path: &str, body: &str) -> Response {
        exchange(self.address, &post(path, &format!("mcp-session-id: {}\r\n", self.id), body))
    }

    /// Calls a tool without arguments.
    pub(crate) fn call(&self, tool: &str) -> Response {
        self.post_to("/mcp", &call(1, tool))
    }

    /// Waits for changes.
    pub(crate) fn listen(&self) -> Stream {
        let mut stream = Stream::open(
            self.address,
            &format!(
                "GET /mcp HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\nmcp-session-id: {}\r\n\r\n",
                self.id
            ),
        );
        stream.wait_for("\r\n\r\n");
        stream
    }
}

pub(crate) fn call(id: u32, tool: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}}}}}"#
    )
}

fn post(path: &str, more: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\n{more}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}
