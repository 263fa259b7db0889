//! Where processes come from.

use std::sync::{Arc, Mutex, PoisonError};

use portcullis_core::Principal;
use portcullis_mcp_jsonrpc::FailureKind;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::process::{Ending, Process};
use super::settings::Settings;
use crate::duplex::Cause;

/// Whose process it is: one principal's, or the one of all whom nobody has verified. Where processes are shared, they
/// are all nobody's. Two callers are one principal only if everything known about them is equal.
pub(super) type Owner = Option<Principal>;

/// How many owners are remembered whose processes went early.
const MOST_REMEMBERED: usize = 1024;

/// Starts processes, and remembers which did not live.
#[derive(Debug)]
pub(super) struct Nursery {
    settings: Arc<Settings>,
    losses: Arc<Losses>,
}

#[derive(Debug, Default)]
struct Losses(Mutex<Vec<Loss>>);

#[derive(Debug)]
struct Loss {
    owner: Owner,
    backoff: Backoff,
    cause: Cause,
}

impl Nursery {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self { settings, losses: Arc::default() }
    }

    pub(super) fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// Starts a process, unless those before it went too soon.
    pub(super) async fn start(&self, owner: &Owner) -> Result<Process, Cause> {
        if let Some(cause) = self.losses.refusal(owner) {
            return Err(cause);
        }
        let (settings, losses) = (self.settings.clone(), self.losses.clone());
        let begun = Instant::now();
        let ended = {
            let (settings, owner) = (settings.clone(), owner.clone());
            move |ending: &Ending| {
                if let Ending::Loss(cause) = ending {
                    losses.record(owner, begun, cause.clone(), &settings);
                }
            }
        };
        Process::start(settings, ended).await.map_err(|error| {
            let cause = Cause::new(FailureKind::Unreachable, self.settings.command.refusal(&error));
            self.losses.record(owner.clone(), begun, cause.clone(), &self.settings);
            cause
        })
    }
}

impl Losses {
    fn refusal(&self, owner: &Owner) -> Option<Cause> {
        let losses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let loss = losses.iter().find(|loss| loss.owner == *owner)?;
        let wait = loss.backoff.wait(Instant::now())?;
        let text = format!("{}; it is started again in {wait:.1?} at the soonest", loss.cause.failure());
        Some(Cause::new(FailureKind::Unreachable, text))
    }

    fn record(&self, owner: Owner, begun: Instant, cause: Cause, settings: &Settings) {
        let now = Instant::now();
        let mut losses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        losses.retain(|loss| loss.owner == owner || !loss.backoff.is_over(now, settings.longest_wait));
        let at = losses.iter().position(|loss| loss.owner == owner).unwrap_or_else(|| {
            if losses.len() >= MOST_REMEMBERED {
                losses.remove(0);
            }
            losses.push(Loss { owner, backoff: Backoff::default(), cause: cause.clone() });
            losses.len() - 1
        });
        if let Some(loss) = losses.get_mut(at) {
            let lived = now.duration_since(begun);
            loss.backoff.lose(lived, now, settings.first_wait, settings.longest_wait);
            loss.cause = cause;
        }
    }
}
