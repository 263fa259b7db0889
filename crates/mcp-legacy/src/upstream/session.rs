//! One session with the server: its channel, and who is in it.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use http::Extensions;
use portcullis_mcp_jsonrpc::{Failure, FailureKind, Fragment, Id, Message};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::capabilities::Abilities;
use super::hello::Hello;
use super::inbox::Inbox;
use super::level::{Level, LevelCell};
use super::listen::Listener;
use super::pool::Key;
use super::service::Shared;
use super::subscriptions::Subscriptions;
use super::{Channel, ChannelError, Outgoing, route};

/// How many messages may be on their way to the server that nobody waits for.
const MAX_ERRANDS: usize = 64;

/// How long such a message may take, and how long the server may take to do what the session itself asks for.
const ERRAND: Duration = Duration::from_secs(10);

/// How long a call waits for the level of the server's log.
const SET_LEVEL: Duration = Duration::from_secs(2);

/// One session with the server.
pub(super) struct Session {
    pub(super) channel: Arc<dyn Channel>,
    pub(super) hello: Hello,
    pub(super) key: Key,
    home: Weak<Shared>,
    pub(super) subscriptions: Subscriptions,
    /// Whether it is settled how the server tells of its own accord: a stream is open, or there is none.
    pub(super) heard: watch::Sender<bool>,
    /// The level of the server's log, once it was set.
    level: LevelCell,
    ids: AtomicI64,
    members: Mutex<Members>,
    errands: Arc<Semaphore>,
    runtime: Handle,
    closed: AtomicBool,
    /// Whether it was said that messages to the server were dropped.
    complained: AtomicBool,
}

/// Who is in a session.
#[derive(Debug)]
struct Members {
    calls: HashMap<i64, Arc<Entry>>,
    listeners: HashMap<i64, Arc<Listener>>,
    active: usize,
    used: Instant,
    /// Whether nobody new is let in.
    ended: bool,
    pump: Option<AbortHandle>,
}

/// A call that is under way, as the session sees it.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// What the client can be asked during the call.
    pub(super) abilities: Abilities,
    /// Whether the answer may ask for input.
    pub(super) may_ask: bool,
    pub(super) level: LevelCell,
    pub(super) inbox: Inbox,
}

/// Why nobody is let into a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// It has ended.
    Ended,
    /// There is no room.
    Full,
}

impl Session {
    /// A session that has begun, in which no id up to `used_ids` is given out.
    pub(super) fn new(
        channel: Arc<dyn Channel>,
        hello: Hello,
        key: Key,
        home: Weak<Shared>,
        used_ids: i64,
    ) -> Self {
        Self {
            channel,
            hello,
            key,
            home,
            subscriptions: Subscriptions::default(),
            heard: watch::Sender::new(false),
            level: LevelCell::default(),
            ids: AtomicI64::new(used_ids + 1),
            members: Mutex::new(Members {
                calls: HashMap::new(),
                listeners: HashMap::new(),
                active: 0,
                used: Instant::now(),
                ended: false,
                pump: None,
            }),
            errands: Arc::new(Semaphore::new(MAX_ERRANDS)),
            runtime: Handle::current(),
            closed: AtomicBool::new(false),
            complained: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn next_id(&self) -> i64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// Lets a call or a subscription in.
    pub(super) fn enter(self: &Arc<Self>, max: usize) -> Result<Lease, Closed> {
        let mut members = self.lock();
        if members.ended {
            return Err(Closed::Ended);
        }
        if members.active >= max {
            return Err(Closed::Full);
        }
        members.active += 1;
        members.used = Instant::now();
        Ok(Lease(self.clone()))
    }

    /// Since when nobody is in the session; none if somebody is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let members = self.lock();
        (members.active == 0).then_some(members.used)
    }

    /// When somebody last came or went.
    pub(super) fn used(&self) -> Instant {
        self.lock().used
    }

    pub(super) fn pumped_by(&self, pump: AbortHandle) {
        let mut members = self.lock();
        if members.ended {
            pump.abort();
        }
        members.pump = Some(pump);
    }

    pub(super) fn register(&self, id: i64, entry: &Arc<Entry>) {
        let mut members = self.lock();
        if members.ended {
            entry.inbox.close();
        }
        members.calls.insert(id, entry.clone());
    }

    pub(super) fn deregister(&self, id: i64) {
        self.lock().calls.remove(&id);
    }

    pub(super) fn add_listener(&self, id: i64, listener: &Arc<Listener>) {
        let mut members = self.lock();
        if members.ended {
            listener.inbox.close();
        }
        members.listeners.insert(id, listener.clone());
    }

    pub(super) fn remove_listener(&self, id: i64) {
        self.lock().listeners.remove(&id);
    }

    /// The call to which a request was given this id.
    pub(super) fn call(&self, id: i64) -> Option<Arc<Entry>> {
        self.lock().calls.get(&id).cloned()
    }

    /// The call that something belongs to of which the server does not say so: the only one that it can belong to. Where
    /// there are several, it is the most recent one if they are all of one verified principal, who then sees nothing of
    /// anybody else's; otherwise it is nobody's.
    pub(super) fn guess(&self, fits: impl Fn(&Entry) -> bool) -> Option<Arc<Entry>> {
        let members = self.lock();
        let mut candidates: Vec<_> = members.calls.iter().filter(|(_, entry)| fits(entry)).collect();
        candidates.sort_unstable_by_key(|(id, _)| **id);
        let latest = candidates.last()?.1;
        // A call that became a task has two ids.
        let only = candidates.iter().all(|(_, entry)| Arc::ptr_eq(entry, latest));
        (only || self.key.principal.is_some()).then(|| latest.clone())
    }

    pub(super) fn listeners(&self) -> Vec<Arc<Listener>> {
        self.lock().listeners.values().cloned().collect()
    }

    /// Sends the server a message that nobody waits for.
    pub(super) fn tell(&self, message: Message) {
        let Ok(permit) = self.errands.clone().try_acquire_owned() else {
            if !self.complained.swap(true, Ordering::Relaxed) {
                tracing::warn!("a server takes messages too slowly; some are dropped");
            }
            return;
        };
        let channel = self.channel.clone();
        self.runtime.spawn(async move {
            let sent = timeout(ERRAND, async {
                let outgoing = Outgoing { message, extensions: Extensions::new() };
                let mut incoming = channel.send(outgoing).await?;
                // What a request of this kind is answered, nobody asks for; but it must not end before.
                while let Some(message) = incoming.next().await {
                    message?;
                }
                Ok::<_, ChannelError>(())
            });
            if let Ok(Err(error)) = sent.await {
                tracing::debug!(%error, "a message to the server got lost");
            }
            drop(permit);
        });
    }

    /// Tells the server that its request came to nothing.
    pub(super) fn refuse(&self, request: &Id, code: i64, text: &str) {
        self.tell(Message::from_error(Some(request), code, text, None));
    }

    /// Asks the server something that concerns the session.
    pub(super) async fn ask(
        self: &Arc<Self>,
        method: &str,
        params: &Fragment,
        limit: Duration,
    ) -> Result<Message, ChannelError> {
        let id = Id::from(self.next_id());
        let message = Message::from_request(&id, method, params);
        let asked = timeout(limit, async {
            let mut incoming = self.channel.send(Outgoing { message, extensions: Extensions::new() }).await?;
            while let Some(message) = incoming.next().await {
                let message = message?;
                if message.is_answer() && message.id() == Some(&id) {
                    return Ok(message);
                }
                route::unsolicited(self, message);
            }
            Err(ChannelError::Failed(Failure::new(FailureKind::Close)))
        });
        asked.await.unwrap_or_else(|_| Err(ChannelError::Failed(Failure::new(FailureKind::Timeout))))
    }

    /// Has the server tell what a call wants to hear. What others want to hear less of is kept from them here, so the
    /// level is only ever lowered.
    pub(super) async fn log_from(self: &Arc<Self>, level: Level) {
        if !self.hello.logging || self.level.wants(level) {
            return;
        }
        let params = Fragment::parse(format!(r#"{{"level":"{}"}}"#, level.as_str()));
        let Ok(params) = params else { return };
        match self.ask("logging/setLevel", &params, SET_LEVEL).await {
            // A server that says no will say no again.
            Ok(_) if !self.level.wants(level) => self.level.set(Some(level)),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "the level of the server's log could not be set"),
        }
    }

    /// Lets nobody in any more, and has subscriptions go elsewhere. Calls that are under way go on as far as they can.
    pub(super) fn end(&self) {
        self.stop(false);
    }

    /// Ends it if that is what an error means. What is under way in a broken one fails.
    pub(super) fn lose(self: &Arc<Self>, error: &ChannelError) {
        if matches!(error, ChannelError::Failed(_)) {
            return;
        }
        if let Some(home) = self.home.upgrade() {
            home.pool.forget(self);
        }
        self.stop(matches!(error, ChannelError::Broken(_)));
    }

    fn stop(&self, broken: bool) {
        let mut members = self.lock();
        members.ended = true;
        let pump = members.pump.take();
        members.listeners.values().for_each(|listener| listener.inbox.close());
        if broken {
            members.calls.values().for_each(|entry| entry.inbox.close());
        }
        let deserted = members.active == 0;
        drop(members);
        if let Some(pump) = pump {
            pump.abort();
        }
        if deserted {
            self.close();
        }
    }

    fn leave(&self) {
        let mut members = self.lock();
        members.active = members.active.saturating_sub(1);
        members.used = Instant::now();
        let over = members.active == 0 && members.ended;
        drop(members);
        if over {
            self.close();
        }
    }

    fn close(&self) {
        if !self.closed.swap(true, Ordering::Relaxed) {
            let channel = self.channel.clone();
            self.runtime.spawn(async move { channel.close().await });
        }
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.runtime.spawn(task).abort_handle()
    }
}

/// A place in a session, which is not idle while there is one.
pub(super) struct Lease(Arc<Session>);

impl Deref for Lease {
    type Target = Arc<Session>;

    fn deref(&self) -> &Arc<Session> {
        &self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.leave();
    }
}
