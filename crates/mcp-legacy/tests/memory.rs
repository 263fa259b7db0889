//! What idle sessions cost, measured as the growth of this process.
#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use http::{Request, Response, StatusCode};
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::{Call, DecodeLayer, Failure, Fragment, Reply};
use portcullis_mcp_legacy::front::FrontLayer;
use tower::{Layer, Service, ServiceExt as _};

/// A real client's: the longest that the SDKs send of themselves.
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25",
    "capabilities":{"elicitation":{"form":{},"url":{}},"roots":{"listChanged":true},"sampling":{"tools":{}}},
    "clientInfo":{"name":"a-client-of-an-editor","title":"A client of an editor","version":"1.102.3"}}}"#;

const SET_LEVEL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"warning"}}"#;

async fn server(call: Call) -> Result<Reply, Failure> {
    let discovered =
        r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"logging":{}}}"#;
    let result = Fragment::parse(discovered).unwrap();
    if call.method() == "subscriptions/listen" {
        return Ok(Reply::stream(futures_util::stream::pending()));
    }
    Ok(Reply::result(call.id().unwrap(), &result))
}

async fn send<F>(front: &F, session: Option<&str>, method: &str, text: &'static str) -> Response<Body>
where
    F: Service<Request<Body>, Response = Response<Body>, Error = std::convert::Infallible> + Clone,
{
    let mut request = Request::builder().method(method).uri("/mcp").header("host", "localhost");
    request = request.header("content-type", "application/json");
    if let Some(session) = session {
        request = request.header("mcp-session-id", session);
    }
    let request =
        request.header("accept", "application/json, text/event-stream").body(Body::from(text)).unwrap();
    let Ok(response) = front.clone().oneshot(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    response
}

/// Opens sessions, lets `live` do something in each, and says by how many bytes per session the process has grown.
async fn cost<F, L, T>(front: &F, sessions: usize, mut live: L) -> (u64, Vec<T>)
where
    F: Service<Request<Body>, Response = Response<Body>, Error = std::convert::Infallible> + Clone,
    L: AsyncFnMut(&F, &str) -> T,
{
    let mut held = Vec::with_capacity(2 * sessions);
    let mut before = 0;
    // The first ones fill the allocator's reserves, which would otherwise hide what the others take.
    for number in 0..sessions + sessions / 5 {
        if number == sessions / 5 {
            before = resident();
        }
        let opened = send(front, None, "POST", INITIALIZE).await;
        let session = opened.headers()["mcp-session-id"].to_str().unwrap();
        held.push(live(front, session).await);
    }
    (resident().saturating_sub(before) / sessions as u64, held)
}

/// The memory of this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024
}

/// One test, since tests of one process would measure each other.
#[tokio::test]
async fn an_idle_session_costs_less_than_two_kilobytes() {
    let front = FrontLayer::new(DecodeLayer::new()).layer(tower::service_fn(server));

    let (bytes, _) = cost(&front, 1_000, async |_: &_, _: &str| ()).await;
    println!("a session that has done nothing: {bytes} bytes");
    assert_eq!(front.sessions(), 0);
    assert!(bytes < 64, "{bytes}");

    let set_level = async |front: &_, session: &str| {
        send(front, Some(session), "POST", SET_LEVEL).await;
    };
    let (bytes, _) = cost(&front, 10_000, set_level).await;
    println!("a session that holds a log level: {bytes} bytes");
    assert_eq!(front.sessions(), 12_000);
    assert!(bytes < 2048, "{bytes}");

    let listen = async |front: &_, session: &str| {
        let mut body = send(front, Some(session), "GET", "").await.into_body();
        // The comment that it begins with.
        http_body_util::BodyExt::frame(&mut body).await.unwrap().unwrap();
        body
    };
    let (bytes, held) = cost(&front, 1_000, listen).await;
    println!("a session that listens: {bytes} bytes");
    assert_eq!(front.sessions(), 13_200);
    drop(held);
}
