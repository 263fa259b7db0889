//! A request that is under way to the server, whoever waits for its answer just then.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::StreamExt;
use portcullis_core::json;
use portcullis_mcp_jsonrpc::{Failure, FailureKind, Fragment, Id, Kind, Message};

use super::level::Level;
use super::session::{Entry, Lease, Session};
use super::{BoxFuture, ChannelError, Incoming, Outgoing, edit, route};

/// How many questions of the server's one answer asks; more are asked with the next.
pub(super) const MAX_QUESTIONS: usize = 32;

/// How much of what comes while the client thinks is kept for it, in messages and bytes; the last one may be larger. Then
/// nobody reads, and the transport holds the server back.
const MAX_HEARD: usize = 32;
const MAX_HEARD_BYTES: usize = 256 * 1024;

/// How many messages are read in one go while the client thinks.
const BURST: usize = 32;

/// A request under way, its place in the session, and what the server has asked meanwhile.
///
/// Dropping it before it has [landed](Self::landed) tells the server that nobody waits any more.
pub(super) struct Flight {
    lease: Lease,
    entry: Arc<Entry>,
    leg: Leg,
    /// The id of the request whose answer is waited for.
    request: i64,
    /// All ids under which the server may tell of the call.
    ids: Vec<i64>,
    /// The server's name for it, once it is a task.
    task: Option<String>,
    pub(super) questions: Vec<Question>,
    /// What came while the client was thinking.
    heard: VecDeque<Event>,
    heard_bytes: usize,
    asked: u32,
    over: bool,
}

/// How far a request has come.
enum Leg {
    /// The channel is taking it. What the server asks meanwhile may come on other ways already.
    Sending(BoxFuture<'static, Result<Incoming, ChannelError>>),
    Hearing(Incoming),
    Over,
}

/// A request of the server's that waits for the client.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) key: String,
    pub(super) id: Id,
    pub(super) text: Fragment,
}

/// What happens next to a request under way.
pub(super) enum Event {
    /// The server says something that belongs to it. In the second case only a guess says so.
    Said(Message, Way),
    /// There is nothing more just now, and questions are waiting.
    Quiet,
    /// Nothing more comes.
    Over(ChannelError),
}

/// How something came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Own,
    Session,
}

impl Event {
    fn bytes(&self) -> usize {
        match self {
            Self::Said(message, _) => message.text().len(),
            Self::Quiet | Self::Over(_) => 0,
        }
    }
}

impl Flight {
    /// Takes off: `make` gives the message under the id that it is to have.
    pub(super) fn new(
        lease: Lease,
        entry: Entry,
        make: impl FnOnce(i64) -> Result<Outgoing, Failure>,
    ) -> Result<Self, Failure> {
        let mut flight = Self {
            lease,
            entry: Arc::new(entry),
            leg: Leg::Over,
            request: 0,
            ids: Vec::with_capacity(1),
            task: None,
            questions: Vec::new(),
            heard: VecDeque::new(),
            heard_bytes: 0,
            asked: 0,
            over: true,
        };
        flight.send(make)?;
        Ok(flight)
    }

    /// Goes on with another request; whose answer is then waited for.
    pub(super) fn send(
        &mut self,
        make: impl FnOnce(i64) -> Result<Outgoing, Failure>,
    ) -> Result<(), Failure> {
        let id = self.lease.next_id();
        let outgoing = make(id)?;
        self.lease.register(id, &self.entry);
        self.ids.push(id);
        (self.request, self.over) = (id, false);
        let channel = self.lease.channel.clone();
        self.leg = Leg::Sending(Box::pin(async move { channel.send(outgoing).await }));
        Ok(())
    }

    /// Waits for the result of the task that the call has become.
    pub(super) fn follow(&mut self, task: String) -> Result<(), Failure> {
        let params = Fragment::parse(format!(r#"{{"taskId":{}}}"#, json::quote(&task)))
            .map_err(|error| Failure::new(FailureKind::Internal).with_source(error))?;
        self.task = Some(task);
        self.send(|id| {
            let message = Message::from_request(&Id::from(id), "tasks/result", &params);
            Ok(Outgoing { message, extensions: http::Extensions::new() })
        })
    }

    pub(super) fn session(&self) -> &Arc<Session> {
        &self.lease
    }

    pub(super) fn entry(&self) -> &Entry {
        &self.entry
    }

    pub(super) fn is_task(&self) -> bool {
        self.task.is_some()
    }

    /// Whether the channel still takes the request.
    pub(super) fn is_sending(&self) -> bool {
        matches!(self.leg, Leg::Sending(_))
    }

    /// From now on the call is somebody's who wants to hear this much of the log.
    pub(super) fn hear_from(&self, level: Option<Level>) {
        self.entry.level.set(level);
    }

    /// Whether a token is one that the server was given for this call.
    pub(super) fn has_token(&self, token: Option<i64>) -> bool {
        token.is_some_and(|token| self.ids.contains(&token))
    }

    /// Whether this answers the request.
    pub(super) fn is_answer(&self, message: &Message) -> bool {
        message.is_answer() && message.id() == Some(&Id::from(self.request))
    }

    /// Keeps a question of the server's; gives back the id if that is not possible.
    pub(super) fn keep(&mut self, id: Id, text: Fragment) {
        self.asked = self.asked.wrapping_add(1);
        self.questions.push(Question { key: format!("input-{}", self.asked), id, text });
    }

    /// The server cancels something: a question that it does not ask any more.
    pub(super) fn cancelled(&mut self, notification: &Message) {
        let Some(id) = notification.params().and_then(|params| edit::member(params, "requestId")) else {
            return;
        };
        self.questions.retain(|question| question.id.to_json().as_bytes() != id);
        self.heard.retain(|event| match event {
            Event::Said(message, _) if message.kind() == Kind::Request => {
                let stays = message.id().is_none_or(|asked| asked.to_json().as_bytes() != id);
                self.heard_bytes -= if stays { 0 } else { event.bytes() };
                stays
            }
            _ => true,
        });
    }

    /// What happens next.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if self.questions.len() >= MAX_QUESTIONS {
            return Poll::Ready(Event::Quiet);
        }
        if let Some(event) = self.heard.pop_front() {
            self.heard_bytes -= event.bytes();
            return Poll::Ready(event);
        }
        match self.poll_server(cx) {
            Poll::Pending if !self.questions.is_empty() => Poll::Ready(Event::Quiet),
            polled => polled,
        }
    }

    /// Listens to the server while the client thinks, so that a ping is answered and a question can be withdrawn. Ready
    /// when nothing more is to be read until the client comes back.
    pub(super) fn tend(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..BURST {
            if self.heard.len() >= MAX_HEARD || self.heard_bytes >= MAX_HEARD_BYTES {
                return Poll::Ready(());
            }
            let event = ready!(self.poll_server(cx));
            let last = match &event {
                Event::Said(message, _) => {
                    let method = message.method().unwrap_or_default();
                    if message.kind() == Kind::Request && !route::is_question(method) {
                        route::simple(&self.lease, message);
                        continue;
                    }
                    if method == "notifications/cancelled" {
                        self.cancelled(message);
                        continue;
                    }
                    self.is_answer(message)
                }
                Event::Over(_) | Event::Quiet => true,
            };
            self.heard_bytes += event.bytes();
            self.heard.push_back(event);
            if last {
                return Poll::Ready(());
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The next thing that the server says, or that happens to it.
    fn poll_server(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let deserted = match self.entry.inbox.poll(cx) {
            Poll::Ready(Some(message)) => return Poll::Ready(Event::Said(message, Way::Session)),
            Poll::Ready(None) => true,
            Poll::Pending => false,
        };
        loop {
            let next = match &mut self.leg {
                Leg::Over => Poll::Ready(None),
                Leg::Hearing(incoming) => incoming.poll_next_unpin(cx),
                Leg::Sending(sending) => match sending.as_mut().poll(cx) {
                    Poll::Ready(Ok(incoming)) => {
                        self.leg = Leg::Hearing(incoming);
                        continue;
                    }
                    Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error))),
                    Poll::Pending => Poll::Pending,
                },
            };
            let closed = || Failure::new(FailureKind::Close);
            return match next {
                Poll::Ready(Some(Ok(message))) => Poll::Ready(Event::Said(message, Way::Own)),
                Poll::Ready(Some(Err(error))) => self.crash(error),
                Poll::Ready(None) => self.crash(ChannelError::Failed(closed())),
                Poll::Pending if deserted => self.crash(ChannelError::Broken(closed())),
                Poll::Pending => Poll::Pending,
            };
        }
    }

    fn crash(&mut self, error: ChannelError) -> Poll<Event> {
        self.leg = Leg::Over;
        // What the server has forgotten needs no cancelling; what it may still be working at does.
        self.over |= !matches!(error, ChannelError::Failed(_));
        Poll::Ready(Event::Over(error))
    }

    /// It has been answered, or is of no use any more.
    pub(super) fn landed(&mut self) {
        self.over = true;
        self.leg = Leg::Over;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.leg = Leg::Over;
        for id in &self.ids {
            self.lease.deregister(*id);
        }
        if self.over {
            return;
        }
        let message = match &self.task {
            Some(task) => Fragment::parse(format!(r#"{{"taskId":{}}}"#, json::quote(task))).map(|params| {
                Message::from_request(&Id::from(self.lease.next_id()), "tasks/cancel", &params)
            }),
            None => Fragment::parse(format!(r#"{{"requestId":{}}}"#, self.request))
                .map(|params| Message::from_notification("notifications/cancelled", &params)),
        };
        if let Ok(message) = message {
            self.lease.tell(message);
        }
    }
}
