//! The requests the generator sends, written out once and then only patched.

use std::net::SocketAddr;
use std::sync::OnceLock;

use memchr::memmem;
use serde_json::json;

/// Every id has ten digits, so that no request and no reply changes its length from one call to the next.
pub(crate) const FIRST_ID: u64 = 1_000_000_000;

/// The credential that goes with every request, where one was given.
static AUTHORIZATION: OnceLock<String> = OnceLock::new();

/// Sends this as `Authorization` with every request from now on. Of several calls the first one counts.
pub(crate) fn authorize(credential: &str) {
    AUTHORIZATION.get_or_init(|| format!("Authorization: {credential}\r\n"));
}

/// How a server wants to be spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// 2026-07-28: each request stands for itself.
    Modern,
    /// 2025-11-25 and before: within the session of this id, which is empty until there is one.
    Legacy { session: String },
}

/// What a call asks of the tool, and so what its reply must look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes of text in the result.
    pub(crate) bytes: usize,
    /// Progress notifications before it; none asks for JSON.
    pub(crate) notifications: usize,
    /// Whether the upstream writes each notification by itself.
    pub(crate) paced: bool,
    /// How long the upstream waits before it answers.
    pub(crate) delay_ms: u64,
}

/// An HTTP request as it goes on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    /// Where the id stands: as the id, and as the progress token of calls that have one.
    ids: Vec<usize>,
}

impl Request {
    /// A `tools/call` of `tool`.
    pub(crate) fn call(address: SocketAddr, path: &str, era: &Era, tool: &str, shape: Shape) -> Self {
        let Shape { bytes, notifications, paced, delay_ms } = shape;
        let mut params = json!({
            "name": tool,
            "arguments": { "bytes": bytes, "notifications": notifications, "paced": paced, "delayMs": delay_ms },
        });
        if notifications > 0
            && let Some(params) = params.as_object_mut()
        {
            params.insert("_meta".into(), json!({ "progressToken": FIRST_ID }));
        }
        Self::new(address, path, era, "tools/call", Some(tool), params)
    }

    /// Any request. `params` must be an object; in the modern era its `_meta` is completed.
    pub(crate) fn new(
        address: SocketAddr,
        path: &str,
        era: &Era,
        method: &str,
        name: Option<&str>,
        mut params: serde_json::Value,
    ) -> Self {
        let mut headers = String::new();
        match era {
            Era::Modern => {
                if let Some(params) = params.as_object_mut()
                    && let Some(meta) = params.entry("_meta").or_insert_with(|| json!({})).as_object_mut()
                {
                    meta.insert("io.modelcontextprotocol/protocolVersion".into(), "2026-07-28".into());
                    let client = json!({ "name": "load", "version": env!("CARGO_PKG_VERSION") });
                    meta.insert("io.modelcontextprotocol/clientInfo".into(), client);
                    meta.insert("io.modelcontextprotocol/clientCapabilities".into(), json!({}));
                }
                headers.push_str("MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: ");
                headers.push_str(method);
                headers.push_str("\r\n");
                if let Some(name) = name {
                    headers.push_str("Mcp-Name: ");
                    headers.push_str(name);
                    headers.push_str("\r\n");
                }
            }
            Era::Legacy { session } if session.is_empty() => {}
            Era::Legacy { session } => {
                headers.push_str("MCP-Protocol-Version: 2025-11-25\r\nMcp-Session-Id: ");
                headers.push_str(session);
                headers.push_str("\r\n");
            }
        }
        let mut message = json!({ "jsonrpc": "2.0", "id": FIRST_ID, "method": method, "params": params });
        if method.starts_with("notifications/")
            && let Some(message) = message.as_object_mut()
        {
            message.remove("id");
        }
        Self::raw(address, path, &headers, &message.to_string())
    }

    /// A request with this body, valid or not.
    pub(crate) fn raw(address: SocketAddr, path: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        let credential = AUTHORIZATION.get().map_or("", String::as_str);
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n{credential}{headers}Content-Length: {length}\r\n\r\n"
        );
        let placeholder = FIRST_ID.to_string();
        let ids = memmem::find_iter(body.as_bytes(), &placeholder).map(|at| head.len() + at).collect();
        Self { bytes: [head.as_bytes(), body.as_bytes()].concat(), ids }
    }

    /// The bytes to send for the call `id`, which must have ten digits.
    pub(crate) fn with_id(&mut self, id: u64) -> &[u8] {
        let mut digits = [b'0'; 10];
        let mut rest = id;
        for digit in digits.iter_mut().rev() {
            *digit += (rest % 10) as u8;
            rest /= 10;
        }
        for &at in &self.ids {
            if let Some(place) = self.bytes.get_mut(at..at + digits.len()) {
                place.copy_from_slice(&digits);
            }
        }
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> SocketAddr {
        "127.0.0.1:80".parse().unwrap()
    }

    fn split(request: &[u8]) -> (String, serde_json::Value) {
        let text = String::from_utf8(request.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        (head.to_owned(), serde_json::from_str(body).unwrap())
    }

    #[test]
    fn a_modern_call_says_the_same_in_its_headers_and_its_body() {
        let shape = Shape { bytes: 5, notifications: 2, ..Shape::default() };
        let mut request = Request::call(address(), "/mcp", &Era::Modern, "echo", shape);
        let (head, body) = split(request.with_id(1_234_567_890));
        assert!(head.contains("\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\n"), "{head}");
        assert_eq!(body["id"], 1_234_567_890);
        assert_eq!(body["params"]["_meta"]["progressToken"], 1_234_567_890);
        assert_eq!(body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
        assert_eq!(body["params"]["arguments"]["bytes"], 5);
    }

    #[test]
    fn a_legacy_call_names_its_session_and_nothing_newer() {
        let era = Era::Legacy { session: "s1".into() };
        let mut request = Request::call(address(), "/", &era, "echo", Shape::default());
        let (head, body) = split(request.with_id(FIRST_ID));
        assert!(head.contains("Mcp-Session-Id: s1") && !head.contains("Mcp-Method"), "{head}");
        assert_eq!(body["params"].get("_meta"), None);
    }

    #[test]
    fn a_notification_has_no_id() {
        let method = "notifications/initialized";
        let mut request = Request::new(address(), "/", &Era::Modern, method, None, json!({}));
        assert_eq!(split(request.with_id(FIRST_ID)).1.get("id"), None);
    }
}
