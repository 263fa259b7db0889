//! What the upstream answers to each method.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::body::Script;
use super::{Arguments, Params, State};

/// Longer texts are refused.
const MAX_TEXT: usize = 4 * 1024 * 1024;
const MAX_NOTIFICATIONS: usize = 1000;
const MAX_DELAY: Duration = Duration::from_secs(10);
/// Rare, so that idle streams cost what holding them costs and not what writing to them costs.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Up to this size a reply is copied into one buffer, which is cheaper than a vectored write of its parts.
const SMALL: usize = 16 * 1024;

/// One line of reply text as it stands in JSON: prose with escapes in it, because text without any flatters whoever
/// looks for the end of a string.
const LINE: &str = r#"A tool's reply is prose, \"quoted\" words and line ends, like so.\n"#;
/// The longest text, of which every reply takes a prefix without copying it.
static TEXT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(LINE.repeat(MAX_TEXT / LINE.len())));
/// Fills up what is left after the last whole line.
static FILL: [u8; LINE.len()] = [b'.'; LINE.len()];

const INFO: &str = r#"{"name":"load-upstream","version":"1.0.0"}"#;
const TOOL: &str = r#"{"name":"echo","description":"Answers as its arguments say.","inputSchema":{"type":"object","properties":{"bytes":{"type":"integer"},"notifications":{"type":"integer"},"paced":{"type":"boolean"},"delayMs":{"type":"integer"},"waiting":{"type":"boolean"}}}}"#;

/// Answers the request `id` that asks for `method`.
pub(super) async fn answer(id: &str, method: &str, params: &Params<'_>, state: &State) -> Response<Script> {
    match method {
        "tools/call" => call(id, params, state).await,
        "server/discover" => result(
            id,
            &format!(
                r#""resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{{"tools":{{"listChanged":true}}}},"ttlMs":60000,"cacheScope":"public","_meta":{{"io.modelcontextprotocol/serverInfo":{INFO}}}"#
            ),
        ),
        "tools/list" => result(
            id,
            &format!(r#""resultType":"complete","tools":[{TOOL}],"ttlMs":60000,"cacheScope":"public""#),
        ),
        "subscriptions/listen" => listen(id, params),
        "initialize" => initialize(id, params),
        "ping" => result(id, ""),
        _ => refusal(StatusCode::NOT_FOUND, id, -32601, "method not found"),
    }
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Response<Script> {
    let mut response = Response::new(Script::whole([]));
    *response.status_mut() = status;
    response
}

/// A JSON-RPC error.
pub(super) fn refusal(status: StatusCode, id: &str, code: i32, message: &str) -> Response<Script> {
    let mut response = json([Bytes::from(format!(
        r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"{message}"}}}}"#
    ))]);
    *response.status_mut() = status;
    response
}

fn result(id: &str, members: &str) -> Response<Script> {
    json([Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{{members}}}}}"#))])
}

fn json(parts: impl IntoIterator<Item = Bytes>) -> Response<Script> {
    let mut response = Response::new(Script::whole(parts));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn sse(script: Script) -> Response<Script> {
    let mut response = Response::new(script);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// 2025-11-25. The session id is the same for everyone: nothing is kept under it, but some clients send one call
/// after the other until they have one.
fn initialize(id: &str, params: &Params<'_>) -> Response<Script> {
    let known = |version: &&str| ["2025-03-26", "2025-06-18", "2025-11-25"].contains(version);
    let version = params.protocol_version.filter(known).unwrap_or("2025-11-25");
    let mut response = result(
        id,
        &format!(r#""protocolVersion":"{version}","capabilities":{{"tools":{{}}}},"serverInfo":{INFO}"#),
    );
    response
        .headers_mut()
        .insert(HeaderName::from_static("mcp-session-id"), HeaderValue::from_static("load-upstream-session"));
    response
}

fn listen(id: &str, params: &Params<'_>) -> Response<Script> {
    let filter = params.notifications.map_or("{}", |filter| filter.get());
    let acknowledged = format!(
        "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/acknowledged\",\"params\":{{\"_meta\":{{\"io.modelcontextprotocol/subscriptionId\":{id}}},\"notifications\":{filter}}}}}\n\n"
    );
    sse(Script::open(Bytes::from(acknowledged), KEEP_ALIVE))
}

async fn call(id: &str, params: &Params<'_>, state: &State) -> Response<Script> {
    let Arguments { bytes, notifications, paced, delay_ms, waiting } = params.arguments;
    if bytes > MAX_TEXT || notifications > MAX_NOTIFICATIONS {
        return refusal(StatusCode::OK, id, -32602, "too much asked for");
    }
    if waiting {
        let count = state.waiting.load(Ordering::Relaxed);
        return json(text_result(id, Bytes::from(count.to_string()), Bytes::new(), ""));
    }
    if delay_ms > 0 {
        let _waiting = Waiting::enter(&state.waiting);
        tokio::time::sleep(Duration::from_millis(delay_ms).min(MAX_DELAY)).await;
    }
    let lines = TEXT.slice(..bytes - bytes % LINE.len());
    let fill = Bytes::from_static(&FILL).slice(..bytes % LINE.len());
    if notifications == 0 {
        return json(text_result(id, lines, fill, ""));
    }
    let token = params.meta.progress_token.map(|token| token.get());
    let progress = token.into_iter().flat_map(|token| {
        (1..=notifications).map(move |step| {
            Bytes::from(format!(
                "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{{\"progressToken\":{token},\"progress\":{step},\"total\":{notifications},\"message\":\"working on it\"}}}}\n\n"
            ))
        })
    });
    let last = [vec![Bytes::from_static(b"data: ")], text_result(id, lines, fill, "\n\n")].concat();
    sse(Script::stream(progress.chain(compact(last)), paced))
}

/// A complete text result, in parts that share their memory with [`TEXT`] where that is worth it.
fn text_result(id: &str, lines: Bytes, fill: Bytes, end: &str) -> Vec<Bytes> {
    let head = format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete","content":[{{"type":"text","text":""#
    );
    let tail = format!("\"}}],\"isError\":false}}}}{end}");
    compact(vec![Bytes::from(head), lines, fill, Bytes::from(tail)])
}

/// Joins parts that are small.
fn compact(parts: Vec<Bytes>) -> Vec<Bytes> {
    if parts.iter().map(Bytes::len).sum::<usize>() > SMALL {
        return parts;
    }
    vec![Bytes::from(parts.concat())]
}

/// Counts a delayed call for as long as someone waits for it.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
