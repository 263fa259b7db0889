//! What is held of one session: its state, and its event streams.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis_mcp_jsonrpc::Message;
use tokio::time::Instant;

use super::outbox::{Bounds, Outbox};
use super::source::Source;
use super::stream::{Hold, Manners, Stream};
use super::token::Number;
use crate::front::Session;

/// A session of which something is held here.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) number: Number,
    pub(super) session: Arc<Session>,
    /// Milliseconds since the table was made.
    used: AtomicU64,
    streams: Mutex<Streams>,
}

#[derive(Debug, Default)]
struct Streams {
    /// Told apart by this from streams of the same session that were opened elsewhere, or here at another time.
    epoch: Option<u64>,
    opened: u64,
    replies: Vec<Arc<Stream>>,
    notifications: Option<Arc<Stream>>,
    closed: bool,
}

/// How reluctantly a session is given up when there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    /// It can be made again from its id.
    Nothing,
    /// Something would be lost: subscriptions, a log level, events that may be asked for again.
    Memory,
    /// Something is going on in it.
    Busy,
}

/// How streams of replies are kept.
#[derive(Clone, Debug)]
pub(super) struct Keeping {
    pub(super) bounds: Bounds,
    /// How many streams of one session a client can come back to.
    pub(super) streams: usize,
    /// How long the events of a stream that is over can be asked for.
    pub(super) after_end: Duration,
}

impl Entry {
    pub(super) fn new(number: Number, session: Session) -> Self {
        let (session, streams) = (Arc::new(session), Mutex::default());
        Self { number, session, used: AtomicU64::new(0), streams }
    }

    /// Opens the event stream of a reply.
    pub(super) fn open(
        &self,
        first: Vec<Message>,
        source: Source,
        mut manners: Manners,
        keeping: &Keeping,
    ) -> Arc<Stream> {
        let mut streams = self.streams();
        streams.purge(keeping.after_end);
        if streams.replies.len() >= keeping.streams
            && let Some(over) = streams.replies.iter().position(|stream| stream.ended().is_some())
        {
            streams.replies.remove(over);
        }
        manners.resumable = streams.replies.len() < keeping.streams;
        let mut bounds = keeping.bounds.clone();
        if !manners.resumable {
            bounds.bytes = 0;
        }
        let outbox = Outbox::new(streams.next_name(), bounds);
        let stream = Arc::new(Stream::new(outbox, manners, first, source));
        if manners.resumable {
            streams.replies.push(Arc::clone(&stream));
        }
        stream
    }

    /// The session's stream of notifications: the one that is open, or a new one with a name of its own; none if the
    /// session was closed this very moment.
    pub(super) fn notifications(
        &self,
        name: Box<str>,
        source: impl FnOnce() -> Source,
        manners: Manners,
        keeping: &Keeping,
    ) -> Option<Hold> {
        let mut streams = self.streams();
        if streams.closed {
            return None;
        }
        let open = streams.notifications.as_ref().filter(|stream| !stream.is_spent());
        if let Some(stream) = open {
            return Some(stream.hold());
        }
        let outbox = Outbox::new(name, keeping.bounds.clone());
        let stream = Arc::new(Stream::new(outbox, manners, None, source()));
        let hold = stream.hold();
        streams.notifications = Some(stream);
        Some(hold)
    }

    /// The stream that was given this name.
    pub(super) fn stream(&self, name: &str) -> Option<Arc<Stream>> {
        let streams = self.streams();
        let mut all = streams.replies.iter().chain(&streams.notifications);
        all.find(|stream| stream.is_named(name)).cloned()
    }

    /// Forgets streams that are over since this long.
    pub(super) fn purge(&self, after_end: Duration) {
        self.streams().purge(after_end);
    }

    /// Ends whatever is going on, and whatever begins from now on.
    pub(super) fn close(&self) {
        let streams = std::mem::replace(&mut *self.streams(), Streams { closed: true, ..Streams::default() });
        for stream in streams.replies.into_iter().chain(streams.notifications) {
            stream.give_up();
        }
        self.session.close();
    }

    pub(super) fn touch(&self, now: u64) {
        self.used.store(now, Ordering::Relaxed);
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// What would be lost. The table holds one reference to the entry, and the entry one to the session; whatever is
    /// going on holds more.
    pub(super) fn worth(self: &Arc<Self>) -> Worth {
        if Arc::strong_count(self) > 1 || Arc::strong_count(&self.session) > 1 {
            return Worth::Busy;
        }
        let streams = self.streams();
        let mut all = streams.replies.iter().chain(&streams.notifications);
        match all.any(|stream| stream.ended().is_none()) {
            true => Worth::Busy,
            false if !streams.replies.is_empty() || streams.notifications.is_some() => Worth::Memory,
            false if self.session.level().is_some() => Worth::Memory,
            false if !self.session.subscriptions().uris.is_empty() => Worth::Memory,
            false => Worth::Nothing,
        }
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Streams {
    /// A name that no other stream of the session has, whichever replica opened it, and in whichever of its lives.
    fn next_name(&mut self) -> Box<str> {
        let epoch = *self.epoch.get_or_insert_with(|| {
            // The standard library's hasher is keyed at random; the name must be unique, not secret.
            std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), Instant::now())
        });
        self.opened += 1;
        format!("{epoch:016x}-{}", self.opened).into()
    }

    fn purge(&mut self, after_end: Duration) {
        let is_kept = |stream: &Arc<Stream>| stream.ended().is_none_or(|end| end.elapsed() < after_end);
        self.replies.retain(is_kept);
        self.notifications = self.notifications.take().filter(is_kept);
        if self.replies.is_empty() {
            self.replies = Vec::new();
        }
    }
}
