//! The task that keeps a shared stream open and tells everyone what comes.

use std::pin::pin;
use std::sync::Arc;

use futures_util::future::select;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::{Hub, Opened, State, Told};
use crate::listen::source::Heard;
use crate::listen::{Filter, Source};
use crate::trouble::Trouble;

/// Keeps the stream open until the server ends it. The first attempt ends at the deadline.
pub(super) async fn drive(
    hub: Arc<Hub>,
    mut source: Source,
    deadline: Instant,
    ring: broadcast::Sender<Arc<Told>>,
    report: watch::Sender<State>,
) {
    let retired = Retired(Arc::clone(&hub));
    let mut round = 0_u32;
    let mut outcome = source.open(deadline).await;
    let end = loop {
        match outcome {
            Ok(agreed) => {
                round = round.wrapping_add(1);
                match relay(&mut source, agreed, round, &ring, &report).await {
                    Ok(trouble) => drop(report.send_replace(State::Down(trouble))),
                    Err(end) => break end,
                }
            }
            Err(trouble @ Trouble::Answer(_)) => break State::Refused(trouble),
            Err(trouble) => drop(report.send_replace(State::Down(trouble))),
        }
        select(pin!(source.pause()), pin!(hub.retry.notified())).await;
        report.send_replace(State::Opening);
        if let Ok(call) = hub.call() {
            source.renew(call);
        }
        outcome = source.reopen().await;
    };
    // In this order, so that whoever hears of the end and comes again finds another hub.
    drop(retired);
    report.send_replace(end);
}

/// Passes on what an open stream tells: how it broke, or how it ended.
async fn relay(
    source: &mut Source,
    agreed: Filter,
    round: u32,
    ring: &broadcast::Sender<Arc<Told>>,
    report: &watch::Sender<State>,
) -> Result<Trouble, State> {
    let opened = Arc::new(Opened { round, agreed, acknowledgement: source.take_acknowledgement() });
    report.send_replace(State::Open(Arc::clone(&opened)));
    // Sending fails if nobody listens, and then somebody is about to end this task.
    let _ = ring.send(Arc::new(Told::Opened(round)));
    loop {
        match source.heard().await {
            Heard::Message(message) => drop(ring.send(Arc::new(Told::Message(message)))),
            Heard::Broken(trouble) => return Ok(trouble),
            Heard::Ended | Heard::Refused => return Err(State::Ended(opened)),
        }
    }
}

/// Takes the hub off the list even if its task panics or is aborted.
struct Retired(Arc<Hub>);

impl Drop for Retired {
    fn drop(&mut self) {
        self.0.backend.hubs.retire(&self.0);
    }
}
