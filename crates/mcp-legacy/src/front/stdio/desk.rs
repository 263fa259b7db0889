//! What becomes of each line.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::request::Parts;
use portcullis_core::{BoxError, Trail};
use portcullis_mcp_jsonrpc::{
    Call, Failure, FailureKind, Flaw, Id, Kind, Message, Reply, ReplyTo, check_meta, code,
};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tower_service::Service;

use super::era::{Era, Eras};
use super::hold::hold;
use super::settings::Settings;
use crate::front::http::batch::{self, Sent, Unreadable};
use crate::front::http::source::{Source, Start};
use crate::front::http::{addressed, is_modern};
use crate::front::translate::notification;
use crate::front::{Session, exchange, initialize, inner, listen};

/// Takes messages, starts calls, and says what they answer. When it is dropped, everything is cancelled.
pub(super) struct Desk<S> {
    service: S,
    settings: Settings,
    say: mpsc::Sender<Bytes>,
    eras: Eras,
    tasks: JoinSet<()>,
    /// Room for calls of the service.
    room: Arc<Semaphore>,
    modern: Arc<Mutex<HashMap<Id, AbortHandle>>>,
    listens: bool,
}

impl<S> Desk<S>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    pub(super) fn new(service: S, settings: Settings, say: mpsc::Sender<Bytes>) -> Self {
        let room = Arc::new(Semaphore::new(settings.max_calls.clamp(1, Semaphore::MAX_PERMITS)));
        let (eras, tasks, modern) = (Eras::new(), JoinSet::new(), Arc::default());
        Self { service, settings, say, eras, tasks, room, modern, listens: false }
    }

    /// Takes a line.
    pub(super) async fn take(&mut self, text: Bytes) {
        // Whatever has come to its end gives its room back.
        while self.tasks.try_join_next().is_some() {}
        match batch::read(text, self.settings.max_batch) {
            Ok(Sent::One(message)) => self.take_one(message).await,
            Ok(Sent::Batch(messages)) => self.take_batch(messages).await,
            Err(unreadable) => self.say(&unreadable_line(&unreadable)).await,
        }
    }

    /// A line was too long to be taken.
    pub(super) async fn refuse_line(&self) {
        let text = format!("The message is larger than {} bytes.", self.settings.max_line);
        self.say(&Message::from_error(None, code::OVERSIZE, &text, None)).await;
    }

    async fn take_one(&mut self, message: Message) {
        match message.kind() {
            Kind::Request if is_modern(&message) => self.serve_modern(message).await,
            Kind::Request if message.method() == Some("initialize") => self.open(message).await,
            Kind::Request => match self.eras.now() {
                Era::Modern => {
                    if let Err(refusal) = check_meta(&message) {
                        self.say(&refusal).await;
                    }
                }
                Era::Opening | Era::Legacy(_) => {
                    let legacy = self.legacy(message);
                    self.run(None, Source::calls([legacy]), false).await;
                }
            },
            Kind::Notification => self.notice(message).await,
            // An answer that nobody waits for changes nothing, and there is nobody to tell.
            Kind::Result | Kind::Error => {
                if let Era::Legacy(session) = self.eras.now() {
                    let _ = session.receive(message);
                }
            }
        }
    }

    async fn take_batch(&mut self, messages: Vec<Message>) {
        let takes_batches = match self.eras.now() {
            Era::Legacy(session) => session.client().version.takes_batches(),
            Era::Modern | Era::Opening => false,
        };
        let is_fit = |message: &Message| !is_modern(message) && message.method() != Some("initialize");
        if !takes_batches || !messages.iter().all(is_fit) {
            let text = "This batch must not be sent here.";
            return self.say(&Message::from_error(None, code::INVALID_REQUEST, text, None)).await;
        }
        let (requests, others): (Vec<_>, Vec<_>) =
            messages.into_iter().partition(|message| message.kind() == Kind::Request);
        for message in others {
            self.take_one(message).await;
        }
        if !requests.is_empty() {
            let calls: Vec<_> = requests.into_iter().map(|message| self.legacy(message)).collect();
            self.run(None, Source::calls(calls), true).await;
        }
    }

    async fn notice(&mut self, message: Message) {
        let method = message.method();
        if method == Some("notifications/cancelled")
            && let Some(call) = notification::cancels(&message).and_then(|id| self.calls().remove(&id))
        {
            return call.abort();
        }
        match self.eras.now() {
            Era::Modern if method == Some("notifications/cancelled") => {}
            Era::Modern if self.tasks.len() < self.settings.max_waiting => {
                let (call, _) = self.call(message);
                let calling = inner::call(self.service.clone(), call);
                self.tasks.spawn(async move {
                    // Nobody is told what becomes of a notification.
                    let _ = calling.await;
                });
            }
            Era::Modern => {}
            Era::Opening | Era::Legacy(_) if method == Some("notifications/initialized") => self.listen(),
            Era::Opening => {}
            Era::Legacy(session) => {
                let _ = session.receive(message);
            }
        }
    }

    /// Starts to tell of changes, once.
    fn listen(&mut self) {
        if std::mem::replace(&mut self.listens, true) {
            return;
        }
        let (service, eras, say) = (self.service.clone(), self.eras.clone(), self.say.clone());
        let (head, limits) = (self.head(), self.settings.limits.clone());
        self.tasks.spawn(async move {
            if let Some(session) = eras.session().await {
                tell(Source::reply(listen(service, session, head, &limits), None), &say, false).await;
            }
        });
    }

    async fn open(&mut self, message: Message) {
        if !self.eras.begin() {
            let text = "The session has begun already.";
            return self.say(&Message::from_error(message.id(), code::INVALID_REQUEST, text, None)).await;
        }
        let (service, eras, say, head) =
            (self.service.clone(), self.eras.clone(), self.say.clone(), self.head());
        self.tasks.spawn(async move {
            let (session, answer) = match initialize(service, &message, head).await {
                Ok((client, answer)) => (Some(Arc::new(Session::new(client))), answer),
                Err(unopened) => (None, unopened.answer),
            };
            // First, so that the client hears of the session before it hears from it.
            let _ = say.send(answer.into_text()).await;
            eras.settle(session);
        });
    }

    async fn serve_modern(&mut self, message: Message) {
        if let Err(refusal) = check_meta(&message) {
            return self.say(&refusal).await;
        }
        let Some(id) = message.id().cloned() else { return };
        if self.calls().contains_key(&id) {
            let text = "A request of this id is not answered yet.";
            return self.say(&Message::from_error(Some(&id), code::INVALID_REQUEST, text, None)).await;
        }
        let is_endless = message.method() == Some("subscriptions/listen");
        let (call, to) = self.call(message);
        let service = self.service.clone();
        let room = (!is_endless).then(|| Arc::clone(&self.room));
        let start: Start = Box::pin(async move {
            let Some(room) = room else { return inner::call(service, call).await };
            let permit = room.acquire_owned().await;
            Ok(hold(inner::call(service, call).await?, permit))
        });
        self.run(Some(id), Source::calls([(start, to)]), false).await;
    }

    /// A request of the session, ready to be asked.
    fn legacy(&self, message: Message) -> (Start, ReplyTo) {
        let (message, head, to) = addressed(message, self.head());
        let (service, eras) = (self.service.clone(), self.eras.clone());
        let (limits, room) = (self.settings.limits.clone(), Arc::clone(&self.room));
        let start = async move {
            let permit = room.acquire_owned().await;
            let Some(session) = eras.session().await else {
                let text = "No session is open.";
                let answer = Message::from_error(message.id(), code::INVALID_REQUEST, text, None);
                return Ok(Reply::message(answer));
            };
            Ok(hold(exchange(service, session, message, head, &limits).await?, permit))
        };
        (Box::pin(start), to)
    }

    /// Says what comes of calls, in a task of their own.
    async fn run(&mut self, id: Option<Id>, source: Source, is_batch: bool) {
        if self.tasks.len() >= self.settings.max_waiting {
            let failure = Failure::new(FailureKind::Overload).with_source("too many requests are unanswered");
            for refusal in source.refuse(&failure) {
                self.say(&refusal).await;
            }
            return;
        }
        let say = self.say.clone();
        let Some(id) = id else {
            self.tasks.spawn(async move { tell(source, &say, is_batch).await });
            return;
        };
        // The lock is held until the call is on the list, so that it is not taken off before.
        let mut calls = lock(&self.modern);
        let (modern, own) = (Arc::clone(&self.modern), id.clone());
        let task = self.tasks.spawn(async move {
            tell(source, &say, is_batch).await;
            lock(&modern).remove(&own);
        });
        calls.insert(id, task);
    }

    fn call(&self, message: Message) -> (Call, ReplyTo) {
        let (message, head, to) = addressed(message, self.head());
        (Call::from_parts(message, head), to)
    }

    /// A head with what every call carries, and a trail of its own.
    fn head(&self) -> Parts {
        let (mut head, ()) = http::Request::new(()).into_parts();
        head.extensions = self.settings.extensions.clone();
        Trail::enter(&mut head.extensions);
        head
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<Id, AbortHandle>> {
        lock(&self.modern)
    }

    async fn say(&self, message: &Message) {
        // When nobody writes any more, nobody listens.
        let _ = self.say.send(message.text().clone()).await;
    }
}

/// A panic elsewhere while the lock was held leaves a map that is still whole, so poisoning is ignored.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says what a source says. The answers to a batch are one array, and come last.
async fn tell(mut source: Source, say: &mpsc::Sender<Bytes>, is_batch: bool) {
    let mut answers = Vec::new();
    while let Some(message) = poll_fn(|cx| source.poll_message(cx)).await {
        if is_batch && message.is_answer() {
            answers.push(message);
        } else if say.send(message.into_text()).await.is_err() {
            return;
        }
    }
    if is_batch {
        let _ = say.send(batch::write(&answers)).await;
    }
}

fn unreadable_line(unreadable: &Unreadable) -> Message {
    let (code, id) = match unreadable {
        Unreadable::Message(error) => match error.flaw() {
            Flaw::Json(_) => (code::PARSE_ERROR, error.id()),
            _ => (code::INVALID_REQUEST, error.id()),
        },
        Unreadable::Empty | Unreadable::TooMany(_) => (code::INVALID_REQUEST, None),
    };
    Message::from_error(id, code, &unreadable.to_string(), None)
}
