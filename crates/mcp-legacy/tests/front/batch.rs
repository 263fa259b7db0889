//! Several messages at once, as revisions up to 2025-03-26 have them.

use std::time::Duration;

use http::StatusCode;
use portcullis_core::json;
use portcullis_testkit::{Act, read};
use tokio::time::Instant;

use super::client::{Client, call, initialize};
use super::{complete, connected, front};

const RESULT: &str = r#"{"resultType":"complete","content":[]}"#;
const NOTE: &str = r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#;

async fn client(acts: impl IntoIterator<Item = Act>) -> Client {
    Client::connect(front(acts), "2025-03-26").await
}

fn batch(messages: &[String]) -> String {
    format!("[{}]", messages.join(","))
}

#[tokio::test(start_paused = true)]
async fn answers_are_one_array() {
    let client = client([complete(), Act::error(-32602, "No such tool")]).await;
    let response = client.post(batch(&[call(1), NOTE.to_owned(), call(2)])).await;
    assert_eq!(
        (response.status(), &response.headers()["content-type"]),
        (StatusCode::OK, &"application/json".parse().unwrap())
    );
    let (_, body) = read::response(response).await;
    assert_eq!(json::elements(&body).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn requests_run_at_the_same_time() {
    let slow = || Act::result(RESULT).after(Duration::from_secs(5));
    let client = client([slow(), slow(), slow()]).await;
    let start = Instant::now();
    client.post(batch(&[call(1), call(2), call(3)])).await;
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn one_that_streams_makes_all_stream() {
    let client = client([complete(), Act::stream().notify("{}").then_result(RESULT)]).await;
    let all = client.stream(batch(&[call(1), call(2)])).await.rest().await;
    assert_eq!(all.iter().filter(|(_, message)| message.is_answer()).count(), 2);
    assert_eq!(all.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_batch_without_requests_is_taken() {
    let client = client([]).await;
    assert_eq!(client.post(batch(&[NOTE.to_owned(), NOTE.to_owned()])).await.status(), StatusCode::ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_in_a_batch_is_refused_with_all_of_it() {
    let modern = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    let client = client([]).await;
    let probe = client.front.get_ref().probe();
    let cases = [
        ("empty", "[]".to_owned()),
        ("too many", batch(&vec![call(1); 65])),
        ("initialize", batch(&[call(1), initialize("2025-03-26")])),
        ("modern", batch(&[call(1), modern.to_owned()])),
        ("no message", batch(&[call(1), "1".to_owned()])),
        ("nested", batch(&[call(1), batch(&[call(2)])])),
        ("unfinished", format!("[{},", call(1))),
        ("followed by something", format!("[{}] x", call(1))),
        ("an answer to nothing", batch(&[call(1), r#"{"jsonrpc":"2.0","id":9,"result":{}}"#.to_owned()])),
    ];
    for (name, text) in cases {
        assert_eq!(client.post(text).await.status(), StatusCode::BAD_REQUEST, "{name}");
    }
    assert_eq!(probe.calls().len(), 1, "nothing but discover was asked");
}

#[tokio::test(start_paused = true)]
async fn later_revisions_have_none() {
    let client = connected([]).await;
    let (head, answer) = read::message(client.post(batch(&[call(1)])).await).await;
    assert_eq!((head.status, answer.error_code()), (StatusCode::BAD_REQUEST, Some(-32600)));
    let nobody = Client::new(front([]));
    assert_eq!(nobody.post(batch(&[call(1)])).await.status(), StatusCode::BAD_REQUEST);
}
