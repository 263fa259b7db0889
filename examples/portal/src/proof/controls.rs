//! The probes of the layers that there are.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderName, Request, StatusCode, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::header::{MCP_METHOD, MCP_NAME, MCP_PROTOCOL_VERSION, MCP_SESSION_ID};
use portcullis_mcp_jsonrpc::{PROTOCOL_VERSION, code};

use super::Probe;
use portcullis_portal::Namespace;

use crate::config::{Limits, Portal};

/// A method that no server has: should a probe pass, it does no harm.
const METHOD: &str = "portcullis/self-test";

/// What an unknown session is answered with.
const SESSION_NOT_FOUND: i64 = -32001;

/// A name that can never be one (RFC 2606).
const FOREIGN: &str = "self-test.invalid";

/// `host`, `allowed_hosts`, `allowed_origins` and their dangerous counterparts: strangers are refused, friends are not.
pub(super) fn hosts(portal: &Portal, _: &Limits) -> Vec<Probe> {
    let hosts = &portal.hosts;
    let mut probes = Vec::new();
    let foreign_origin = format!("https://{FOREIGN}");
    match hosts.any_host {
        true => probes.push(passes("danger_allow_any_host", portal, header::HOST, FOREIGN)),
        false => probes.push(stopped("host check", portal, header::HOST, FOREIGN)),
    }
    match hosts.any_origin {
        true => probes.push(passes("danger_allow_any_origin", portal, header::ORIGIN, &foreign_origin)),
        false => probes.push(stopped("origin check", portal, header::ORIGIN, &foreign_origin)),
    }
    probes.extend(portal.host.iter().map(|host| passes("host", portal, header::HOST, host)));
    probes.extend(hosts.allowed.iter().map(|host| passes("allowed_hosts", portal, header::HOST, host)));
    probes
        .extend(hosts.origins.iter().map(|origin| passes("allowed_origins", portal, header::ORIGIN, origin)));
    probes
}

/// `limits.max_body`.
pub(super) fn limits(portal: &Portal, limits: &Limits) -> Vec<Probe> {
    let body = Body::new(Spaces { left: limits.max_body as u64 + 1 });
    let request = request(portal, METHOD).map(|_| body);
    vec![Probe::refused("limits.max_body", request, StatusCode::PAYLOAD_TOO_LARGE, code::OVERSIZE)]
}

/// What is always in force: one reading of each message, and headers that say what the body says.
pub(super) fn protocol(portal: &Portal, _: &Limits) -> Vec<Probe> {
    let mut mismatch = request(portal, METHOD);
    mismatch.headers_mut().insert(MCP_METHOD, header::HeaderValue::from_static("portcullis/other"));
    let duplicate =
        r#"{"jsonrpc":"2.0","id":1,"method":"portcullis/self-test","\u006dethod":"portcullis/other"}"#;
    let duplicate = request(portal, METHOD).map(|_| Body::from(duplicate));
    let bad = StatusCode::BAD_REQUEST;
    vec![
        Probe::refused("agreement of headers and body", mismatch, bad, code::HEADER_MISMATCH),
        Probe::refused("refusal of duplicate keys", duplicate, bad, code::PARSE_ERROR),
    ]
}

/// The way of clients that know sessions is another one, so what holds on the first must be seen to hold on it too; and an
/// id that was never given out opens nothing.
pub(super) fn sessions(portal: &Portal, limits: &Limits) -> Vec<Probe> {
    let missing = (StatusCode::NOT_FOUND, SESSION_NOT_FOUND);
    let forged = Probe::refused("sessions.keys", legacy(portal), missing.0, missing.1);
    let body = Body::new(Spaces { left: limits.max_body as u64 + 1 });
    let large = legacy(portal).map(|_| body);
    let mut probes = vec![
        forged,
        Probe::refused("limits.max_body in sessions", large, StatusCode::PAYLOAD_TOO_LARGE, code::OVERSIZE),
    ];
    if !portal.hosts.any_host {
        let mut foreign = legacy(portal);
        foreign.headers_mut().insert(header::HOST, header::HeaderValue::from_static(FOREIGN));
        let refused = (StatusCode::FORBIDDEN, code::FORBIDDEN);
        probes.push(Probe::refused("host check in sessions", foreign, refused.0, refused.1));
    }
    probes
}

/// A request of a client of 2025, in a session that nobody opened.
fn legacy(portal: &Portal) -> Request<Body> {
    let mut request = request(portal, METHOD);
    let headers = request.headers_mut();
    headers.remove(MCP_METHOD);
    headers.insert(MCP_PROTOCOL_VERSION, header::HeaderValue::from_static("2025-11-25"));
    headers.insert(MCP_SESSION_ID, header::HeaderValue::from_static("self-test"));
    request.map(|_| Body::from(r#"{"jsonrpc":"2.0","id":1,"method":"portcullis/self-test"}"#))
}

/// `namespace = "always"`: a bare name is nobody's.
pub(super) fn namespace(portal: &Portal, _: &Limits) -> Vec<Probe> {
    if portal.namespace != Namespace::Always {
        return Vec::new();
    }
    let request = with_params(portal, "tools/call", Some("selftest"));
    vec![Probe::refused("namespace", request, StatusCode::OK, code::INVALID_PARAMS)]
}

/// A request that is refused because of one header's value.
fn stopped(control: &'static str, portal: &Portal, name: HeaderName, value: &str) -> Probe {
    Probe::refused(control, with_header(portal, name, value), StatusCode::FORBIDDEN, code::FORBIDDEN)
}

/// A request that is *not* refused because of one header's value, but for another reason further in: that shows that
/// the setting which allows the value was read, and needs no server.
fn passes(control: &'static str, portal: &Portal, name: HeaderName, value: &str) -> Probe {
    let mut request = with_header(portal, name, value);
    request.headers_mut().insert(MCP_METHOD, header::HeaderValue::from_static("portcullis/other"));
    Probe::refused(control, request, StatusCode::BAD_REQUEST, code::HEADER_MISMATCH)
}

fn with_header(portal: &Portal, name: HeaderName, value: &str) -> Request<Body> {
    let mut request = request(portal, METHOD);
    // What is configured was checked to be a host or an origin, which any header can hold.
    if let Ok(value) = value.parse() {
        request.headers_mut().insert(name, value);
    }
    request
}

/// A request that is only refused further in than all controls.
pub(super) fn plain(portal: &Portal) -> Request<Body> {
    request(portal, METHOD)
}

fn request(portal: &Portal, method: &str) -> Request<Body> {
    with_params(portal, method, None)
}

/// A request that every control lets pass.
fn with_params(portal: &Portal, method: &str, name: Option<&str>) -> Request<Body> {
    let named = name.map(|name| format!(r#""name":"{name}","arguments":{{}},"#)).unwrap_or_default();
    let body = format!(
        concat!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{named}"_meta":{{"#,
            r#""io.modelcontextprotocol/protocolVersion":"{version}","#,
            r#""io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
        ),
        method = method,
        named = named,
        version = PROTOCOL_VERSION,
    );
    let host = portal.host.as_deref().unwrap_or("localhost");
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = http::Method::POST;
    let headers = request.headers_mut();
    let mut insert = |header: HeaderName, value: &str| {
        if let Ok(value) = value.parse() {
            headers.insert(header, value);
        }
    };
    insert(header::HOST, host);
    insert(header::CONTENT_TYPE, "application/json");
    insert(header::ACCEPT, "application/json, text/event-stream");
    insert(MCP_PROTOCOL_VERSION, PROTOCOL_VERSION);
    insert(MCP_METHOD, method);
    if let Some(name) = name {
        insert(MCP_NAME, name);
    }
    request
}

/// Up to this size a body does not announce it, so that a limit has to count. A larger one does, so that a proof does
/// not take the memory that a limit allows.
const COUNTED: u64 = 64 * 1024 * 1024;

/// A body of blanks, made as it is read.
struct Spaces {
    left: u64,
}

static PIECE: [u8; 64 * 1024] = [b' '; 64 * 1024];

impl HttpBody for Spaces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let count = self.left.min(PIECE.len() as u64);
        self.left -= count;
        let piece = Bytes::from_static(&PIECE).slice(..usize::try_from(count).unwrap_or(PIECE.len()));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        if self.left > COUNTED { SizeHint::with_exact(self.left) } else { SizeHint::default() }
    }
}
