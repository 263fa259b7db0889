//! Processes as channels on which sessions of 2025 are held.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis_core::Principal;
use portcullis_mcp_jsonrpc::{Failure, Kind, Message};
use portcullis_mcp_legacy::upstream::{BoxFuture, Channel, ChannelError, Connect, Incoming, Outgoing};
use tokio::time::Instant;

use super::nursery::{Nursery, Owner};
use super::process::Process;
use crate::Era;
use crate::auto::Found;
use crate::channels;
use crate::duplex::Exchange;
use crate::patience::{Patience, Timed};

/// How long a process that was started to ask it what it speaks waits for the session that it was started for.
const KEPT: Duration = Duration::from_secs(30);

/// One process for each session.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    nursery: Arc<Nursery>,
    found: Arc<Found>,
    is_shared: bool,
    /// Processes that were asked what they speak, and wait for their session.
    ready: Mutex<Vec<(Owner, Process, Instant)>>,
}

impl Sessions {
    pub(super) fn new(nursery: Arc<Nursery>, found: Arc<Found>, is_shared: bool) -> Self {
        Self { shared: Arc::new(Shared { nursery, found, is_shared, ready: Mutex::default() }) }
    }

    /// Keeps a fresh process for the session that comes next.
    pub(super) fn keep(&self, owner: Owner, process: Process) {
        self.shared.lock().push((owner, process, Instant::now()));
        let shared = Arc::downgrade(&self.shared);
        tokio::spawn(async move {
            tokio::time::sleep(KEPT).await;
            if let Some(shared) = shared.upgrade() {
                shared.lock().retain(|(_, _, since)| since.elapsed() < KEPT);
            }
        });
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Vec<(Owner, Process, Instant)>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, owner: &Owner) -> Option<Process> {
        let mut ready = self.lock();
        ready.retain(|(_, process, _)| process.broken().is_none());
        let at = ready.iter().position(|(other, _, _)| other == owner)?;
        Some(ready.remove(at).1)
    }
}

impl Connect for Sessions {
    fn connect<'a>(
        &'a self,
        principal: Option<&'a Principal>,
    ) -> BoxFuture<'a, Result<Arc<dyn Channel>, Failure>> {
        Box::pin(async move {
            let owner = principal.filter(|_| !self.shared.is_shared).cloned();
            let process = match self.shared.take(&owner) {
                Some(process) => process,
                None => self.shared.nursery.start(&owner).await.map_err(|cause| cause.failure())?,
            };
            let total = self.shared.nursery.settings().total_timeout;
            let found = self.shared.found.clone();
            Ok(Arc::new(StdioChannel { process, found, total }) as Arc<dyn Channel>)
        })
    }
}

/// A process on which one session is held.
struct StdioChannel {
    process: Process,
    found: Arc<Found>,
    total: Option<Duration>,
}

impl StdioChannel {
    async fn send(&self, message: Message) -> Result<Incoming, ChannelError> {
        let exchange = match self.process.duplex().expect(&message) {
            // Nothing was sent.
            Err(ChannelError::Broken(_)) => return Err(ChannelError::Forgotten),
            exchange => exchange?,
        };
        self.process.duplex().answers(&message);
        let patience = Patience::new(self.total);
        let sent = patience.wait(None, self.process.send(&message)).await;
        sent.map_err(ChannelError::Failed)?.map_err(ChannelError::Broken)?;
        match message.method() {
            Some("initialize") => self.confirm(exchange).await,
            Some(_) if message.kind() == Kind::Request => {
                let duplex = self.process.duplex().clone();
                Ok(Timed { exchange, duplex, patience, silence: None, parked: None }.into_incoming())
            }
            _ => Ok(Box::pin(exchange)),
        }
    }

    /// A server that will have no session was taken for something that it is not, or was merely asked whether it would.
    async fn confirm(&self, mut exchange: Exchange) -> Result<Incoming, ChannelError> {
        let answer = channels::answer(&mut exchange).await;
        let agrees = matches!(&answer, Some(Ok(answer)) if answer.error_code().is_none());
        match self.found.era() {
            Some(Era::Legacy) if agrees => {}
            Some(Era::Legacy) => self.found.forget(),
            _ => self.found.set_sessions(agrees),
        }
        Ok(Box::pin(futures_util::stream::iter(answer)))
    }
}

impl Channel for StdioChannel {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Incoming, ChannelError>> {
        Box::pin(StdioChannel::send(self, outgoing.message))
    }

    fn listen(&self) -> BoxFuture<'_, Result<Option<Incoming>, ChannelError>> {
        let incoming: Incoming = Box::pin(self.process.duplex().listen());
        Box::pin(async move { Ok(Some(incoming)) })
    }

    fn negotiated(&self, _: &str) {
        // The version of a session is written nowhere on this transport.
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.process.close())
    }
}
