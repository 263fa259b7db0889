use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use futures_util::stream;
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Fragment, Id, Message, Reply};

use crate::{Guard, Watch};

/// What a [`Scripted`](crate::Scripted) service does with one call.
///
/// Answers carry the id of the call they answer, so one act serves any caller.
///
/// ```
/// use std::time::Duration;
/// use portcullis_mcp_jsonrpc::FailureKind;
/// use portcullis_testkit::Act;
///
/// let _quick = Act::result(r#"{"content":[]}"#);
/// let _slow = Act::result("{}").after(Duration::from_secs(40));
/// let _stream = Act::stream().notify(r#"{"progress":1}"#).pending().notify("{}").then_fail(FailureKind::Close);
/// ```
#[derive(Clone, Debug)]
#[must_use = "an act does nothing until a service is given it"]
pub struct Act {
    delay: Option<Duration>,
    outcome: Outcome,
}

type Compute = dyn Fn(&Call) -> Result<Reply, Failure> + Send + Sync;

#[derive(Clone)]
enum Outcome {
    Accept,
    Say(Say),
    Stream(VecDeque<Step>),
    Compute(Arc<Compute>),
    Fail(FailureKind),
    Hang,
}

#[derive(Clone, Debug)]
enum Step {
    Say(Say),
    Yield,
    Wait(Duration),
    Fail(FailureKind),
    Hang,
}

#[derive(Clone, Debug)]
enum Say {
    Notification(Fragment),
    Result(Fragment),
    Error(i64, &'static str),
}

impl Act {
    fn new(outcome: Outcome) -> Self {
        Self { delay: None, outcome }
    }

    /// Takes a notification.
    pub fn accept() -> Self {
        Self::new(Outcome::Accept)
    }

    /// Answers with this result and nothing else.
    pub fn result(result: &str) -> Self {
        Self::new(Outcome::Say(Say::Result(fragment(result))))
    }

    /// Answers with this error and nothing else.
    pub fn error(code: i64, text: &'static str) -> Self {
        Self::new(Outcome::Say(Say::Error(code, text)))
    }

    /// Answers with a stream, which the setters fill. It ends where the script does.
    pub fn stream() -> Self {
        Self::new(Outcome::Stream(VecDeque::new()))
    }

    /// Answers with what `answer` makes of the call.
    pub fn with(answer: impl Fn(&Call) -> Result<Reply, Failure> + Send + Sync + 'static) -> Self {
        Self::new(Outcome::Compute(Arc::new(answer)))
    }

    /// Fails instead of answering.
    pub fn fail(kind: FailureKind) -> Self {
        Self::new(Outcome::Fail(kind))
    }

    /// Never answers.
    pub fn hang() -> Self {
        Self::new(Outcome::Hang)
    }

    /// Waits before it begins.
    pub fn after(mut self, time: Duration) -> Self {
        self.delay = Some(time);
        self
    }

    /// In a stream: then a `notifications/progress` with these params.
    pub fn notify(self, params: &str) -> Self {
        self.then(Step::Say(Say::Notification(fragment(params))))
    }

    /// In a stream: then pending once; the reader is woken at once.
    pub fn pending(self) -> Self {
        self.then(Step::Yield)
    }

    /// In a stream: then nothing for a while.
    pub fn wait(self, time: Duration) -> Self {
        self.then(Step::Wait(time))
    }

    /// In a stream: then the result.
    pub fn then_result(self, result: &str) -> Self {
        self.then(Step::Say(Say::Result(fragment(result))))
    }

    /// In a stream: then an error as the answer.
    pub fn then_error(self, code: i64, text: &'static str) -> Self {
        self.then(Step::Say(Say::Error(code, text)))
    }

    /// In a stream: then it breaks off.
    pub fn then_fail(self, kind: FailureKind) -> Self {
        self.then(Step::Fail(kind))
    }

    /// In a stream: then nothing, for ever.
    pub fn then_hang(self) -> Self {
        self.then(Step::Hang)
    }

    fn then(mut self, step: Step) -> Self {
        match &mut self.outcome {
            Outcome::Stream(steps) => steps.push_back(step),
            _ => panic!("only Act::stream() goes on after its first step"),
        }
        self
    }

    pub(crate) async fn play(self, call: &Call, streams: &Watch) -> Result<Reply, Failure> {
        if let Some(time) = self.delay {
            tokio::time::sleep(time).await;
        }
        match self.outcome {
            Outcome::Accept => Ok(Reply::accepted()),
            Outcome::Say(say) => Ok(Reply::message(say.message(call.id()))),
            Outcome::Stream(steps) => Ok(Reply::stream(play(steps, call.id().cloned(), streams.guard()))),
            Outcome::Compute(answer) => answer(call),
            Outcome::Fail(kind) => Err(failure(kind)),
            Outcome::Hang => std::future::pending().await,
        }
    }
}

impl Say {
    fn message(&self, id: Option<&Id>) -> Message {
        let wanted = || id.expect("the script answers a notification");
        match self {
            Self::Notification(params) => Message::from_notification("notifications/progress", params),
            Self::Result(result) => Message::from_result(wanted(), result),
            Self::Error(code, text) => Message::from_error(Some(wanted()), *code, text, None),
        }
    }
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Accept => f.write_str("Accept"),
            Self::Say(say) => say.fmt(f),
            Self::Stream(steps) => steps.fmt(f),
            Self::Compute(_) => f.write_str("Compute"),
            Self::Fail(kind) => kind.fmt(f),
            Self::Hang => f.write_str("Hang"),
        }
    }
}

fn play(
    steps: VecDeque<Step>,
    id: Option<Id>,
    guard: Guard,
) -> impl Stream<Item = Result<Message, Failure>> + Send {
    stream::unfold((steps, id, Some(guard)), |(mut steps, id, mut guard)| async move {
        loop {
            let item = match steps.pop_front() {
                Some(Step::Say(say)) => Some(Ok(say.message(id.as_ref()))),
                Some(Step::Fail(kind)) => Some(Err(failure(kind))),
                Some(Step::Yield) => {
                    yield_once().await;
                    continue;
                }
                Some(Step::Wait(time)) => {
                    tokio::time::sleep(time).await;
                    continue;
                }
                Some(Step::Hang) => std::future::pending().await,
                None => None,
            };
            // Readers stop at the answer or the failure, so the end of the script need not be read to be reached.
            if !matches!(&item, Some(Ok(message)) if !message.is_answer())
                && let Some(guard) = guard.take()
            {
                guard.finish();
            }
            return Some((item?, (steps, id, guard)));
        }
    })
}

/// Pending once, woken at once. Unlike tokio's, it does not wait for the timers to be looked at.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

fn failure(kind: FailureKind) -> Failure {
    Failure::new(kind).with_source("by the script")
}

fn fragment(text: &str) -> Fragment {
    Fragment::parse(text.to_owned()).expect("a script holds JSON objects")
}
