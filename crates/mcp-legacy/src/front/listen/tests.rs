#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::collections::VecDeque;
use std::sync::Mutex;

use futures_util::StreamExt;
use portcullis_mcp_jsonrpc::{FailureKind, Fragment};
use portcullis_testkit::{Act, Ask, Probe, Scripted};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;
use crate::front::{Client, Version};

/// What a stream inside is fed with from outside.
type Feed = UnboundedSender<Result<Message, Failure>>;

/// A session whose stream of changes is open, and streams inside that the test feeds.
struct Bench {
    session: Arc<Session>,
    probe: Probe,
    feeds: VecDeque<Feed>,
    reply: Reply,
}

impl Bench {
    /// Each stream is fed by hand; a call too many is a mistake of the test.
    fn fed(streams: usize) -> Self {
        let (feeds, ends): (VecDeque<_>, VecDeque<_>) = (0..streams).map(|_| unbounded_channel()).unzip();
        let ends: Mutex<VecDeque<UnboundedReceiver<Result<Message, Failure>>>> = Mutex::new(ends);
        let act = Act::with(move |_| {
            let end = ends.lock().unwrap().pop_front().expect("a stream for each call");
            let items = futures_util::stream::unfold(end, async |mut end| Some((end.recv().await?, end)));
            Ok(Reply::stream(items))
        });
        Self { feeds, ..Self::new(Scripted::always(act)) }
    }

    fn new(service: Scripted) -> Self {
        let client = Client::new(Version::LATEST, r#"{"name":"c","version":"1"}"#, "{}").unwrap();
        let session = Arc::new(Session::new(client));
        let (_, head) = Ask::tool("t").call().into_parts();
        let probe = service.probe();
        let reply = listen(service, Arc::clone(&session), head, &Limits::default());
        Self { session, probe, feeds: VecDeque::new(), reply }
    }

    fn poll(&mut self) -> Option<Message> {
        match self.reply.poll_message(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => None,
            Poll::Ready(item) => Some(item.expect("the stream has no end").unwrap()),
        }
    }

    fn say(&self, stream: usize, text: &str) {
        let text = format!(r#"{{"jsonrpc":"2.0",{text}}}"#);
        self.feeds[stream].send(Ok(Message::parse(text.into()).unwrap())).unwrap();
    }

    fn acknowledge(&self, stream: usize) {
        self.say(
            stream,
            r#""method":"notifications/subscriptions/acknowledged","params":{"notifications":{}}"#,
        );
    }

    /// The filters that were asked for inside.
    fn filters(&self) -> Vec<String> {
        let filter = |call: &Call| {
            let params = call.message().params().unwrap();
            let range = json::find(params, &["notifications"]).unwrap().unwrap();
            String::from_utf8(params[range].to_vec()).unwrap()
        };
        self.probe.calls().iter().map(filter).collect()
    }
}

const LISTS: &str = r#"{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true"#;
const CHANGED: &str = r#""method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"x"}}"#;

fn updated(uri: &str) -> String {
    format!(
        r#""method":"notifications/resources/updated","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":"x"}},"uri":"{uri}"}}"#
    )
}

#[tokio::test(start_paused = true)]
async fn changes_pass_in_legacy_form_and_the_acknowledgement_does_not() {
    let mut bench = Bench::fed(1);
    assert!(bench.poll().is_none());
    bench.acknowledge(0);
    assert!(bench.poll().is_none());
    bench.say(0, CHANGED);
    bench.say(0, &updated("a:b"));
    let wanted = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{}}"#;
    assert_eq!(bench.poll().unwrap().text(), wanted);
    assert_eq!(bench.poll().unwrap().params(), Some(&br#"{"uri":"a:b"}"#[..]));
    assert!(bench.poll().is_none());
    assert_eq!(bench.filters(), [format!("{LISTS}}}")]);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_in_force_before_it_is_answered_and_nothing_is_missed() {
    let mut bench = Bench::fed(2);
    bench.poll();
    bench.acknowledge(0);
    bench.poll();

    let (session, limits) = (Arc::clone(&bench.session), Limits::default());
    let mut subscribing = pin!(session.subscribe("a:b", &limits));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(subscribing.as_mut().poll(&mut cx).is_pending());
    assert!(bench.poll().is_none());
    assert_eq!(bench.filters()[1], format!(r#"{LISTS},"resourceSubscriptions":["a:b"]}}"#));

    // The old stream goes on until the new one is acknowledged, and what it said last is not lost.
    bench.say(0, CHANGED);
    assert!(bench.poll().is_some());
    assert!(subscribing.as_mut().poll(&mut cx).is_pending());
    bench.say(0, CHANGED);
    bench.acknowledge(1);
    assert!(bench.poll().is_some());
    assert_eq!(subscribing.await, Ok(()));
    assert!(bench.poll().is_none());
    assert!(bench.feeds[0].is_closed() && !bench.feeds[1].is_closed());
    bench.say(1, &updated("a:b"));
    assert!(bench.poll().is_some());
}

#[tokio::test(start_paused = true)]
async fn an_end_of_a_subscription_is_followed_too() {
    let mut bench = Bench::fed(3);
    let limits = Limits::default();
    bench.session.subscribe("a:b", &limits).await.unwrap();
    bench.session.subscribe("c:d", &limits).await.unwrap();
    bench.poll();
    bench.acknowledge(0);
    bench.poll();
    bench.session.unsubscribe("a:b");
    bench.poll();
    bench.acknowledge(1);
    bench.poll();
    let [both, one] =
        [r#"["a:b","c:d"]"#, r#"["c:d"]"#].map(|uris| format!(r#"{LISTS},"resourceSubscriptions":{uris}}}"#));
    assert_eq!(bench.filters(), [both, one]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_is_opened_again_after_a_pause_that_grows() {
    let mut bench = Bench::new(Scripted::always(Act::fail(FailureKind::Unreachable)));
    for (wait, calls) in [(0, 1), (499, 1), (1, 2), (999, 2), (1, 3), (2000, 4), (120_000, 10)] {
        tokio::time::advance(Duration::from_millis(wait)).await;
        while tokio::time::timeout(Duration::ZERO, bench.reply.next()).await.is_ok() {}
        if wait < 100_000 {
            assert_eq!(bench.probe.calls().len(), calls, "after {wait} ms more");
        } else {
            assert!(bench.probe.calls().len() <= calls);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_in_good_order_is_opened_again_too() {
    let mut bench = Bench::fed(2);
    bench.poll();
    bench.acknowledge(0);
    bench.poll();
    bench.feeds[0].send(Ok(Message::from_result(&"x".into(), &Fragment::empty()))).unwrap();
    assert!(bench.poll().is_none());
    tokio::time::advance(FIRST_PAUSE).await;
    assert!(bench.poll().is_none());
    bench.acknowledge(1);
    bench.say(1, CHANGED);
    assert!(bench.poll().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_knows_no_subscriptions_makes_a_silent_stream() {
    let mut bench = Bench::new(Scripted::always(Act::error(code::METHOD_NOT_FOUND, "no")));
    let silence = tokio::time::timeout(Duration::from_secs(86_400), bench.reply.next()).await;
    assert!(silence.is_err(), "open, and silent");
    assert_eq!(bench.probe.calls().len(), 1);

    // Who subscribes does not wait for what cannot be; it is tried once more.
    let started = Instant::now();
    let (session, limits) = (Arc::clone(&bench.session), Limits::default());
    let mut subscribing = pin!(session.subscribe("a:b", &limits));
    assert!(subscribing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    bench.poll();
    assert_eq!((subscribing.await, started.elapsed()), (Ok(()), Duration::ZERO));
    assert_eq!(bench.probe.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_not_acknowledged_is_none() {
    let mut bench = Bench::fed(2);
    bench.poll();
    bench.say(0, CHANGED);
    assert!(bench.poll().is_none());
    assert!(bench.feeds[0].is_closed());
}

#[tokio::test(start_paused = true)]
async fn dropping_the_stream_drops_the_one_inside_and_holds_nobody_up() {
    let mut bench = Bench::fed(1);
    bench.poll();
    bench.acknowledge(0);
    bench.poll();
    let Bench { session, reply, feeds, .. } = bench;
    drop(reply);
    assert!(feeds[0].is_closed());
    let started = Instant::now();
    session.subscribe("a:b", &Limits::default()).await.unwrap();
    assert_eq!(started.elapsed(), Duration::ZERO);
}
