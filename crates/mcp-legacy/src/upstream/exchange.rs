//! One call: what the server says about it, as the caller may hear it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use futures_core::Stream;
use futures_util::stream::{self, StreamExt};
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Fragment, Id, Kind, Message, Reply, code};

use super::answer::{self, Form};
use super::builder::Sharing;
use super::flight::{Event, Flight, Question, Way};
use super::open::to_failure;
use super::pool::Wanted;
use super::request::{Method, Request};
use super::service::Shared;
use super::session::{Entry, Lease};
use super::{ChannelError, Outgoing, edit, route};

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
    /// Whether it may be sent again as a task should the server say that there is no such method.
    as_task: bool,
    /// Whether the answer to come tells of a task.
    becomes_task: bool,
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

    /// Takes up a call that waits; none if the state is not that of one.
    async fn resume(
        self: Arc<Self>,
        request: Request,
        wanted: Wanted,
        state: &str,
    ) -> Result<Option<Exchange>, Failure> {
        let Some(mut flight) = self.lot.take(&request.context(&self.settings.name), state) else {
            return Ok(None);
        };
        let (mut answers, mut open) = (Vec::new(), Vec::new());
        for question in std::mem::take(&mut flight.questions) {
            match request.response(&question.key).map(|response| Fragment::parse(response.to_vec())) {
                Some(Ok(response)) => answers.push(Message::from_result(&question.id, &response)),
                _ => open.push(question),
            }
        }
        flight.questions = open;
        flight.hear_from(request.level.get());
        if let Some(level) = request.level.get() {
            flight.session().log_from(level).await;
        }
        let channel = flight.session().channel.clone();
        for message in answers {
            let outgoing = Outgoing { message, extensions: request.extensions().clone() };
            match channel.send(outgoing).await {
                Ok(_) => {}
                Err(error) => {
                    if !matches!(error, ChannelError::Failed(_)) {
                        flight.landed();
                        flight.session().lose(&error);
                    }
                    return Err(to_failure(error));
                }
            }
        }
        let mut exchange = Exchange::new(self, request, wanted);
        exchange.again = false;
        exchange.as_task = false;
        exchange.sent.store(true, Ordering::Relaxed);
        exchange.flight = Some(flight);
        Ok(Some(exchange))
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
            becomes_task: false,
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
        self.as_task = self.request.method == Method::CallTool && lease.hello.tasks;
        self.becomes_task = false;
        let entry = Entry {
            // Who declares nothing for this call cannot be asked during it, whatever the session was begun with.
            abilities: self.wanted.abilities(),
            may_ask: self.request.method.may_ask(),
            ..Entry::default()
        };
        entry.level.set(level);
        let request = &self.request;
        self.flight = Some(Box::new(Flight::new(lease, entry, |id| request.to_legacy(id, false))?));
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
            if self.answered.is_some() && self.request.level.get().is_some() {
                // A server that has one channel for everything has said before the answer what belongs before it, but
                // another task takes it here, and gets its turn now.
                tokio::task::yield_now().await;
            }
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

    /// What the caller hears of what the server says.
    fn hear(&mut self, message: Message, way: Way) -> Result<Option<Message>, Failure> {
        let Some(flight) = &mut self.flight else { return Ok(None) };
        let method = message.method().unwrap_or_default();
        match message.kind() {
            Kind::Request => {
                self.ask(&message);
                Ok(None)
            }
            Kind::Notification => {
                if !flight.questions.is_empty() {
                    self.delayed += 1;
                }
                match method {
                    "notifications/progress" => {
                        let token = self.request.token.as_deref();
                        let own = flight.has_token(answer::progress_token(&message));
                        Ok(token.filter(|_| own).and_then(|token| answer::progress(&message, token)))
                    }
                    "notifications/message" => {
                        let wanted =
                            answer::log_level(&message).filter(|level| self.request.level.wants(*level));
                        Ok(wanted.map(|_| message))
                    }
                    "notifications/cancelled" => {
                        if let Some(request) = message.params().and_then(|it| edit::member(it, "requestId")) {
                            flight.withdraw(request);
                        }
                        Ok(None)
                    }
                    method if route::is_change(method) => {
                        route::changed(flight.session(), &message);
                        Ok(None)
                    }
                    method if route::is_obsolete(method) => Ok(None),
                    _ => Ok(Some(message)),
                }
            }
            Kind::Result | Kind::Error if !flight.is_answer(&message) => Ok(None),
            Kind::Result | Kind::Error if way == Way::Session => Ok(None),
            Kind::Result | Kind::Error => self.answer(message),
        }
    }

    /// The answer, unless it only says that the call takes a detour.
    fn answer(&mut self, message: Message) -> Result<Option<Message>, Failure> {
        let Some(flight) = &mut self.flight else { return Ok(None) };
        if message.error_code() == Some(code::METHOD_NOT_FOUND) && std::mem::take(&mut self.as_task) {
            let request = &self.request;
            flight.send(|id| request.to_legacy(id, true))?;
            self.becomes_task = true;
            return Ok(None);
        }
        self.as_task = false;
        if std::mem::take(&mut self.becomes_task)
            && let Some(task) = message.result().and_then(|result| edit::member(result, "task"))
            && let Some(task) = edit::text(task, "taskId")
        {
            flight.follow(task)?;
            return Ok(None);
        }
        self.answered = Some(message);
        Ok(None)
    }

    /// The answer, as the caller gets it.
    fn land(&mut self, answer: &Message) -> Result<Message, Failure> {
        let flight = self.flight.take();
        let task = flight.as_ref().is_some_and(|flight| flight.is_task());
        if let Some(mut flight) = flight {
            flight.landed();
        }
        let settings = &self.shared.settings;
        let once = match settings.sharing {
            Sharing::PerPrincipal => r#""ttlMs":0,"cacheScope":"private""#,
            Sharing::Shared => r#""ttlMs":0,"cacheScope":"public""#,
        };
        let form = Form {
            cache: match self.request.method {
                Method::ListTools | Method::List => Some(&self.shared.cache),
                Method::ReadResource => Some(once),
                Method::CallTool | Method::GetPrompt | Method::Other => None,
            },
            executions: self.request.method == Method::ListTools,
            task,
        };
        answer::translate(answer, &self.request.id, form)
    }

    /// A request of the server's during the call.
    fn ask(&mut self, message: &Message) {
        let Some(flight) = &mut self.flight else { return };
        let Some(id) = message.id() else { return };
        let session = flight.session();
        if !route::is_question(message.method().unwrap_or_default()) {
            route::simple(session, message);
        } else if !flight.entry().abilities.can_answer(message) {
            session.refuse(id, code::METHOD_NOT_FOUND, "the client has no such capability");
        } else if !flight.entry().may_ask {
            session.refuse(id, code::INTERNAL_ERROR, "nothing can be asked during this request");
        } else if let Some(text) = answer::question(message) {
            flight.keep(id.clone(), text);
        } else {
            session.refuse(id, code::INVALID_PARAMS, "the params cannot be passed on");
        }
    }

    /// Has the call wait for its client, and says what for. Without room to wait, the server gets no answers.
    fn park(&mut self) -> Result<Option<Message>, Failure> {
        self.delayed = 0;
        let Some(mut flight) = self.flight.take_if(|flight| !flight.questions.is_empty()) else {
            return Ok(None);
        };
        if let Some((number, state)) =
            self.shared.lot.ticket(&self.request.context(&self.shared.settings.name))
        {
            let questions = flight.questions.iter().map(|Question { key, text, .. }| (&**key, text));
            let message = answer::input_required(&self.request.id, questions, &state)
                .ok_or_else(|| Failure::new(FailureKind::Garbage))?;
            match self.shared.lot.park(number, flight) {
                Ok(()) => return Ok(Some(message)),
                Err(back) => flight = back,
            }
        }
        for question in std::mem::take(&mut flight.questions) {
            flight.session().refuse(
                &question.id,
                code::INTERNAL_ERROR,
                "too many calls wait for their clients",
            );
        }
        self.flight = Some(flight);
        Ok(None)
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
