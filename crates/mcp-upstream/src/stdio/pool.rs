//! The processes that speak 2026-07-28, one for each owner.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use portcullis_mcp_jsonrpc::{Failure, FailureKind};
use tokio::sync::watch;
use tokio::time::Instant;

use super::modern::Modern;
use super::nursery::{Nursery, Owner};
use super::probe::probe;
use super::process::Process;
use crate::duplex::Cause;
use crate::probe::Verdict;

/// Processes by owner.
#[derive(Debug)]
pub(super) struct Pool {
    nursery: Arc<Nursery>,
    /// Whether a fresh process is asked what it speaks.
    probes: bool,
    most: usize,
    idle: Option<Duration>,
    slots: Mutex<Vec<Slot>>,
}

#[derive(Debug)]
struct Slot {
    owner: Owner,
    state: State,
}

#[derive(Debug)]
enum State {
    Starting(watch::Receiver<Option<Started>>),
    Up(Arc<Modern>),
}

type Started = Result<Arc<Modern>, Miss>;

/// Why there is no process.
#[derive(Clone, Debug)]
pub(super) enum Miss {
    /// There is one, and it does not speak 2026-07-28. It stays with the first who hears of it.
    Legacy(Arc<Mutex<Option<Process>>>),
    /// It went away over the question what it speaks.
    Shy(Cause),
    Cause(Cause),
}

impl Pool {
    pub(super) fn new(nursery: Arc<Nursery>, probes: bool, most: usize, idle: Option<Duration>) -> Arc<Self> {
        Arc::new(Self { nursery, probes, most, idle, slots: Mutex::default() })
    }

    /// The owner's process; it is started if there is none. That goes on even if nobody waits for it any more, or a server
    /// that takes longer to start than its callers wait would never come up.
    pub(super) async fn acquire(self: &Arc<Self>, owner: &Owner) -> Result<Arc<Modern>, Miss> {
        let mut started = match self.find(owner)? {
            State::Up(modern) => return Ok(modern),
            State::Starting(started) => started,
        };
        let started = started.wait_for(Option::is_some).await.ok().and_then(|started| started.clone());
        // Nothing comes of it if the runtime is shut down.
        started.unwrap_or_else(|| {
            Err(Miss::Cause(Cause::new(FailureKind::Unreachable, "the start was given up")))
        })
    }

    fn find(self: &Arc<Self>, owner: &Owner) -> Result<State, Miss> {
        let mut slots = self.lock();
        slots.retain(|slot| !matches!(&slot.state, State::Up(modern) if modern.is_broken()));
        if let Some(slot) = slots.iter().find(|slot| slot.owner == *owner) {
            return Ok(match &slot.state {
                State::Up(modern) => State::Up(modern.clone()),
                State::Starting(started) => State::Starting(started.clone()),
            });
        }
        if slots.len() >= self.most {
            let idle = slots.iter().enumerate().filter_map(|(at, slot)| Some((slot.idle_since()?, at)));
            let Some((_, longest)) = idle.min() else {
                let text = format!("all {} processes are busy", self.most);
                return Err(Miss::Cause(Cause::new(FailureKind::Overload, text)));
            };
            slots.remove(longest);
        }
        let (sender, started) = watch::channel(None);
        slots.push(Slot { owner: owner.clone(), state: State::Starting(started.clone()) });
        tokio::spawn(start(Arc::downgrade(self), self.nursery.clone(), self.probes, owner.clone(), sender));
        Ok(State::Starting(started))
    }

    fn settle(&self, owner: &Owner, started: &Started) {
        let mut slots = self.lock();
        let Some(at) = slots.iter().position(|slot| slot.owner == *owner) else { return };
        match (started, slots.get_mut(at)) {
            (Ok(modern), Some(slot)) => slot.state = State::Up(modern.clone()),
            _ => drop(slots.remove(at)),
        }
    }

    /// Lets go of a process that nobody has used for long. Gives when to look again.
    fn release(&self, modern: &Arc<Modern>, idle: Duration) -> Option<Instant> {
        let now = Instant::now();
        let mut slots = self.lock();
        let at =
            slots.iter().position(|slot| matches!(&slot.state, State::Up(up) if Arc::ptr_eq(up, modern)))?;
        let due = modern.idle_since().unwrap_or(now) + idle;
        if due > now {
            return Some(due);
        }
        slots.remove(at);
        None
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn idle_since(&self) -> Option<Instant> {
        match &self.state {
            State::Up(modern) => modern.idle_since(),
            State::Starting(_) => None,
        }
    }
}

async fn start(
    pool: Weak<Pool>,
    nursery: Arc<Nursery>,
    probes: bool,
    owner: Owner,
    sender: watch::Sender<Option<Started>>,
) {
    let started = bring_up(&nursery, probes, &owner).await;
    let Some(kept) = pool.upgrade() else { return };
    kept.settle(&owner, &started);
    let idle = kept.idle;
    drop(kept);
    let modern = started.as_ref().ok().map(Arc::downgrade);
    sender.send_replace(Some(started));
    drop(sender);
    if let (Some(modern), Some(idle)) = (modern, idle) {
        watch_idleness(&pool, &modern, idle).await;
    }
}

async fn bring_up(nursery: &Nursery, probes: bool, owner: &Owner) -> Started {
    let process = nursery.start(owner).await.map_err(Miss::Cause)?;
    let verdict = match probes {
        true => probe(&process, nursery.settings().probe_timeout).await,
        false => Ok(Verdict::Modern),
    };
    match verdict {
        Ok(Verdict::Modern) => Ok(Arc::new(Modern::new(process, nursery.settings().total_timeout))),
        Ok(Verdict::Legacy | Verdict::Undecided) => Err(Miss::Legacy(Arc::new(Mutex::new(Some(process))))),
        Err(failure) => Err(Miss::Shy(Cause::new(failure.kind(), failure.to_string()))),
    }
}

async fn watch_idleness(pool: &Weak<Pool>, modern: &Weak<Modern>, idle: Duration) {
    let mut due = Instant::now() + idle;
    loop {
        tokio::time::sleep_until(due).await;
        let (Some(pool), Some(modern)) = (pool.upgrade(), modern.upgrade()) else { return };
        match pool.release(&modern, idle) {
            Some(later) => due = later,
            None => return,
        }
    }
}

impl Miss {
    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::Legacy(_) => {
                Failure::new(FailureKind::Garbage).with_source("the server speaks an older MCP")
            }
            Self::Shy(cause) | Self::Cause(cause) => cause.failure(),
        }
    }
}
