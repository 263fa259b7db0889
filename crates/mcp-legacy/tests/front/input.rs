//! A server that asks for input, and a client that is asked in the old way.

use http::StatusCode;
use portcullis_testkit::Act;

use super::client::call;
use super::{complete, connected};

fn input_required() -> Act {
    Act::result(
        r#"{"resultType":"input_required","requestState":"s","inputRequests":{"name":{"method":"elicitation/create",
            "params":{"mode":"form","message":"Who?","requestedSchema":{"type":"object","properties":{}}}}}}"#,
    )
}

#[tokio::test(start_paused = true)]
async fn the_client_is_asked_on_the_stream_and_its_posted_answer_completes_the_call() {
    let client = connected([input_required(), complete()]).await;
    let mut events = client.stream(call(1)).await;
    events.next().await.unwrap();
    let (_, asked) = events.next().await.unwrap();
    let asked = asked.unwrap();
    assert_eq!(asked.method(), Some("elicitation/create"));
    let id = asked.id().unwrap().to_json();
    let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"action":"accept","content":{{}}}}}}"#);
    assert_eq!(client.post(answer.clone()).await.status(), StatusCode::ACCEPTED);
    assert_eq!(client.post(answer).await.status(), StatusCode::BAD_REQUEST, "it was answered");
    let rest = events.rest().await;
    assert_eq!(rest.last().unwrap().1.result(), Some(&br#"{"content":[]}"#[..]));
    let calls = client.front.get_ref().probe().calls();
    assert!(calls[2].message().text().windows(16).any(|window| window == br#""requestState":""#));
}

/// The request to the client may be among what a lost connection swallowed.
#[tokio::test(start_paused = true)]
async fn the_client_can_lose_its_connection_before_it_answers() {
    let client = connected([input_required(), complete()]).await;
    let mut events = client.stream(call(1)).await;
    let (primed, _) = events.next().await.unwrap();
    drop(events);
    let mut again = super::Events::of(client.get(Some(&primed)).await);
    again.next().await.unwrap();
    let asked = again.next().await.unwrap().1.unwrap();
    drop(again);
    let answer = format!(
        r#"{{"jsonrpc":"2.0","id":{},"result":{{"action":"decline"}}}}"#,
        asked.id().unwrap().to_json()
    );
    assert_eq!(client.post(answer).await.status(), StatusCode::ACCEPTED);
    let rest = super::Events::of(client.get(Some(&primed)).await).rest().await;
    assert!(rest.last().unwrap().1.result().is_some());
}
