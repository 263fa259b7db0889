//! Watches servers whose lists are kept, to hear of changes before the lists run out.
//!
//! Only lists that everybody shares are watched: watching a private one would mean to go on using a caller's
//! credentials after their call. Private lists run out by their time to live, or by what their owner's own streams
//! tell.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::ask;
use crate::backend::Backend;
use crate::backoff::Backoff;
use crate::class::Origin;
use crate::kind::Kind;
use crate::list::Part;
use crate::listen::{Filter, Next, Source};
use crate::shared::Shared;
use crate::shelf::Need;
use crate::trouble::Trouble;

/// The tasks that watch, one for each server at most. They end with the portal.
#[derive(Debug)]
pub(crate) struct Watches {
    begun: Vec<AtomicBool>,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Watches {
    pub(crate) fn new(servers: usize) -> Self {
        let begun = std::iter::repeat_with(AtomicBool::default).take(servers).collect();
        Self { begun, tasks: Mutex::default() }
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        let tasks = self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner);
        tasks.iter().for_each(AbortHandle::abort);
    }
}

/// Begins to watch the servers that gave a list which will be kept and shared.
pub(crate) fn begin(shared: &Shared, kind: Kind, parts: &[Part]) {
    for (server, (backend, part)) in shared.backends.iter().zip(parts).enumerate() {
        let Some(begun) = shared.watches.begun.get(server) else { continue };
        let kept =
            part.stock.as_ref().is_some_and(|stock| !stock.private && stock.fresh_for > Duration::ZERO);
        if !kept || backend.per_principal || begun.load(Ordering::Relaxed) {
            continue;
        }
        if begun.swap(true, Ordering::AcqRel) {
            continue;
        }
        tracing::debug!(server = backend.id(), kind = kind.noun(), "begins to watch");
        let backoff = Backoff::new(shared.settings.seed ^ server as u64);
        let task = watch(Arc::clone(backend), backoff, shared.settings.limits.list_timeout);
        let task = tokio::spawn(task).abort_handle();
        shared.watches.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }
}

/// Listens to a server for as long as it does not refuse.
async fn watch(backend: Arc<Backend>, mut backoff: Backoff, timeout: Duration) {
    let origin = Arc::new(Origin::nobody());
    let offer = loop {
        match backend.offer(&origin, Need::Any).await {
            Ok(stock) => break stock.value,
            Err(Trouble::Answer(_)) => return,
            Err(Trouble::Failure(..)) => tokio::time::sleep(backoff.next()).await,
        }
    };
    let announced = |kind: &Kind| offer.announces(*kind);
    let kinds: Vec<_> = [Kind::Tools, Kind::Prompts, Kind::Resources].into_iter().filter(announced).collect();
    let filter = Filter::of_kinds(&kinds);
    if filter.is_empty() {
        return;
    }
    let members = format!(r#","notifications":{}"#, filter.to_json());
    let Ok(call) = ask::call(&origin, "subscriptions/listen", &members) else { return };
    loop {
        let source =
            Source::new(Arc::clone(&backend), call.clone(), filter.clone(), backoff.clone(), timeout);
        let mut source = source.uncounted();
        // The first opening counts as one after a break: the list was fetched before it.
        loop {
            match source.next().await {
                Next::Message(_) | Next::Reopened => {}
                Next::Ended => break,
                Next::Refused => return,
            }
        }
        tokio::time::sleep(backoff.next()).await;
    }
}
