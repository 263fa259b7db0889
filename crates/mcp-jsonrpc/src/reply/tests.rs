use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::stream;
use portcullis_core::{Answer, End, Inspect, Reason, Refusal, Step, Trail, Verdict};

use super::{Reply, ReplyTo};
use crate::{Failure, FailureKind, Fragment, Id, Message, code};

fn note() -> Message {
    Message::from_notification("notifications/progress", &Fragment::empty())
}

fn answer() -> Message {
    Message::from_result(&Id::from(1), &Fragment::empty())
}

fn failure() -> Failure {
    Failure::new(FailureKind::Close)
}

fn many(items: Vec<Result<Message, Failure>>) -> Reply {
    Reply::stream(stream::iter(items))
}

fn to(trail: &Trail) -> ReplyTo {
    ReplyTo::new("test", Some(Id::from(1)), Some(trail.clone()))
}

/// What is ready, one letter each: a notification, a result, an error, a failure; and a dot at the end.
fn drain(reply: &mut Reply) -> String {
    let mut read = String::new();
    loop {
        match reply.poll_message(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Ok(message))) if message.error_code().is_some() => read.push('E'),
            Poll::Ready(Some(Ok(message))) if message.is_answer() => read.push('R'),
            Poll::Ready(Some(Ok(_))) => read.push('n'),
            Poll::Ready(Some(Err(_))) => read.push('!'),
            Poll::Ready(None) => {
                read.push('.');
                return read;
            }
            Poll::Pending => return read,
        }
    }
}

#[test]
fn nothing_comes_after_the_answer_or_a_failure() {
    for (name, mut reply, read) in [
        ("accepted", Reply::accepted(), "."),
        ("one", Reply::message(answer()), "R."),
        ("one notification", Reply::message(note()), "n."),
        ("an empty stream", many(vec![]), "."),
        ("a stream", many(vec![Ok(note()), Ok(note()), Ok(answer())]), "nnR."),
        ("two answers", many(vec![Ok(answer()), Ok(answer())]), "R."),
        ("more after the answer", many(vec![Ok(answer()), Ok(note())]), "R."),
        ("more after a failure", many(vec![Ok(note()), Err(failure()), Ok(answer())]), "n!."),
        ("no answer", many(vec![Ok(note())]), "n."),
    ] {
        assert_eq!(drain(&mut reply), read, "{name}");
        assert!(reply.is_empty(), "{name}");
        assert_eq!(drain(&mut reply), ".", "{name}, asked again");
    }
}

/// The answer is the last thing anybody needs from the server, so the stream behind it is dropped with it.
#[test]
fn the_stream_is_dropped_with_the_answer() {
    let held = Arc::new(());
    let guard = Arc::clone(&held);
    let endless = stream::repeat_with(move || {
        let _ = &guard;
        Ok(answer())
    });
    let mut reply = Reply::stream(endless);
    assert_eq!(Arc::strong_count(&held), 2);
    assert!(reply.poll_message(&mut Context::from_waker(Waker::noop())).is_ready());
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn a_reply_of_one_can_be_looked_at_without_reading_it() {
    let mut one = Reply::message(answer());
    assert!(one.as_single().is_some() && !one.is_empty());
    drain(&mut one);
    assert!(one.as_single().is_none() && one.is_empty());
    assert!(many(vec![Ok(answer())]).as_single().is_none());
    assert!(Reply::accepted().as_single().is_none());
}

#[test]
fn refusals_say_why_and_leave_a_line() {
    for (reason, code) in [
        (Reason::Authenticate, code::UNAUTHENTICATED),
        (Reason::Forbid, code::FORBIDDEN),
        (Reason::WantScope, code::FORBIDDEN),
        (Reason::WantApproval, code::FORBIDDEN),
        (Reason::Hide, code::INVALID_PARAMS),
        (Reason::Malform, code::INVALID_PARAMS),
        (Reason::Oversize, code::OVERSIZE),
        (Reason::Exhaust, code::EXHAUSTED),
        (Reason::Unavailable, code::UNAVAILABLE),
    ] {
        let trail = Trail::new();
        let refusal = Refusal::new(reason, "Say \"please\".")
            .with_detail("rule 7")
            .with_retry_after(Duration::from_millis(1500));
        let reply = Reply::refuse(&to(&trail), refusal.clone());
        let message = reply.as_single().unwrap();
        assert_eq!(message.error_code(), Some(code), "{reason:?}");
        let text = std::str::from_utf8(message.text()).unwrap();
        assert!(text.contains(r#""message":"Say \"please\".""#), "{text}");
        assert!(
            text.contains(&format!(r#""data":{{"reason":"{}","retryAfterMs":1500}}"#, reason.as_str())),
            "{text}"
        );
        assert!(!text.contains("rule 7"), "{text}");
        assert_eq!(reply.extensions().get(), Some(&refusal));
        assert_eq!(trail.refusal(), Some(refusal));
        assert_eq!(trail.entries()[0].layer(), "test");
    }
}

/// What an inspector saw: a letter for each message, and how the reply ended.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

struct Inspector {
    log: Log,
    step: fn(Message) -> Step<Message>,
}

impl Log {
    fn push(&self, letter: char) {
        self.0.lock().unwrap().push(letter);
    }

    fn read(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

impl Inspect<Message> for Inspector {
    fn message(&mut self, message: Message) -> Step<Message> {
        self.log.push(if message.is_answer() { 'R' } else { 'n' });
        (self.step)(message)
    }

    fn end(&mut self, end: End<'_>) {
        self.log.push(match end {
            End::Complete => '.',
            End::Fail(_) => '!',
            _ => 'x',
        });
    }
}

fn refuse_answers(message: Message) -> Step<Message> {
    match message.is_answer() {
        true => Step::Refuse(Refusal::new(Reason::Forbid, "No.")),
        false => Step::Forward(message),
    }
}

fn withhold_notes(message: Message) -> Step<Message> {
    if message.is_answer() { Step::Forward(message) } else { Step::Withhold }
}

#[test]
fn an_inspector_sees_each_message_once_and_one_end() {
    let stream = || many(vec![Ok(note()), Ok(note()), Ok(answer()), Ok(note())]);
    let pending =
        || Reply::stream(futures_util::StreamExt::chain(stream::iter([Ok(note())]), stream::pending()));
    let broken = || many(vec![Ok(note()), Err(failure()), Ok(answer())]);
    type Judge = fn(Message) -> Step<Message>;
    let forward: Judge = Step::Forward;
    for (name, reply, step, read, seen) in [
        ("none", Reply::accepted(), forward, ".", "."),
        ("one", Reply::message(answer()), forward, "R.", "R."),
        ("a stream", stream(), forward, "nnR.", "nnR."),
        ("a stream without an answer", many(vec![Ok(note())]), forward, "n.", "n."),
        ("a stream that breaks off", broken(), forward, "n!.", "n!"),
        ("a stream that is dropped", pending(), forward, "n", "nx"),
        ("one is refused", Reply::message(answer()), refuse_answers, "E.", "R!"),
        ("the answer is refused", stream(), refuse_answers, "nnE.", "nnR!"),
        ("a message is refused", stream(), |_| Step::Refuse(Refusal::new(Reason::Forbid, "No.")), "E.", "n!"),
        ("one is withheld", Reply::message(answer()), |_| Step::Withhold, ".", "R."),
        ("notifications are withheld", stream(), withhold_notes, "R.", "nnR."),
        ("all is withheld", stream(), |_| Step::Withhold, ".", "nnR."),
    ] {
        let log = Log::default();
        let mut inspected = reply.inspect(to(&Trail::new()), Inspector { log: log.clone(), step });
        assert_eq!(drain(&mut inspected), read, "{name}");
        drop(inspected);
        assert_eq!(log.read(), seen, "{name}");
    }
}

#[test]
fn an_inspector_learns_of_a_reply_that_nobody_reads() {
    let log = Log::default();
    drop(
        many(vec![Ok(note())])
            .inspect(to(&Trail::new()), Inspector { log: log.clone(), step: Step::Forward }),
    );
    assert_eq!(log.read(), "x");
}

/// Judged one at a time, as they are read: nothing is held, nothing is read ahead.
#[test]
fn inspection_keeps_the_pace_of_the_reader() {
    let log = Log::default();
    let stream = many(vec![Ok(note()), Ok(note()), Ok(answer())]);
    let mut inspected =
        stream.inspect(to(&Trail::new()), Inspector { log: log.clone(), step: Step::Forward });
    assert_eq!(log.read(), "");
    assert!(inspected.poll_message(&mut Context::from_waker(Waker::noop())).is_ready());
    assert_eq!(log.read(), "n");
}

#[test]
fn what_is_attached_outlives_an_inspection() {
    for reply in [Reply::accepted(), Reply::message(answer()), many(vec![Ok(answer())])] {
        let reply = reply.with_status(http::StatusCode::NOT_FOUND);
        let inspected = reply.inspect(to(&Trail::new()), Step::Forward);
        assert_eq!(inspected.extensions().get(), Some(&http::StatusCode::NOT_FOUND));
    }
}

#[test]
fn a_refusal_of_an_answer_is_addressed_and_on_the_trail() {
    let trail = Trail::new();
    let inspected = Reply::message(answer()).inspect(to(&trail), refuse_answers);
    let message = inspected.as_single().unwrap();
    assert_eq!((message.id(), message.error_code()), (Some(&Id::from(1)), Some(code::FORBIDDEN)));
    assert!(matches!(trail.entries()[0].verdict(), Verdict::Refuse(_)));
}
