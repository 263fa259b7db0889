//! One channel on which everything is mixed, taken apart again: what belongs to which request, and what to none.
//!
//! A child process has one output, and the transport of 2024 has one event stream. What a message belongs to stands in
//! the message alone:
//!
//! | message | belongs to |
//! |---|---|
//! | an answer | the request of its id |
//! | `notifications/progress` | the request whose id is its token; whoever sends requests makes the two one |
//! | a notification with a `subscriptionId` | the `subscriptions/listen` of that id |
//! | `notifications/cancelled` for a `subscriptions/listen` | that request, and it is over |
//! | an answer to a request, or progress of one, that is over or was cancelled | nobody; it is dropped |
//! | everything else | the [`Listener`] |
//!
//! # Slow readers
//!
//! Nobody waits for a reader, since behind a message that is not read stand the messages of all others. What is not read
//! is held up to [`Limits`]. Beyond them progress, which is advice, is dropped; any other message ends the exchange with
//! [`FailureKind::Overload`]. Where all exchanges together hold too much, the one that holds the most ends.

mod exchange;
mod home;
mod queue;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use portcullis_mcp_jsonrpc::{Failure, FailureKind, Fragment, Id, Kind, Message, code};
use portcullis_mcp_legacy::upstream::ChannelError;
use tokio::time::Instant;

pub(crate) use self::exchange::{Exchange, Listener};
use self::home::Home;
pub(crate) use self::home::SUBSCRIPTION_ID;
use self::queue::{End, Queue};

/// How much is held of what nobody has read yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Requests that wait for an answer.
    pub(crate) exchanges: usize,
    /// Messages per exchange, and of those that belong to none.
    pub(crate) messages: usize,
    /// Bytes per exchange, and of those that belong to none. One message is always held, however large.
    pub(crate) bytes: usize,
    /// Bytes of all exchanges together.
    pub(crate) total: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { exchanges: 4096, messages: 1024, bytes: 32 << 20, total: 128 << 20 }
    }
}

/// The demultiplexer of one channel. A transport [expects](Self::expect) the answer of each request before it sends the
/// request, and [delivers](Self::deliver) whatever comes in.
#[derive(Clone, Debug)]
pub(crate) struct Duplex {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    exchanges: HashMap<Id, Queue>,
    listen: Queue,
    /// Bytes in the queues of all exchanges.
    held: usize,
    broken: Option<Cause>,
    turn: Turn,
    foster: Option<Foster>,
}

/// What the server has asked its client.
#[derive(Debug, Default)]
struct Turn {
    /// How many questions were not answered yet.
    open: usize,
    /// When the last one was asked or answered.
    last: Option<Instant>,
}

/// Finds a request for a message that names none.
struct Foster(Box<Find>);

type Find = dyn Fn(&Message) -> Option<Id> + Send + Sync;

impl std::fmt::Debug for Foster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Foster")
    }
}

/// Why a channel broke. A failure can be told once; its cause is told to everybody.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    kind: FailureKind,
    text: Arc<str>,
}

impl Cause {
    pub(crate) fn new(kind: FailureKind, text: impl Into<Arc<str>>) -> Self {
        Self { kind, text: text.into() }
    }

    pub(crate) fn failure(&self) -> Failure {
        Failure::new(self.kind).with_source(&*self.text)
    }
}

impl Duplex {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { shared: Arc::new(Shared { limits, state: Mutex::default() }) }
    }

    /// Gives the stream of what belongs to a message that is about to be sent: for a request, what comes until its
    /// answer; for everything else, nothing. Dropping the stream forgets the request.
    ///
    /// # Errors
    ///
    /// [`Broken`](ChannelError::Broken) if the channel is; [`Failed`](ChannelError::Failed) if the request's id is in
    /// use, or too many requests wait already.
    pub(crate) fn expect(&self, message: &Message) -> Result<Exchange, ChannelError> {
        let mut state = self.shared.lock();
        if let Some(cause) = &state.broken {
            return Err(ChannelError::Broken(cause.failure()));
        }
        let (Kind::Request, Some(id)) = (message.kind(), message.id()) else { return Ok(Exchange::empty()) };
        if state.exchanges.len() >= self.shared.limits.exchanges {
            return Err(failed(FailureKind::Overload, "too many requests wait for the server"));
        }
        if state.exchanges.contains_key(id) {
            return Err(failed(FailureKind::Internal, "a request of the same id is under way"));
        }
        let queue = Queue::of_subscription(message.method() == Some("subscriptions/listen"));
        state.exchanges.insert(id.clone(), queue);
        Ok(Exchange::new(self.shared.clone(), id.clone()))
    }

    /// Takes note of a message that is about to be sent, if it answers a question of the server's.
    pub(crate) fn answers(&self, message: &Message) {
        if message.is_answer() {
            let turn = &mut self.shared.lock().turn;
            if turn.open > 0 {
                *turn = Turn { open: turn.open - 1, last: Some(Instant::now()) };
            }
        }
    }

    /// When the server last asked its client something, or was answered. Questions are what a person or a model has to
    /// think about, or a server could stretch its time by pings.
    pub(crate) fn last_turn(&self) -> Option<Instant> {
        self.shared.lock().turn.last
    }

    /// The stream of what belongs to no request. What came before it was opened is in it. There is one such stream: where
    /// two are open, it is not said which of them gets a message.
    pub(crate) fn listen(&self) -> Listener {
        Listener::new(self.shared.clone())
    }

    /// Takes what the server sent. Gives what to send in return: cancellations of requests whose answers nobody will
    /// hear, and errors for requests of the server's that nobody will see.
    #[must_use = "the server should be told"]
    pub(crate) fn deliver(&self, message: Message) -> Vec<Message> {
        let home = Home::of(&message);
        let mut back = Vec::new();
        let mut wakers = Vec::new();
        self.shared.lock().deliver(&home, message, &self.shared.limits, &mut back, &mut wakers);
        wakers.into_iter().for_each(Waker::wake);
        back
    }

    /// From now on what belongs to no request goes to the one that `find` names, at once and so before that request's
    /// answer, and is dropped if there is none. Nothing goes to the listener any more.
    pub(crate) fn foster(&self, find: impl Fn(&Message) -> Option<Id> + Send + Sync + 'static) {
        let mut state = self.shared.lock();
        state.foster = Some(Foster(Box::new(find)));
        state.listen.clear();
    }

    /// Ends a request whose answer came and cannot be used.
    pub(crate) fn fail(&self, id: &Id, kind: FailureKind, text: &'static str) {
        let mut state = self.shared.lock();
        let waker = state
            .exchanges
            .get_mut(id)
            .filter(|queue| queue.is_open())
            .and_then(|queue| queue.end(End::Fail(kind, text)));
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Nothing comes any more: every stream gives what it holds and fails then. Only the first cause counts.
    pub(crate) fn shut(&self, cause: Cause) {
        let mut state = self.shared.lock();
        state.broken.get_or_insert(cause);
        let mut wakers: Vec<_> =
            state.exchanges.values_mut().filter_map(|queue| queue.waker.take()).collect();
        wakers.extend(state.listen.waker.take());
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Why the channel is broken, if it is.
    pub(crate) fn broken(&self) -> Option<Failure> {
        self.shared.lock().broken.as_ref().map(Cause::failure)
    }

    /// How many requests wait for an answer, or hold one that was not read.
    pub(crate) fn under_way(&self) -> usize {
        self.shared.lock().exchanges.len()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever holds the lock only moves messages; a panic leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn deliver(
        &mut self,
        home: &Home,
        message: Message,
        limits: &Limits,
        back: &mut Vec<Message>,
        wakers: &mut Vec<Waker>,
    ) {
        if matches!(message.method(), Some("elicitation/create" | "sampling/createMessage")) {
            self.turn = Turn { open: self.turn.open.saturating_add(1), last: Some(Instant::now()) };
        }
        match home {
            Home::Answer(Some(id)) => self.push(id, message, limits, back, wakers),
            Home::Answer(None) => tracing::debug!("a server answered a message whose id it could not read"),
            Home::Progress(id) => self.push(id, message, limits, back, wakers),
            Home::Subscription(id) if self.is_subscription(id) => {
                self.push(id, message, limits, back, wakers);
            }
            Home::Cancellation(id) if self.is_subscription(id) => {
                let closed = End::Fail(FailureKind::Close, "the server ended the subscription");
                wakers.extend(self.exchanges.get_mut(id).and_then(|queue| queue.end(closed)));
            }
            _ => match &self.foster {
                None => self.push_listen(message, limits, back, wakers),
                Some(Foster(find)) => match find(&message) {
                    Some(id) => self.push(&id, message, limits, back, wakers),
                    None => tracing::debug!(method = message.method(), "a server said something for nobody"),
                },
            },
        }
    }

    fn is_subscription(&self, id: &Id) -> bool {
        self.exchanges.get(id).is_some_and(|queue| queue.is_subscription)
    }

    fn push(
        &mut self,
        id: &Id,
        message: Message,
        limits: &Limits,
        back: &mut Vec<Message>,
        wakers: &mut Vec<Waker>,
    ) {
        let Some(queue) = self.exchanges.get_mut(id).filter(|queue| queue.is_open()) else { return };
        if !queue.has_room(&message, limits) {
            if message.method() != Some(home::PROGRESS) {
                self.overload(id, back, wakers);
            }
            return;
        }
        self.held += message.text().len();
        let is_answer = message.is_answer();
        queue.push(message);
        if is_answer {
            wakers.extend(queue.end(End::Answer));
        } else {
            wakers.extend(queue.waker.take());
        }
        while self.held > limits.total {
            let most = self.exchanges.iter().max_by_key(|(_, queue)| queue.bytes());
            let Some(id) = most.filter(|(_, queue)| queue.bytes() > 0).map(|(id, _)| id.clone()) else {
                return;
            };
            self.overload(&id, back, wakers);
        }
    }

    /// Ends an exchange whose reader is too slow.
    fn overload(&mut self, id: &Id, back: &mut Vec<Message>, wakers: &mut Vec<Waker>) {
        let Some(queue) = self.exchanges.get_mut(id) else { return };
        if queue.is_open() {
            back.push(cancellation(id, "the client reads too slowly"));
        }
        self.held -= queue.clear();
        wakers
            .extend(queue.end(End::Fail(FailureKind::Overload, "messages came faster than they were read")));
    }

    fn push_listen(
        &mut self,
        message: Message,
        limits: &Limits,
        back: &mut Vec<Message>,
        wakers: &mut Vec<Waker>,
    ) {
        if self.listen.has_room(&message, limits) {
            self.listen.push(message);
            wakers.extend(self.listen.waker.take());
        } else if message.kind() == Kind::Request {
            back.push(Message::from_error(message.id(), code::INTERNAL_ERROR, "The client is busy", None));
        } else {
            tracing::warn!("a server sends notifications faster than they are read; one is dropped");
        }
    }
}

/// Tells a server that nobody waits for the answer of `id` any more.
pub(crate) fn cancellation(id: &Id, reason: &str) -> Message {
    let reason = portcullis_core::json::quote(reason);
    let params = format!(r#"{{"requestId":{},"reason":{reason}}}"#, id.to_json());
    let params = Fragment::parse(params).unwrap_or_else(|_| Fragment::empty());
    Message::from_notification("notifications/cancelled", &params)
}

fn failed(kind: FailureKind, text: &'static str) -> ChannelError {
    ChannelError::Failed(Failure::new(kind).with_source(text))
}
