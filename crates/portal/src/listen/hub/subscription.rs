//! One listener's place at a shared stream.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::unfold;
use portcullis_mcp_jsonrpc::FailureKind;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, timeout_at};

use super::{Hub, Opened, State, Told};
use crate::limit::Permit;
use crate::listen::merged::{Event, Feed};
use crate::trouble::Trouble;

/// The task gives up, and says why, when the first listener would. It is let finish.
const GRACE: Duration = Duration::from_millis(50);

/// See the module. Dropping it gives the place up.
///
/// Ten thousand of these wait at a time, so all that can be is the hub's.
pub(in crate::listen) struct Subscription {
    hub: Arc<Hub>,
    events: broadcast::Receiver<Arc<Told>>,
    _permit: Permit,
    /// The opening that the listener knows of; none yet if 0.
    round: u32,
}

impl Subscription {
    pub(super) fn new(hub: Arc<Hub>, events: broadcast::Receiver<Arc<Told>>, permit: Permit) -> Self {
        Self { hub, events, _permit: permit, round: 0 }
    }

    /// Waits for the stream to be open. If it is down, the server is asked again at once.
    pub(in crate::listen) async fn opened(&mut self, deadline: Instant) -> Result<Arc<Opened>, Trouble> {
        let mut states = self.hub.state.clone();
        let settled = async {
            if matches!(*states.borrow_and_update(), State::Down(_)) {
                self.hub.retry.notify_one();
                states.changed().await?;
            }
            states.wait_for(|state| !matches!(state, State::Opening)).await.map(|state| state.clone())
        };
        match timeout_at(deadline + GRACE, settled).await {
            Ok(Ok(State::Open(opened) | State::Ended(opened))) => {
                self.round = opened.round;
                Ok(opened)
            }
            Ok(Ok(State::Down(trouble) | State::Refused(trouble))) => Err(trouble),
            Ok(Ok(State::Opening) | Err(_)) => {
                Err(Trouble::new(FailureKind::Internal, "the stream was lost"))
            }
            Err(_) => Err(Trouble::new(FailureKind::Timeout, "the server did not acknowledge in time")),
        }
    }

    /// What the stream tells, until it ends.
    pub(in crate::listen) fn feed(self) -> Feed {
        let told = unfold(self, |mut place| async move {
            loop {
                // Nothing else is alive across this wait: it is what an idle listener costs.
                let received = place.events.recv().await;
                let event = match received {
                    Err(RecvError::Closed) => return None,
                    Err(RecvError::Lagged(_)) => Some(place.missed()),
                    Ok(told) => place.event(&told),
                };
                if let Some(event) = event {
                    return Some((event, place));
                }
            }
        });
        told.boxed()
    }

    /// That the stream is open, to one who came too late to hear it.
    pub(in crate::listen) fn reopened(&self) -> Event {
        Event::Reopened(self.hub.key.filter.clone())
    }

    fn missed(&self) -> Event {
        tracing::debug!(server = self.hub.backend.id(), "a client was too slow for what was told");
        Event::Missed(self.hub.key.filter.clone())
    }

    fn event(&mut self, told: &Told) -> Option<Event> {
        match told {
            Told::Message(message) => Some(Event::Message(Arc::clone(&self.hub.backend), message.clone())),
            // The one that the listener was told of by the acknowledgement.
            Told::Opened(round) if *round == self.round => None,
            Told::Opened(round) => {
                self.round = *round;
                Some(self.reopened())
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.backend.hubs.leave(&self.hub);
    }
}
