#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use futures_util::StreamExt;
use portcullis_mcp_jsonrpc::{FailureKind, Fragment};
use portcullis_testkit::Watch;

use super::*;

fn note(number: u8) -> Message {
    Message::from_notification(&format!("n/{number}"), &Fragment::empty())
}

#[tokio::test]
async fn messages_come_in_order_and_the_last_one_last() {
    let reply = flow(async |out: Out| {
        for number in 0..5 {
            out.send(note(number)).await;
        }
        Some(Err(Failure::new(FailureKind::Close)))
    });
    let items: Vec<_> = reply.collect().await;
    let methods: Vec<_> =
        items.iter().flatten().map(|message| message.method().unwrap().to_owned()).collect();
    assert_eq!(methods, ["n/0", "n/1", "n/2", "n/3", "n/4"]);
    assert!(items.last().unwrap().is_err());
}

#[tokio::test]
async fn a_story_goes_no_further_than_it_is_read() {
    let watch = Watch::new();
    let (first, second) = (watch.guard(), watch.guard());
    let mut reply = flow(async move |out: Out| {
        out.send(note(0)).await;
        first.finish();
        out.send(note(1)).await;
        second.finish();
        None
    });
    assert!(reply.next().await.is_some());
    assert_eq!(watch.finished(), 0, "the first message is read, and nothing more");
    assert!(reply.next().await.is_some());
    assert_eq!(watch.finished(), 1);
    drop(reply);
    assert_eq!((watch.finished(), watch.dropped()), (1, 1));
}

#[tokio::test]
async fn what_a_story_held_is_gone_with_its_last_message() {
    let watch = Watch::new();
    let guard = watch.guard();
    let mut reply = flow(async move |_out: Out| {
        let _held = guard;
        Some(Ok(note(0)))
    });
    assert!(reply.next().await.is_some());
    assert_eq!(watch.live(), 0);
    assert!(reply.next().await.is_none());
}
