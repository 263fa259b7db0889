//! The sessions of which something is held here.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::deleted::Deleted;
use super::entry::{Entry, Worth};
use super::token::Number;

/// How many parts a large table has, each with a lock of its own.
const SHARDS: usize = 16;

/// From which size on a table is worth splitting.
const LARGE: usize = 1024;

/// How often it is looked for what may go.
const SWEEP: Duration = Duration::from_secs(10);

/// For how long nobody must have asked for a session before it may go.
const IDLE: Duration = Duration::from_secs(30);

/// Sessions by their number.
///
/// A session that is not in here is no less valid: it is made again from its id. So the table is a bounded cache, out of
/// which the least recently used go first, those first of which nothing would be lost.
#[derive(Debug)]
pub(super) struct Table {
    shards: Box<[Mutex<Shard>]>,
    /// How many sessions a shard may hold.
    capacity: usize,
    after_end: Duration,
    /// Whether the task runs that looks for what may go.
    sweeping: AtomicBool,
    start: Instant,
}

#[derive(Debug, Default)]
struct Shard {
    sessions: HashMap<Number, Arc<Entry>>,
    deleted: Deleted,
}

impl Table {
    /// A table for this many sessions, which forgets the streams of sessions when they have been over for `after_end`.
    pub(super) fn new(max_sessions: usize, after_end: Duration) -> Self {
        let max_sessions = max_sessions.max(1);
        let shards = if max_sessions < LARGE { 1 } else { SHARDS };
        let capacity = max_sessions.div_ceil(shards);
        let shard = || Mutex::new(Shard { sessions: HashMap::new(), deleted: Deleted::new(capacity) });
        Self {
            shards: std::iter::repeat_with(shard).take(shards).collect(),
            capacity,
            after_end,
            sweeping: AtomicBool::new(false),
            start: Instant::now(),
        }
    }

    /// The session of this number, made if there is none; nothing if it was deleted or cannot be made.
    pub(super) fn enter(
        self: &Arc<Self>,
        number: &Number,
        make: impl FnOnce() -> Option<Entry>,
    ) -> Option<Arc<Entry>> {
        let mut shard = self.shard(number)?;
        if shard.deleted.contains(number) {
            return None;
        }
        let now = self.now();
        if let Some(entry) = shard.sessions.get(number) {
            entry.touch(now);
            return Some(Arc::clone(entry));
        }
        let entry = Arc::new(make()?);
        entry.touch(now);
        let evicted = shard.make_room(self.capacity);
        match shard.sessions.entry(*number) {
            Place::Occupied(_) => {}
            Place::Vacant(place) => {
                place.insert(Arc::clone(&entry));
            }
        }
        drop(shard);
        // What is dropped may be large, and others wait for the lock.
        drop(evicted);
        self.keep_sweeping();
        Some(entry)
    }

    /// Ends a session for good, as far as this process is asked. Whether it was not deleted before.
    pub(super) fn delete(&self, number: &Number, expires: u64, now: u64) -> bool {
        let Some(mut shard) = self.shard(number) else { return false };
        let new = shard.deleted.insert(*number, expires, now);
        let entry = shard.sessions.remove(number);
        drop(shard);
        if let Some(entry) = entry {
            entry.close();
        }
        new
    }

    /// How many sessions are held.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).sessions.len()).sum()
    }

    fn keep_sweeping(self: &Arc<Self>) {
        if self.sweeping.swap(true, Ordering::AcqRel) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            self.sweeping.store(false, Ordering::Release);
            return;
        };
        let table = Arc::downgrade(self);
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                let Some(table) = table.upgrade() else { return };
                table.sweep().await;
                table.sweeping.store(false, Ordering::Release);
                // A session that came in between has found the task still running.
                if table.len() == 0 || table.sweeping.swap(true, Ordering::AcqRel) {
                    return;
                }
            }
        });
    }

    /// Drops sessions that nobody asked for lately and that can be made again.
    async fn sweep(&self) {
        let now = self.now();
        for shard in &self.shards {
            let mut dropped = Vec::new();
            {
                let mut shard = lock(shard);
                shard.sessions.retain(|_, entry| {
                    entry.purge(self.after_end);
                    let idle = u128::from(now.saturating_sub(entry.used())) >= IDLE.as_millis();
                    let keep = !idle || entry.worth() > Worth::Nothing;
                    if !keep {
                        dropped.push(Arc::clone(entry));
                    }
                    keep
                });
                if shard.sessions.is_empty() {
                    shard.sessions = HashMap::new();
                }
            }
            drop(dropped);
            tokio::task::yield_now().await;
        }
    }

    /// Milliseconds since the table was made.
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Numbers are drawn at random, so any of their bytes tells them apart.
    fn shard(&self, number: &Number) -> Option<MutexGuard<'_, Shard>> {
        let [first, ..] = *number;
        self.shards.get(usize::from(first) % self.shards.len().max(1)).map(lock)
    }
}

/// A panic elsewhere while the lock was held leaves maps that are still whole, so poisoning is ignored.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    /// Takes out sessions until there is room for one more: a sixteenth of them at a time, so that a full table does not
    /// look for one with each session that comes, but only the one that matters least if something goes on in all.
    fn make_room(&mut self, capacity: usize) -> Vec<Arc<Entry>> {
        if self.sessions.len() < capacity {
            return Vec::new();
        }
        let mut order: Vec<_> =
            self.sessions.iter().map(|(number, entry)| (entry.worth(), entry.used(), *number)).collect();
        order.sort_unstable();
        let wanted = self.sessions.len() + 1 - capacity;
        let spare = order.iter().take_while(|(worth, ..)| *worth < Worth::Busy).count();
        let count = wanted.max(spare.min(capacity / 16));
        order.iter().take(count).filter_map(|(.., number)| self.sessions.remove(number)).collect()
    }
}

#[cfg(test)]
mod tests;
