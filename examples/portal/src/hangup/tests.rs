use std::convert::Infallible;
use std::time::Duration;

use http::{Method, StatusCode};
use http_body_util::BodyExt;
use portcullis_mcp_jsonrpc::{Call, DecodeLayer, Fragment, Message, Reply};
use portcullis_mcp_legacy::front::{Front, FrontLayer};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use super::*;

type Inner = BoxCloneSyncService<Call, Reply, portcullis_mcp_jsonrpc::Failure>;

/// A real front, over a service whose calls tell of progress and never end.
fn stack(end: &CancellationToken) -> HangUp<Front<Inner>> {
    let inner = tower::service_fn(async |call: Call| {
        let result = r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{}}"#;
        Ok(match call.method() {
            "server/discover" => Reply::result(call.id().unwrap(), &Fragment::parse(result).unwrap()),
            _ => {
                let progress = Message::from_notification("notifications/progress", &Fragment::empty());
                let first = futures_util::stream::iter([Ok(progress)]);
                Reply::stream(futures_util::StreamExt::chain(first, futures_util::stream::pending()))
            }
        })
    });
    let layers = (HangUpLayer::new(end.clone()), FrontLayer::new(DecodeLayer::new()));
    layers.layer(BoxCloneSyncService::new(inner))
}

async fn ask(
    stack: &HangUp<Front<Inner>>,
    method: Method,
    more: &[(&str, &str)],
    body: &'static str,
) -> Response<Body> {
    let mut request = Request::builder().method(method).uri("/mcp").header("host", "localhost");
    request = request.header("accept", "application/json, text/event-stream");
    request = request.header("content-type", "application/json");
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    let answer: Result<_, Infallible> = stack.clone().oneshot(request.body(Body::from(body)).unwrap()).await;
    answer.unwrap()
}

/// The first event's id.
async fn first_id(body: &mut Body) -> String {
    let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
    let text = String::from_utf8(frame.to_vec()).unwrap();
    text.strip_prefix("id: ").unwrap().split_once('\n').unwrap().0.to_owned()
}

async fn is_over(body: &mut Body) -> bool {
    let rest = async { while body.frame().await.is_some() {} };
    tokio::time::timeout(Duration::from_millis(1), rest).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn streams_of_changes_end_and_streams_of_calls_do_not_also_when_they_were_taken_up() {
    let end = CancellationToken::new();
    let stack = stack(&end);
    let initialize = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},
        "clientInfo":{"name":"c","version":"1"}}}"#;
    let opened = ask(&stack, Method::POST, &[], initialize).await;
    let session = opened.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    let session = ("mcp-session-id", session.as_str());
    let get = async |id: &str| ask(&stack, Method::GET, &[session, ("last-event-id", id)], "").await;

    let mut changes = get("").await.into_body();
    let changed = first_id(&mut changes).await;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow","_meta":{"progressToken":1}}}"#;
    let mut called = ask(&stack, Method::POST, &[session], call).await.into_body();
    let told = first_id(&mut called).await;
    assert!(!is_over(&mut changes).await && !is_over(&mut called).await);

    // The connections are lost, and both streams are taken up on others.
    drop((changes, called));
    let (mut changes, mut called) = (get(&changed).await.into_body(), get(&told).await.into_body());
    assert!(!is_over(&mut changes).await && !is_over(&mut called).await);
    end.cancel();
    assert!(is_over(&mut changes).await);
    assert!(!is_over(&mut called).await);

    // Whoever comes too late is sent away at once, and can still be told what is wrong.
    assert!(is_over(get("").await.body_mut()).await);
    let missing = ask(&stack, Method::GET, &[("mcp-session-id", "forged")], "").await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
}
