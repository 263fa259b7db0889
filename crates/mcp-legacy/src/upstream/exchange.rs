//! One call: what the server says about it, as the caller may hear it.

mod hear;
mod rounds;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use futures_core::Stream;
use futures_util::stream::{self, StreamExt};
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Id, Message, Reply, code};

use super::ChannelError;
use super::flight::{Event, Flight, Way};
use super::inbox::Inbox;
use super::open::to_failure;
use super::pool::Wanted;
use super::request::Request;
use super::service::Shared;
use super::session::{Entry, Lease};

/// How many notifications may come between a question and the answer that takes it to the client.
const MAX_DELAY: usize = 64;

/// What a client is told whose state is none of ours, or not any more.
const STALE: &str = "this request state is not valid here, or not any more; make the call again without it";

/// One call under way.
struct Exchange {
    shared: Arc<Shared>,
    request: Request,
    wanted: Wanted,
    flight: Option<Box<Flight>>,
    /// Whether the call may be sent again should the server have forgotten the session.
    again: bool,
    /// Whether the request was sent as one for a task, whose answer tells of that.
    as_task: bool,
    /// Whether it may be sent again the other way, should the server say that there is no such method.
    may_turn: bool,
    /// The answer, once it is there.
    answered: Option<Message>,
    /// How many notifications have come since the first question.
    delayed: usize,
    /// Whether the channel has taken the request.
    sent: Arc<AtomicBool>,
}

type Messages = Pin<Box<dyn Stream<Item = Result<Message, Failure>> + Send>>;

impl Shared {
    /// Passes a call on to the server, or goes on with one that waits.
    pub(super) async fn exchange(self: Arc<Self>, call: Call, id: Id) -> Result<Reply, Failure> {
        let declared = call.message().client_capabilities().map(<[u8]>::to_vec);
        let request = match Request::read(call, id.clone()) {
            Ok(request) => request,
            Err(wrong) => return Ok(refuse(&id, wrong)),
        };
        let Some(wanted) = self.wanted(declared.as_deref(), &request) else {
            return Ok(refuse(&id, "the client declares more capabilities than are taken"));
        };
        let exchange = match request.state.clone().filter(|_| request.method.may_ask()) {
            Some(state) => match self.resume(request, wanted, &state).await? {
                Some(exchange) => exchange,
                None => return Ok(refuse(&id, STALE)),
            },
            None => {
                let lease = self.enter(&wanted).await?;
                let mut exchange = Exchange::new(self, request, wanted);
                exchange.depart(lease).await?;
                exchange
            }
        };
        exchange.into_reply().await
    }
}

impl Exchange {
    fn new(shared: Arc<Shared>, request: Request, wanted: Wanted) -> Self {
        Self {
            shared,
            request,
            wanted,
            flight: None,
            again: true,
            as_task: false,
            may_turn: false,
            answered: None,
            delayed: 0,
            sent: Arc::default(),
        }
    }

    /// Sends the request in this session.
    async fn depart(&mut self, lease: Lease) -> Result<(), Failure> {
        let level = self.request.level.get();
        if let Some(level) = level {
            lease.log_from(level).await;
        }
        let tool = self.request.tool().filter(|_| lease.hello.tasks);
        self.may_turn = tool.is_some();
        self.as_task = tool.is_some_and(|tool| lease.demands_task(tool));
        let entry = Entry {
            // Who declares nothing for this call cannot be asked during it, whatever the session was begun with.
            abilities: self.wanted.abilities(),
            may_ask: self.request.method.may_ask(),
            inbox: Inbox::new(&lease.held),
            ..Entry::default()
        };
        entry.level.set(level);
        let (request, as_task) = (&self.request, self.as_task);
        self.flight = Some(Box::new(Flight::new(lease, entry, |id| request.to_legacy(id, as_task))?));
        Ok(())
    }

    /// The reply, once the channel has taken the request; a lone answer that is there by then is not streamed.
    async fn into_reply(self) -> Result<Reply, Failure> {
        let sent = self.sent.clone();
        let mut messages: Messages = Box::pin(stream::unfold(self, async |mut exchange| {
            let message = exchange.next().await?;
            Some((message, exchange))
        }));
        let first = poll_fn(|cx| match messages.poll_next_unpin(cx) {
            Poll::Ready(first) => Poll::Ready(Some(first)),
            Poll::Pending if sent.load(Ordering::Relaxed) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        match first.await {
            None => Ok(Reply::stream(messages)),
            Some(Some(Ok(message))) if message.is_answer() => Ok(Reply::message(message)),
            Some(Some(Ok(message))) => Ok(Reply::stream(stream::iter([Ok(message)]).chain(messages))),
            Some(Some(Err(failure))) => Err(failure),
            Some(None) => Err(Failure::new(FailureKind::Close)),
        }
    }

    /// The next message for the caller. After an answer or a failure there is none.
    async fn next(&mut self) -> Option<Result<Message, Failure>> {
        loop {
            let flight = self.flight.as_mut()?;
            let said = if let Some(answer) = self.answered.take() {
                // What came before the answer on other ways goes before it.
                match flight.entry().inbox.try_pop() {
                    Some(message) => {
                        self.answered = Some(answer);
                        self.hear(message, Way::Session)
                    }
                    None => self.land(&answer).map(Some),
                }
            } else if self.delayed >= MAX_DELAY {
                self.park()
            } else {
                let sent = &self.sent;
                let event = poll_fn(|cx| {
                    let polled = flight.poll(cx);
                    if !flight.is_sending() {
                        sent.store(true, Ordering::Relaxed);
                    }
                    polled
                });
                match event.await {
                    Event::Said(message, way) => self.hear(message, way),
                    Event::Quiet => self.park(),
                    Event::Over(error) => self.crash(error).await,
                }
            };
            match said {
                Ok(None) => {}
                Ok(Some(message)) => {
                    self.again = false;
                    return Some(Ok(message));
                }
                Err(failure) => {
                    self.flight = None;
                    return Some(Err(failure));
                }
            }
        }
    }

    /// What to do when nothing more comes: once, to begin anew if the server has not looked at the call.
    async fn crash(&mut self, error: ChannelError) -> Result<Option<Message>, Failure> {
        let Some(flight) = self.flight.take() else { return Ok(None) };
        flight.session().lose(&error);
        drop(flight);
        if !matches!(error, ChannelError::Forgotten) || !std::mem::take(&mut self.again) {
            return Err(match error {
                ChannelError::Forgotten if self.sent.load(Ordering::Relaxed) => {
                    Failure::new(FailureKind::Close).with_source("the server has forgotten the session")
                }
                error => to_failure(error),
            });
        }
        let shared = self.shared.clone();
        let lease = shared.enter(&self.wanted).await?;
        self.depart(lease).await?;
        Ok(None)
    }
}

/// A refusal for wrong params.
pub(super) fn refuse(id: &Id, text: &str) -> Reply {
    Reply::message(Message::from_error(Some(id), code::INVALID_PARAMS, text, None))
}
