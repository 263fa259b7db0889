//! Begins to listen to one server on behalf of one client.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::{empty, iter, once, unfold};
use portcullis_mcp_jsonrpc::Call;
use tokio::time::{Instant, timeout_at};

use super::hub::{Hubs, Opened, Terms};
use super::merged::{Event, Feed};
use super::{Filter, Next, Source, tasks};
use crate::backend::Backend;
use crate::backoff::Backoff;
use crate::class::Origin;
use crate::limit::overload;
use crate::shared::Shared;
use crate::shelf::Need;
use crate::trouble::Trouble;

/// What became of one server's stream.
pub(super) enum Begun {
    /// It is open.
    Open(Feed, Arc<Opened>),
    /// The server cannot be reached now; it is tried again while the client listens.
    Later(Feed, Trouble),
    /// The server has nothing to tell, or says no.
    No(Option<Trouble>),
}

impl Shared {
    /// Opens one server's stream or joins it, within the time that the client is made to wait.
    pub(super) async fn begin(
        &self,
        server: usize,
        backend: &Arc<Backend>,
        mut part: Filter,
        origin: &Arc<Origin>,
        call: &Call,
    ) -> Begun {
        let limits = &self.settings.limits;
        // Where there is one server only, nobody else has to wait for it.
        let patience = if self.only().is_some() { limits.list_timeout } else { limits.listen_timeout };
        let deadline = Instant::now() + patience;
        if self.backends.len() > 1 {
            part.keep_understood();
            // A server that does not describe itself is asked for everything; its acknowledgement will tell.
            let offer = timeout_at(deadline, backend.offer(origin, Need::Any)).await;
            if let Ok(Ok(offer)) = offer {
                part.keep_offered(&offer.value);
            }
            if part.is_empty() {
                return Begun::No(None);
            }
        }
        let seed = self.settings.seed ^ (server as u64) << 32;
        let terms = Terms { deadline, timeout: limits.list_timeout, seed };
        // What only the server understands may be about this very client, and what was missed could not be made up
        // for. So are tasks: what they ask of a client, only this client may be able to give.
        if part.has_others() || part.has_tasks() {
            match tasks::ask(backend, call, &part, self.only().is_some()) {
                Ok(call) => alone(backend, part, call, terms).await,
                Err(error) => Begun::Later(empty().boxed(), Trouble::garbage(error)),
            }
        } else {
            shared(backend, part, origin, terms).await
        }
    }
}

/// Listens on a stream that all who may do so share.
async fn shared(backend: &Arc<Backend>, part: Filter, origin: &Arc<Origin>, terms: Terms) -> Begun {
    let Some(permit) = backend.listeners.try_enter() else {
        let trouble = Trouble::from(overload("too many clients listen to this server"));
        backend.failed(&trouble.to_failure(backend.id()));
        return Begun::Later(in_line(backend, part, origin, terms), trouble);
    };
    let mut subscription = match Hubs::join(backend, origin, part, permit, terms) {
        Ok(subscription) => subscription,
        Err(trouble) => return Begun::No(Some(trouble)),
    };
    match subscription.opened(terms.deadline).await {
        Ok(opened) => Begun::Open(subscription.feed(), opened),
        Err(trouble @ Trouble::Answer(_)) => Begun::No(Some(trouble)),
        Err(trouble) => Begun::Later(subscription.feed(), trouble),
    }
}

/// Joins as soon as somebody else leaves.
fn in_line(backend: &Arc<Backend>, part: Filter, origin: &Arc<Origin>, terms: Terms) -> Feed {
    let (backend, origin) = (Arc::clone(backend), Arc::clone(origin));
    let joined = async move {
        let permit = backend.listeners.wait().await?;
        let terms = Terms { deadline: Instant::now() + terms.timeout, ..terms };
        let mut subscription = Hubs::join(&backend, &origin, part, permit, terms).ok()?;
        let opened = match subscription.opened(terms.deadline).await {
            Ok(_) => Some(subscription.reopened()),
            Err(Trouble::Answer(_)) => return None,
            Err(Trouble::Failure(..)) => None,
        };
        Some(iter(opened).chain(subscription.feed()))
    };
    once(joined).filter_map(std::future::ready).flatten().boxed()
}

/// Listens on a stream of the client's own, and asks in the client's words.
async fn alone(backend: &Arc<Backend>, part: Filter, call: Call, terms: Terms) -> Begun {
    let mut source = Source::new(Arc::clone(backend), call, part, Backoff::new(terms.seed), terms.timeout);
    match source.open(terms.deadline).await {
        Ok(mut agreed) => {
            match backend.names_tasks {
                true => agreed.prefix_tasks(backend.prefix()),
                false => agreed.leave_tasks(),
            }
            let acknowledgement = source.take_acknowledgement();
            let acknowledgement = acknowledgement.and_then(|own| tasks::acknowledged(backend, own));
            Begun::Open(feed(source), Arc::new(Opened { round: 0, agreed, acknowledgement }))
        }
        Err(trouble @ Trouble::Answer(_)) => Begun::No(Some(trouble)),
        Err(trouble) => Begun::Later(feed(source), trouble),
    }
}

fn feed(source: Source) -> Feed {
    let events = unfold(Box::new(source), |mut source| async move {
        let event = match source.next().await {
            Next::Message(message) => Event::Message(Arc::clone(source.backend()), message),
            Next::Reopened => Event::Reopened(source.wanted().clone()),
            Next::Ended | Next::Refused => return None,
        };
        Some((event, source))
    });
    events.boxed()
}
