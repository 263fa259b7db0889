//! Many calls of 2026-07-28 on one process.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Id, Kind, Message, Reply};
use tokio::time::Instant;

use super::logs::Logs;
use super::process::Process;
use super::rewrite::{self, Chosen};
use super::stream;
use crate::duplex::{Exchange, cancellation};
use crate::failure;
use crate::timeout::{Deadline, Stage};

/// A process that speaks 2026-07-28.
#[derive(Debug)]
pub(super) struct Modern {
    process: Process,
    next: AtomicI64,
    logs: Arc<Logs>,
    total: Option<Duration>,
    used: Mutex<Instant>,
}

impl Modern {
    /// `total` is the most time for one call.
    pub(super) fn new(process: Process, total: Option<Duration>) -> Self {
        let logs = Arc::new(Logs::default());
        let readers = logs.clone();
        process.duplex().foster(move |message| match message.method() {
            Some("notifications/message") => readers.reader(),
            _ => None,
        });
        Self { process, next: AtomicI64::new(1), logs, total, used: Mutex::new(Instant::now()) }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.process.broken().is_some()
    }

    /// Since when nothing has been going on; none if something is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        (self.process.duplex().under_way() == 0)
            .then(|| *self.used.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Begins a call. Nothing is sent yet; the call comes back if the process has gone.
    pub(super) fn open(self: &Arc<Self>, mut call: Call) -> Result<Opened, Unopened> {
        self.touch();
        if self.is_broken() {
            return Err(Unopened::Gone(Box::new(call)));
        }
        let id = Id::from(self.next.fetch_add(1, Ordering::Relaxed));
        let original = call.message().clone();
        let Some(chosen) = rewrite::rename(call.message_mut(), &id) else {
            let failure =
                Failure::new(FailureKind::Internal).with_source("a request cannot be given another id");
            return Err(Unopened::Failed(failure));
        };
        match self.process.duplex().expect(call.message()) {
            Ok(exchange) => {
                self.logs.add(&call, &id);
                let total = self.total.filter(|_| call.method() != "subscriptions/listen");
                let answer = Answer {
                    modern: self.clone(),
                    exchange,
                    id,
                    chosen,
                    deadline: Deadline::new(total),
                    is_sent: false,
                    is_over: false,
                };
                Ok(Opened { message: call.into_parts().0, answer })
            }
            Err(_) if self.is_broken() => {
                *call.message_mut() = original;
                Err(Unopened::Gone(Box::new(call)))
            }
            Err(error) => Err(Unopened::Failed(stream::into_failure(error))),
        }
    }

    /// Passes a notification on. What a client cancels by it is a request by the name that it gave it, which means another
    /// client's here, or nothing; a modern client of a gateway cancels by other means.
    pub(super) async fn notify(&self, message: &Message) -> Result<Reply, Failure> {
        self.touch();
        if message.kind() == Kind::Notification && message.method() != Some("notifications/cancelled") {
            self.process.send(message).await?;
        }
        Ok(Reply::accepted())
    }
}

/// Why a call was not begun.
pub(super) enum Unopened {
    /// The process has gone. The call is as it was.
    Gone(Box<Call>),
    Failed(Failure),
}

/// A call that has begun.
pub(super) struct Opened {
    message: Message,
    answer: Answer,
}

impl Opened {
    /// Sends the request and waits for the first message: if that is the answer, the reply is known to be one message.
    pub(super) async fn send(self) -> Result<Reply, Failure> {
        let Self { message, mut answer } = self;
        answer.post(&message).await?;
        answer.is_sent = true;
        drop(message);
        match stream::next(&mut answer).await {
            Some(Ok(message)) if message.is_answer() => Ok(Reply::message(message)),
            Some(first) => first.map(|first| Reply::stream(Begun { first: Some(first), rest: answer })),
            None => Err(Failure::new(FailureKind::Close)),
        }
    }
}

/// What comes for one call, in the client's words. Dropped before its end, it cancels the call.
struct Answer {
    modern: Arc<Modern>,
    exchange: Exchange,
    /// The id it has in the process.
    id: Id,
    chosen: Chosen,
    deadline: Deadline,
    is_sent: bool,
    is_over: bool,
}

impl Answer {
    /// Sends the request, once there is room for it.
    async fn post(&mut self, request: &Message) -> Result<(), Failure> {
        let modern = self.modern.clone();
        let mut sent = pin!(modern.process.send(request));
        poll_fn(|cx| match sent.as_mut().poll(cx) {
            Poll::Pending => self.deadline.poll(cx).map(|stage| Err(failure::of_stage(stage))),
            sent => sent,
        })
        .await
    }

    /// Gives the call up: nobody waits for it any more, and the server hears of it.
    fn expire(&mut self) -> Failure {
        self.modern.process.cancel(cancellation(&self.id, "no answer in time"));
        self.exchange = Exchange::empty();
        self.is_over = true;
        failure::of_stage(Stage::Total)
    }
}

impl Stream for Answer {
    type Item = Result<Message, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let polled = match Pin::new(&mut self.exchange).poll_next(cx) {
                Poll::Ready(polled) => polled,
                Poll::Pending => {
                    ready!(self.deadline.poll(cx));
                    return Poll::Ready(Some(Err(self.expire())));
                }
            };
            let item = match polled {
                // A server that never stops to tell of its progress never has to be waited for.
                Some(Ok(aside)) if !aside.is_answer() && self.deadline.is_over() => Err(self.expire()),
                Some(Ok(mut message)) => {
                    let restored = self.chosen.restore(&mut message).is_some();
                    if !restored && !message.is_answer() {
                        continue;
                    }
                    self.is_over = message.is_answer();
                    restored.then_some(message).ok_or_else(|| Failure::new(FailureKind::Garbage))
                }
                Some(Err(error)) => {
                    self.is_over = true;
                    Err(stream::into_failure(error))
                }
                None => return Poll::Ready(None),
            };
            return Poll::Ready(Some(item));
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.modern.logs.remove(&self.id);
        self.modern.touch();
        if self.is_sent && !self.is_over {
            self.modern.process.cancel(cancellation(&self.id, "the client has gone"));
        }
    }
}

/// A stream whose first item has been looked at.
struct Begun {
    first: Option<Message>,
    rest: Answer,
}

impl Stream for Begun {
    type Item = Result<Message, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => Pin::new(&mut self.rest).poll_next(cx),
        }
    }
}
