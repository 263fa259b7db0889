//! Whatever clients of 2025 send, the front answers without a fault of its own, and no id opens what it was not made for.
//!
//! The input is a script: one line is one request. Its first byte says how it is sent and by whom, then come headers, each
//! ended by a bar, then the body. The server inside does what the name of the tool says.
#![no_main]

use std::cell::RefCell;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use libfuzzer_sys::fuzz_target;
use portcullis_core::{Body, Kind, Principal};
use portcullis_mcp_jsonrpc::{
    Call, DecodeLayer, Failure, FailureKind, Fragment, LegacyClient, Message, Reply,
};
use portcullis_mcp_legacy::front::{Front, FrontLayer, Limits};
use portcullis_seal::{Key, KeyRing};
use tokio::runtime::Runtime;
use tower::util::ServiceFn;
use tower::{Layer as _, ServiceExt as _};

type Server = ServiceFn<fn(Call) -> std::future::Ready<Result<Reply, Failure>>>;

/// How many requests of a script are sent.
const MAX_REQUESTS: usize = 24;

/// How many sessions are held. An id that is given up works again, so there are as many as ids.
const MAX_SESSIONS: usize = 3;

/// How much of a response is read before its connection is lost.
const MAX_FRAMES: usize = 32;

/// Marks a request whose session id must open nothing: it was stolen, forged or deleted.
#[derive(Clone)]
struct Stranger;

/// Does what the name of the tool says.
fn answer(call: Call) -> std::future::Ready<Result<Reply, Failure>> {
    if call.extensions().get::<LegacyClient>().is_some() {
        let is_stranger = call.extensions().get::<Stranger>().is_some();
        // Strangers may open sessions of their own, like everybody.
        assert!(
            !is_stranger || call.method() == "server/discover",
            "a stranger was served: {:?}",
            call.message()
        );
        assert_eq!(call.message().protocol_version(), Some("2026-07-28"), "what goes in is modern");
    }
    let result = |text: &'static str| Fragment::parse(text).expect("an object");
    let Some(id) = call.id().cloned() else { return std::future::ready(Ok(Reply::accepted())) };
    let note = || {
        Message::from_notification("notifications/progress", &result(r#"{"progressToken":1,"progress":1}"#))
    };
    let end = || Message::from_result(&id, &result(r#"{"resultType":"complete","content":[]}"#));
    let reply = match (call.method(), call.name()) {
        ("server/discover", _) => Reply::result(
            &id,
            &result(
                r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"public"}"#,
            ),
        ),
        ("subscriptions/listen", _) => {
            let first =
                Message::from_notification("notifications/subscriptions/acknowledged", &Fragment::empty());
            Reply::stream(stream::iter([Ok(first), Ok(note())]))
        }
        ("tasks/get", _) => Reply::result(
            &id,
            &result(
                r#"{"resultType":"complete","taskId":"t","status":"working","createdAt":"x","lastUpdatedAt":"x","ttlMs":null}"#,
            ),
        ),
        (_, Some("stream")) => Reply::stream(stream::iter([Ok(note()), Ok(note()), Ok(end())])),
        (_, Some("break")) => {
            Reply::stream(stream::iter([Ok(note()), Err(Failure::new(FailureKind::Close))]))
        }
        (_, Some("hang")) => Reply::stream(stream::pending()),
        (_, Some("fail")) => return std::future::ready(Err(Failure::new(FailureKind::Unreachable))),
        (_, Some("again")) => {
            Reply::result(&id, &result(r#"{"resultType":"input_required","requestState":"s"}"#))
        }
        (_, Some("ask")) => Reply::result(
            &id,
            &result(
                r#"{"resultType":"input_required","inputRequests":{"a":{"method":"elicitation/create","params":{"mode":"form","message":"m","requestedSchema":{"type":"object","properties":{}}}},"b":{"method":"roots/list"}}}"#,
            ),
        ),
        _ => Reply::message(end()),
    };
    std::future::ready(Ok(reply))
}

/// What all inputs share.
struct Fixture {
    runtime: Runtime,
    layer: FrontLayer,
    /// An id of Alice's for each of three revisions.
    sessions: Vec<String>,
}

thread_local! {
    static FIXTURE: RefCell<Fixture> = RefCell::new(Fixture::new());
}

impl Fixture {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let runtime = runtime.expect("a runtime");
        let keys = KeyRing::new(vec![Key::generate().expect("a key")]).expect("a ring");
        let mut limits = Limits::default();
        (limits.rounds, limits.requests, limits.subscriptions) = (2, 4, 4);
        limits.task_wait = Duration::from_secs(3);
        let layer = FrontLayer::new(DecodeLayer::new().max_body(4096)).keys(keys).limits(limits).max_batch(4);
        let layer = layer.replay_streams(2).replay_events(4).replay_bytes(512).max_sessions(MAX_SESSIONS);
        let front = layer.layer(tower::service_fn(answer as fn(_) -> _));
        let open = |version: &str| {
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{version}","capabilities":{{"elicitation":{{}},"roots":{{}}}},"clientInfo":{{"name":"f","version":"1"}}}}}}"#
            );
            let (response, _) = runtime
                .block_on(exchange(&front, request(&Method::POST, "alice", None, b"", body.as_bytes())));
            let id = response.headers().get("mcp-session-id").expect("a session");
            id.to_str().expect("visible ASCII").to_owned()
        };
        let sessions = ["2025-03-26", "2025-06-18", "2025-11-25"].map(open).to_vec();
        Self { runtime, layer, sessions }
    }
}

fn request(
    method: &Method,
    principal: &str,
    session: Option<&[u8]>,
    headers: &[u8],
    body: &[u8],
) -> Request<Body> {
    let request = Request::builder().method(method).uri("/mcp").header("host", "localhost");
    let request =
        request.header("content-type", "application/json").extension(Principal::new(Kind::User, principal));
    let mut request = request.body(Body::from(Bytes::copy_from_slice(body))).expect("a request");
    let map = request.headers_mut();
    map.insert("accept", HeaderValue::from_static("application/json, text/event-stream"));
    let names = [
        "accept",
        "last-event-id",
        "mcp-protocol-version",
        "mcp-session-id",
        "mcp-method",
        "host",
        "content-type",
    ];
    for header in headers.split(|byte| *byte == b'|') {
        let Some((which, value)) = header.split_first() else { continue };
        let Ok(value) = HeaderValue::from_bytes(value) else { continue };
        let name = names[usize::from(*which) % names.len()];
        if which.is_ascii_uppercase() {
            map.append(name, value);
        } else {
            map.insert(name, value);
        }
    }
    if let Some(value) = session.and_then(|id| HeaderValue::from_bytes(id).ok()) {
        map.insert("mcp-session-id", value);
    }
    request
}

/// The response, and the last event's id in it. A response that goes on is cut off.
async fn exchange(front: &Front<Server>, request: Request<Body>) -> (Response<()>, Option<Vec<u8>>) {
    let Ok(response) = front.clone().oneshot(request).await;
    let (head, mut body) = response.into_parts();
    let mut text = Vec::new();
    for _ in 0..MAX_FRAMES {
        match tokio::time::timeout(Duration::from_secs(40), body.frame()).await {
            Ok(Some(Ok(frame))) => text.extend_from_slice(frame.data_ref().map_or(&b""[..], |data| data)),
            _ => break,
        }
    }
    let mut ids = text.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"id: "));
    let last = ids.next_back().map(<[u8]>::to_vec);
    (Response::from_parts(head, ()), last)
}

fuzz_target!(|data: &[u8]| {
    FIXTURE.with_borrow(|fixture| {
        // A memory of its own, so that an input does the same each time.
        let front = fixture.layer.layer(tower::service_fn(answer as fn(_) -> _));
        fixture.runtime.block_on(run(&front, &fixture.sessions, data));
    });
});

async fn run(front: &Front<Server>, sessions: &[String], data: &[u8]) {
    let mut last_event: Option<Vec<u8>> = None;
    let mut deleted = [false; 4];
    for line in data.split(|byte| *byte == b'\n').take(MAX_REQUESTS) {
        let Some((&how, rest)) = line.split_first() else { continue };
        let (headers, body) =
            rest.split_at(rest.iter().position(|byte| matches!(byte, b'{' | b'[')).unwrap_or(rest.len()));
        let method =
            [Method::POST, Method::GET, Method::DELETE, Method::POST][usize::from(how >> 4) % 4].clone();
        let which = usize::from(how) % 4;
        let id = sessions.get(which).map(String::as_bytes);

        let mut all = vec![];
        if let Some(id) = id {
            all.push((request(&method, "mallory", Some(id), headers, body), true));
            let mut forged = id.to_vec();
            let place = data.len() % forged.len();
            forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
            all.push((request(&method, "alice", Some(&forged), headers, body), true));
        }
        all.push((request(&method, "alice", id, headers, body), deleted[which]));
        for (mut request, is_stranger) in all {
            if is_stranger {
                request.extensions_mut().insert(Stranger);
            }
            let resumes = how & 8 != 0;
            if let Some(id) = last_event.as_deref().filter(|_| resumes)
                && let Ok(id) = HeaderValue::from_bytes(id)
            {
                request.headers_mut().insert("last-event-id", id);
            }
            let (response, last) = exchange(front, request).await;
            let status = response.status();
            assert!(!status.is_server_error(), "{response:?}");
            if is_stranger && method != Method::POST {
                assert!(status.is_client_error(), "{response:?}");
            }
            if !is_stranger {
                last_event = last.or(last_event.take());
                deleted[which] |= id.is_some() && method == Method::DELETE && status == StatusCode::OK;
            }
            assert!(front.sessions() <= MAX_SESSIONS, "no more sessions are held than may be");
        }
    }
}
