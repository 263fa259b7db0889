//! One session with the server: its channel, and who is in it.

mod ear;
mod errands;

use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use self::ear::Ear;
use self::errands::MAX_ERRANDS;
use super::capabilities::Abilities;
use super::hello::Hello;
use super::inbox::{Held, Inbox};
use super::level::LevelCell;
use super::listen::Listener;
use super::pool::Key;
use super::service::Shared;
use super::subscriptions::Subscriptions;
use super::{Channel, ChannelError};

/// How many tools are remembered of which calls must be tasks, and how long their names may be.
const MAX_TASK_TOOLS: usize = 256;
const MAX_TOOL_NAME: usize = 256;

/// One session with the server.
pub(super) struct Session {
    pub(super) channel: Arc<dyn Channel>,
    pub(super) hello: Hello,
    pub(super) key: Key,
    home: Weak<Shared>,
    pub(super) subscriptions: Subscriptions,
    /// Whether it is settled how the server tells of its own accord: a stream is open, or there is none.
    pub(super) heard: watch::Sender<bool>,
    pub(super) ear: Ear,
    /// What waits in all inboxes of the session.
    pub(super) held: Held,
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
    /// Tools whose calls must be tasks, as far as that was found out.
    task_tools: HashSet<Box<str>>,
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
            ear: Ear::default(),
            held: Held::default(),
            level: LevelCell::default(),
            ids: AtomicI64::new(used_ids + 1),
            members: Mutex::new(Members {
                calls: HashMap::new(),
                listeners: HashMap::new(),
                active: 0,
                used: Instant::now(),
                task_tools: HashSet::new(),
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

    /// Whether calls of this tool are known to have to be tasks.
    pub(super) fn demands_task(&self, tool: &str) -> bool {
        self.lock().task_tools.contains(tool)
    }

    /// Remembers what was found out about a tool, as far as there is room: without it, a call only takes longer.
    pub(super) fn note_task(&self, tool: &str, demanded: bool) {
        let mut members = self.lock();
        if !demanded {
            members.task_tools.remove(tool);
        } else if members.task_tools.len() < MAX_TASK_TOOLS && tool.len() <= MAX_TOOL_NAME {
            members.task_tools.insert(tool.into());
        }
    }

    pub(super) fn listeners(&self) -> Vec<Arc<Listener>> {
        self.lock().listeners.values().cloned().collect()
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

    /// This session and all others of the same principal's.
    pub(super) fn siblings(self: &Arc<Self>) -> Vec<Arc<Self>> {
        let mut all =
            self.home.upgrade().map(|home| home.pool.of(self.key.principal.as_ref())).unwrap_or_default();
        // One that has ended may still have something to say.
        if !all.iter().any(|session| Arc::ptr_eq(session, self)) {
            all.push(self.clone());
        }
        all
    }

    /// Takes what the server has said of its own accord by now to whom it belongs.
    pub(super) fn catch_up(self: &Arc<Self>) {
        self.ear.catch_up(self);
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
