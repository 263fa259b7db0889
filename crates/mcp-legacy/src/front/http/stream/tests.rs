#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::future::poll_fn;

use futures_util::StreamExt as _;
use portcullis_mcp_jsonrpc::{Failure, Fragment, Id, Reply};
use portcullis_testkit::Watch;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::*;
use crate::front::http::outbox::Bounds;

const MANNERS: Manners = Manners {
    keep_alive: Duration::from_secs(15),
    grace: Duration::from_secs(60),
    retry: Some(Duration::from_secs(1)),
    resumable: true,
};

/// A stream, what feeds it, and what tells whether its reply is still alive.
fn stream(events: usize) -> (Arc<Stream>, UnboundedSender<Message>, Watch) {
    let (say, said) = unbounded_channel::<Message>();
    let watch = Watch::new();
    let said = futures_util::stream::unfold((said, watch.guard()), |(mut said, guard)| async move {
        Some((Ok::<_, Failure>(said.recv().await?), (said, guard)))
    });
    let bounds = Bounds { events, bytes: 1 << 20, total: usize::MAX, held: Arc::default() };
    let source = Source::reply(Reply::stream(said.boxed()), None);
    (Arc::new(Stream::new(Outbox::new("s".into(), bounds), MANNERS, None, source)), say, watch)
}

fn notification() -> Message {
    Message::from_notification("m", &Fragment::empty())
}

async fn send(hold: &Hold) -> (Found, String) {
    let mut chunks = VecDeque::new();
    let found = poll_fn(|cx| hold.poll_send(cx, &mut chunks)).await;
    (found, String::from_utf8(Vec::from(chunks).concat()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn hands_over_what_comes_and_ends_after_the_answer() {
    let (stream, say, watch) = stream(10);
    let hold = stream.hold();
    say.send(notification()).unwrap();
    let (found, text) = send(&hold).await;
    assert!(found == Found::More && text.starts_with("id: s.1\n"), "{text}");
    say.send(Message::from_result(&Id::from(1), &Fragment::empty())).unwrap();
    assert!(send(&hold).await.1.starts_with("id: s.2\n"));
    assert_eq!(send(&hold).await.0, Found::End);
    assert_eq!(watch.live(), 0);
    assert!(stream.is_spent());
}

#[tokio::test(start_paused = true)]
async fn a_newer_holder_takes_over() {
    let (stream, say, _) = stream(10);
    let old = stream.hold();
    let (waiting, new) = (tokio::spawn(async move { send(&old).await.0 }), {
        tokio::task::yield_now().await;
        stream.hold()
    });
    assert_eq!(waiting.await.unwrap(), Found::Superseded);
    say.send(notification()).unwrap();
    assert_eq!(send(&new).await.0, Found::More);
}

#[tokio::test(start_paused = true)]
async fn a_call_goes_on_without_a_reader_until_nobody_comes_back() {
    let (stream, say, watch) = stream(10);
    stream.hold().leave();
    say.send(notification()).unwrap();
    tokio::time::sleep(Duration::from_secs(59)).await;
    let hold = stream.hold();
    assert!(send(&hold).await.1.starts_with("id: s.1\n"));
    hold.leave();
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(watch.live(), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(watch.live(), 0, "cancelled");
    assert!(stream.resume(1).is_err() && stream.resume(0).is_err());
    assert_eq!(send(&stream.hold()).await.0, Found::End);
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_was_taken_over_from_leaves_no_trace() {
    let (stream, _say, watch) = stream(10);
    let old = stream.hold();
    let _new = stream.hold();
    old.leave();
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(watch.live(), 1);
}

#[tokio::test(start_paused = true)]
async fn reads_no_further_than_there_is_room_while_nobody_reads() {
    let (stream, say, _) = stream(10);
    for _ in 0..100 {
        say.send(notification()).unwrap();
    }
    stream.hold().leave();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let hold = stream.hold();
    let mut text = send(&hold).await.1;
    let held = text.matches("data: ").count();
    assert!((10..=11).contains(&held), "{held}");
    while text.matches("data: ").count() < 100 {
        text.push_str(&send(&hold).await.1);
    }
    let expected: Vec<_> = (1..=100).map(|number| format!("id: s.{number}")).collect();
    assert_eq!(text.lines().filter(|line| line.starts_with("id")).collect::<Vec<_>>(), expected);
}

#[tokio::test(start_paused = true)]
async fn what_ended_unread_can_be_read_later() {
    let (stream, say, watch) = stream(10);
    stream.hold().leave();
    say.send(notification()).unwrap();
    say.send(Message::from_result(&Id::from(1), &Fragment::empty())).unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(watch.live(), 0);
    let hold = stream.resume(0).unwrap();
    assert_eq!(send(&hold).await.1.matches("data: ").count(), 2);
    assert_eq!(send(&hold).await.0, Found::End);
    let again = stream.resume(1).unwrap();
    assert!(send(&again).await.1.starts_with("id: s.2\n"));
}

#[tokio::test(start_paused = true)]
async fn events_that_are_gathered_when_the_reader_leaves_are_not_lost() {
    let (stream, say, _) = stream(10);
    let hold = stream.hold();
    say.send(notification()).unwrap();
    let mut chunks = VecDeque::new();
    let polled = poll_fn(|cx| Poll::Ready(hold.poll_send(cx, &mut chunks))).await;
    assert!(polled.is_pending() && hold.is_gathering());
    hold.leave();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(send(&stream.hold()).await.1.starts_with("id: s.1\n"));
}
