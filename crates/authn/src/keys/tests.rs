#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

mod fresh;
mod origin;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use portcullis_fetch::{BoxFuture, FetchError};
use portcullis_testkit::idp::{SigningKey, jwks};
use tokio::task::yield_now;
use tokio::time::{Instant, advance};

use super::*;

const KEYS: &str = "https://login.example/keys";

/// What an issuer answers.
#[derive(Clone, Debug)]
enum Answer {
    Keys(String),
    Body(Vec<u8>),
    Status(u16),
    Down,
    Hang,
    Panic,
}

/// An issuer that answers in turn; the last answer stays. Each answer takes a second.
#[derive(Debug, Default)]
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<String>>,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), asked: Mutex::default() })
    }

    /// From now on it answers this.
    fn becomes(&self, answer: Answer) {
        *self.answers.lock().unwrap() = [answer].into();
    }

    fn times(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn keys(self: &Arc<Self>) -> Keys {
        Keys::at(Endpoint::new(KEYS).unwrap(), Arc::clone(self) as _)
    }
}

impl Fetch for Script {
    fn fetch(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, FetchError>> {
        self.asked.lock().unwrap().push(request.uri().to_string());
        let answer = {
            let mut answers = self.answers.lock().unwrap();
            let answer = answers.front().cloned().expect("the script says something");
            if answers.len() > 1 {
                answers.pop_front();
            }
            answer
        };
        Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let response = Response::builder();
            let response = match answer {
                Answer::Keys(text) => response.body(text.into()),
                Answer::Body(bytes) => response.body(bytes.into()),
                Answer::Status(status) => response.status(status).body(Bytes::new()),
                Answer::Down => return Err(FetchError::unreachable("login.example", "nobody listens")),
                Answer::Hang => {
                    tokio::time::sleep(Duration::from_secs(4)).await;
                    return Err(FetchError::timeout("login.example"));
                }
                Answer::Panic => panic!("a client with a flaw"),
            };
            Ok(response.unwrap())
        })
    }
}

/// Lets a second pass, and whatever became due in it happen.
async fn a_second() {
    advance(Duration::from_secs(1)).await;
    for _ in 0..20 {
        yield_now().await;
    }
}

/// Lets time pass second by second.
async fn wait(seconds: u64) {
    for _ in 0..seconds {
        a_second().await;
    }
}

fn key(kid: &str) -> SigningKey {
    SigningKey::es256().kid(kid)
}

fn set(keys: &[&SigningKey]) -> Answer {
    Answer::Keys(jwks(keys))
}

async fn ask(keys: &Keys, kid: &str) -> Result<Arc<PublicKey>, KeysError> {
    keys.find(Some(kid), Algorithm::Es256).await
}

fn later(seconds: u64) -> KeysError {
    KeysError::Unavailable { retry_after: Duration::from_secs(seconds) }
}

/// Whether the key is there without any wait.
fn at_once(keys: &Keys, kid: &str) -> bool {
    use futures_util::FutureExt as _;
    ask(keys, kid).now_or_never().is_some_and(|found| found.is_ok())
}

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_when_first_needed_and_once_for_all_who_wait() {
    let script = Script::new([set(&[&key("a")])]);
    let keys = script.keys();
    keys.watch();
    wait(60).await;
    assert_eq!(script.times(), 0);

    let callers: Vec<_> = (0..100)
        .map(|_| {
            let keys = keys.clone();
            tokio::spawn(async move { ask(&keys, "a").await })
        })
        .collect();
    for caller in callers {
        assert!(caller.await.unwrap().is_ok());
    }
    assert_eq!(script.times(), 1);
    assert_eq!(*script.asked.lock().unwrap(), [KEYS]);
    // From memory, it takes one poll.
    assert!(at_once(&keys, "a"));
    assert_eq!((script.times(), keys.generation()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_does_not_stop_the_fetch() {
    let script = Script::new([set(&[&key("a")])]);
    let keys = script.keys();
    let first = tokio::spawn({
        let keys = keys.clone();
        async move { ask(&keys, "a").await }
    });
    yield_now().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert!(ask(&keys, "a").await.is_ok());
    assert_eq!(script.times(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_first_fetch_is_told_at_once_and_tried_again_after_the_back_off() {
    for bad in [Answer::Down, Answer::Hang, Answer::Status(500), Answer::Panic] {
        let script = Script::new([bad, set(&[&key("a")])]);
        let keys = script.keys();
        assert_eq!(ask(&keys, "a").await, Err(later(5)));

        let before = Instant::now();
        assert_eq!(ask(&keys, "a").await, Err(later(5)));
        wait(3).await;
        assert_eq!(ask(&keys, "b").await, Err(later(2)));
        assert_eq!((before.elapsed().as_secs(), script.times()), (3, 1));

        wait(2).await;
        assert!(ask(&keys, "a").await.is_ok());
        assert_eq!(script.times(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_without_an_end_is_given_up() {
    #[derive(Debug)]
    struct Never;
    impl Fetch for Never {
        fn fetch(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, FetchError>> {
            Box::pin(std::future::pending())
        }
    }
    let keys = Keys::at(Endpoint::new(KEYS).unwrap(), Arc::new(Never));
    let before = Instant::now();
    assert_eq!(ask(&keys, "a").await, Err(later(5)));
    assert_eq!(before.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_causes_one_fetch_per_floor() {
    let (a, b) = (key("a"), key("b"));
    let script = Script::new([set(&[&a]), set(&[&a, &b])]);
    let keys = script.keys();
    // The first fetch is that of this caller, so there is nothing to gain from another.
    assert_eq!(ask(&keys, "b").await, Err(KeysError::Unknown));
    for _ in 0..29 {
        assert_eq!(ask(&keys, "b").await, Err(KeysError::Unknown));
        a_second().await;
    }
    assert_eq!(script.times(), 1);
    a_second().await;

    // Many at once cause one fetch, and a known key does not wait for it.
    let other = keys.clone();
    let made_up = tokio::spawn(async move { ask(&other, "made up").await });
    yield_now().await;
    assert!(at_once(&keys, "a"));
    assert!(ask(&keys, "b").await.is_ok());
    assert_eq!(made_up.await.unwrap(), Err(KeysError::Unknown));
    // A new key takes nothing from earlier verdicts.
    assert_eq!((script.times(), keys.generation()), (2, 0));

    for count in 0..1000 {
        assert_eq!(ask(&keys, &count.to_string()).await, Err(KeysError::Unknown));
    }
    // Nor does the key of another algorithm serve, or cause more.
    assert_eq!(keys.find(Some("a"), Algorithm::Rs256).await, Err(KeysError::Unknown));
    assert_eq!(script.times(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_may_be_there_while_the_issuer_is_down() {
    let script = Script::new([set(&[&key("a")]), Answer::Down]);
    let keys = script.keys();
    assert!(ask(&keys, "a").await.is_ok());
    wait(30).await;
    assert_eq!(ask(&keys, "b").await, Err(later(30)));
    wait(10).await;
    assert_eq!(ask(&keys, "b").await, Err(later(20)));
    assert!(at_once(&keys, "a"));
    assert_eq!(script.times(), 2);
}

#[test]
fn a_runtime_that_ends_leaves_nobody_waiting() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let script = Script::new([set(&[&key("a")])]);
    let keys = script.keys();
    let first = runtime();
    first.block_on(async {
        tokio::select! {
            biased;
            _ = ask(&keys, "a") => panic!("it takes a second"),
            () = yield_now() => {}
        }
    });
    drop(first);
    // It counts as a failed fetch.
    assert!(matches!(runtime().block_on(ask(&keys, "a")), Err(KeysError::Unavailable { .. })));
    assert_eq!(script.times(), 1);
}

#[test]
fn they_can_be_shared_and_show_where_they_come_from() {
    fn shared<T: Send + Sync + fmt::Debug>() {}
    shared::<Keys>();
    shared::<KeysError>();
    shared::<Freshness>();
    assert!(format!("{:?}", Script::new([]).keys()).contains(KEYS));
}
