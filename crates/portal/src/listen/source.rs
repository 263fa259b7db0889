//! The stream of one server, opened again whenever it breaks.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use portcullis_mcp_jsonrpc::{Call, FailureKind, Kind, Message, Reply};
use tokio::time::{Instant, timeout_at};

use super::Filter;
use super::filter::changed;
use crate::backend::Backend;
use crate::backoff::Backoff;
use crate::kind::Kind as List;
use crate::limit::{Permit, overload};
use crate::trouble::Trouble;

/// A stream that was open for this long was a good one.
const GOOD: Duration = Duration::from_secs(30);

/// What a server's stream has to tell.
pub(crate) enum Next {
    /// A notification.
    Message(Message),
    /// The stream broke and is open again; what came in between is lost.
    Reopened,
    /// The server closed the stream in good order.
    Ended,
    /// The server says no.
    Refused,
}

/// What an open stream has to tell.
pub(super) enum Heard {
    Message(Message),
    /// The server closed the stream in good order.
    Ended,
    /// The server says no.
    Refused,
    /// The stream is closed; it may be opened again.
    Broken(Trouble),
}

/// See the module.
pub(crate) struct Source {
    backend: Arc<Backend>,
    call: Call,
    wanted: Filter,
    backoff: Backoff,
    timeout: Duration,
    counted: bool,
    stream: Option<Stream>,
    acknowledgement: Option<Message>,
}

/// An open stream. Dropping it closes the server's.
struct Stream {
    reply: Reply,
    since: Instant,
    _permit: Option<Permit>,
}

impl Source {
    pub(crate) fn new(
        backend: Arc<Backend>,
        call: Call,
        wanted: Filter,
        backoff: Backoff,
        timeout: Duration,
    ) -> Self {
        Self { backend, call, wanted, backoff, timeout, counted: true, stream: None, acknowledgement: None }
    }

    /// The same source, which takes no listener's place: the portal's own, or one whose listeners have theirs.
    pub(crate) fn uncounted(mut self) -> Self {
        self.counted = false;
        self
    }

    pub(crate) fn backend(&self) -> &Arc<Backend> {
        &self.backend
    }

    /// What the server was asked for.
    pub(crate) fn wanted(&self) -> &Filter {
        &self.wanted
    }

    /// What the server said when the stream was opened.
    pub(crate) fn take_acknowledgement(&mut self) -> Option<Message> {
        self.acknowledgement.take()
    }

    /// Asks in another's name from the next opening on.
    pub(super) fn renew(&mut self, call: Call) {
        self.call = call;
    }

    /// Opens the stream: what the server agreed to tell.
    pub(super) async fn open(&mut self, deadline: Instant) -> Result<Filter, Trouble> {
        let late = || Trouble::new(FailureKind::Timeout, "the server did not acknowledge in time");
        let opened = timeout_at(deadline, self.try_open()).await.unwrap_or_else(|_| Err(late()));
        if let Err(trouble @ Trouble::Failure(..)) = &opened {
            self.backend.failed(&trouble.to_failure(self.backend.id()));
        }
        opened
    }

    /// Opens the stream after a break. What the lists were before it, they need not be now.
    pub(super) async fn reopen(&mut self) -> Result<Filter, Trouble> {
        let agreed = self.open(Instant::now() + self.timeout).await?;
        tracing::info!(server = self.backend.id(), "listens again");
        self.wanted.kinds().for_each(|kind| self.invalidate(kind));
        Ok(agreed)
    }

    /// Waits until the server may be asked again.
    pub(super) async fn pause(&mut self) {
        tokio::time::sleep(self.backoff.next()).await;
    }

    async fn try_open(&mut self) -> Result<Filter, Trouble> {
        let _permit = match self.counted {
            true => {
                let permit = self.backend.listeners.try_enter();
                Some(permit.ok_or_else(|| overload("too many streams are open at this server"))?)
            }
            false => None,
        };
        let mut reply = self.backend.send(self.call.clone()).await?;
        while let Some(message) = poll_fn(|cx| reply.poll_message(cx)).await {
            let message = message?;
            match (message.kind(), message.method()) {
                (Kind::Notification, Some("notifications/subscriptions/acknowledged")) => {
                    let agreed = Filter::of_request(&message).unwrap_or_default();
                    self.stream = Some(Stream { reply, since: Instant::now(), _permit });
                    self.acknowledgement = Some(message);
                    return Ok(agreed);
                }
                (Kind::Error, _) => return Err(Trouble::Answer(Arc::new(message))),
                (Kind::Result, _) => break,
                // Nothing may come before the acknowledgement (Subscriptions, "Acknowledgment").
                _ => {}
            }
        }
        Err(Trouble::garbage("the stream ended without an acknowledgement"))
    }

    /// What the open stream has to tell.
    ///
    /// On the way, the portal's own copies of lists that have changed become stale.
    pub(super) async fn heard(&mut self) -> Heard {
        let broken = || Trouble::new(FailureKind::Close, "the stream broke");
        let Some(stream) = &mut self.stream else { return Heard::Broken(broken()) };
        let trouble = match poll_fn(|cx| stream.reply.poll_message(cx)).await {
            Some(Ok(message)) if message.kind() == Kind::Notification => {
                self.take_note(message.method().unwrap_or_default());
                return Heard::Message(message);
            }
            Some(Ok(message)) if message.kind() == Kind::Error => return Heard::Refused,
            Some(Ok(_)) => return Heard::Ended,
            Some(Err(failure)) => {
                self.backend.failed(&failure);
                failure.into()
            }
            None => broken(),
        };
        if stream.since.elapsed() >= GOOD {
            self.backoff.reset();
        }
        self.stream = None;
        Heard::Broken(trouble)
    }

    /// What comes next. Waits out any trouble.
    pub(crate) async fn next(&mut self) -> Next {
        loop {
            if self.stream.is_some() {
                match self.heard().await {
                    Heard::Message(message) => return Next::Message(message),
                    Heard::Ended => return Next::Ended,
                    Heard::Refused => return Next::Refused,
                    Heard::Broken(_) => {}
                }
            }
            self.pause().await;
            match self.reopen().await {
                Ok(_) => {
                    self.acknowledgement = None;
                    return Next::Reopened;
                }
                Err(Trouble::Answer(_)) => return Next::Refused,
                Err(Trouble::Failure(..)) => {}
            }
        }
    }

    fn take_note(&self, method: &str) {
        if let Some(kind) = changed(method) {
            self.invalidate(kind);
        }
    }

    fn invalidate(&self, kind: List) {
        self.backend.invalidate(kind);
        // One notification stands for both.
        if kind == List::Resources {
            self.backend.invalidate(List::Templates);
        }
    }
}
