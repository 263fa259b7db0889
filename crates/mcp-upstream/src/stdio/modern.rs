//! Many calls of 2026-07-28 on one process.

use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Id, Kind, Message, Reply};
use tokio::time::Instant;

use super::logs::Logs;
use super::process::Process;
use super::rewrite::{self, Chosen};
use super::stream;
use crate::duplex::{Exchange, cancellation};

/// A process that speaks 2026-07-28.
#[derive(Debug)]
pub(super) struct Modern {
    process: Process,
    next: AtomicI64,
    logs: Arc<Logs>,
    used: Mutex<Instant>,
}

impl Modern {
    pub(super) fn new(process: Process) -> Self {
        let logs = Arc::new(Logs::default());
        let readers = logs.clone();
        process.duplex().foster(move |message| match message.method() {
            Some("notifications/message") => readers.reader(),
            _ => None,
        });
        Self { process, next: AtomicI64::new(1), logs, used: Mutex::new(Instant::now()) }
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
                let answer =
                    Answer { modern: self.clone(), exchange, id, chosen, is_sent: false, is_over: false };
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
        answer.modern.process.send(&message).await?;
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
    is_sent: bool,
    is_over: bool,
}

impl Stream for Answer {
    type Item = Result<Message, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let item = match ready!(Pin::new(&mut self.exchange).poll_next(cx)) {
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
