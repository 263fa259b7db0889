//! The stream of one server, opened again whenever it breaks.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use portcullis_mcp_jsonrpc::{Call, Kind, Message, Reply};
use tokio::time::Instant;

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
#[expect(clippy::large_enum_variant, reason = "nearly all are messages, and none is kept")]
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

    /// The same source, which takes no listener's place: the portal's own.
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

    /// Opens the stream: what the server agreed to tell.
    pub(crate) async fn open(&mut self) -> Result<Filter, Trouble> {
        let opened = self.try_open().await;
        if let Err(trouble @ Trouble::Failure(..)) = &opened {
            self.backend.failed(&trouble.to_failure(self.backend.id()));
        }
        opened
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

    /// What comes next. Waits out any trouble.
    ///
    /// On the way, the portal's own copies of lists that have changed become stale.
    pub(crate) async fn next(&mut self) -> Next {
        loop {
            if let Some(stream) = &mut self.stream {
                match poll_fn(|cx| stream.reply.poll_message(cx)).await {
                    Some(Ok(message)) if message.kind() == Kind::Notification => {
                        self.take_note(message.method().unwrap_or_default());
                        return Next::Message(message);
                    }
                    Some(Ok(message)) if message.kind() == Kind::Error => return Next::Refused,
                    Some(Ok(_)) => return Next::Ended,
                    Some(Err(failure)) => self.backend.failed(&failure),
                    None => {}
                }
                if stream.since.elapsed() >= GOOD {
                    self.backoff.reset();
                }
                self.stream = None;
            }
            tokio::time::sleep(self.backoff.next()).await;
            match tokio::time::timeout(self.timeout, self.open()).await {
                Ok(Ok(_)) => {
                    self.acknowledgement = None;
                    self.wanted.kinds().for_each(|kind| self.invalidate(kind));
                    return Next::Reopened;
                }
                Ok(Err(Trouble::Answer(_))) => return Next::Refused,
                Ok(Err(Trouble::Failure(..))) | Err(_) => {}
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
