//! One session: the stream that is read, and the URL that is posted to.

use std::time::Duration;

use http::{Extensions, HeaderMap};
use portcullis_mcp_jsonrpc::{FailureKind, Kind, Message};
use portcullis_mcp_legacy::upstream::{BoxFuture, Channel, ChannelError, Incoming, Outgoing};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::auto::Sent;
use crate::duplex::{Cause, Duplex, Exchange, Limits};
use crate::endpoint::Endpoint;
use crate::events::Events;
use crate::failure;
use crate::legacy::forgets;
use crate::patience::{Patience, Timed};

/// How many messages of our own wait to be posted. They are advice; more are dropped.
const MOST_ASIDES: usize = 64;

/// How long one of them may take.
const ASIDE: Duration = Duration::from_secs(5);

/// A channel of HTTP+SSE. It reads its stream on a task of its own, which ends with it.
pub(crate) struct SseChannel {
    endpoint: Endpoint,
    duplex: Duplex,
    tasks: [JoinHandle<()>; 2],
}

impl SseChannel {
    /// Starts to read the stream, of which the first event has been read.
    pub(super) fn start(endpoint: Endpoint, events: Events) -> Self {
        let duplex = Duplex::new(Limits::default());
        let (asides, waiting) = mpsc::channel(MOST_ASIDES);
        let tasks = [
            tokio::spawn(read(events, duplex.clone(), asides)),
            tokio::spawn(post_asides(endpoint.clone(), waiting)),
        ];
        Self { endpoint, duplex, tasks }
    }

    async fn post(&self, outgoing: Outgoing) -> Result<Incoming, ChannelError> {
        let Outgoing { message, extensions } = outgoing;
        if self.duplex.broken().is_some() {
            return Err(ChannelError::Forgotten);
        }
        let is_request = message.kind() == Kind::Request;
        let exchange = self.duplex.expect(&message)?;
        self.duplex.answers(&message);
        let sent = Sent::now(&extensions);
        let response =
            self.endpoint.post(message, HeaderMap::new(), &extensions).await.map_err(ChannelError::Failed)?;
        let status = response.status();
        if status.is_success() {
            return Ok(if is_request { self.timed(exchange) } else { Box::pin(exchange) });
        }
        let text = self.endpoint.collect(response.into_body()).await.unwrap_or_default();
        if forgets(status, &text) {
            self.duplex.shut(Cause::new(FailureKind::Close, "the server has forgotten the session"));
            sent.not_looked_at();
            return Err(ChannelError::Forgotten);
        }
        Err(ChannelError::Failed(failure::of_status(status)))
    }

    fn timed(&self, exchange: Exchange) -> Incoming {
        let limits = self.endpoint.core.limits;
        let patience = Patience::new(limits.total);
        let (silence, parked) = (Some(limits.head), limits.listen_idle);
        Timed { exchange, duplex: self.duplex.clone(), patience, silence, parked }.into_incoming()
    }
}

async fn read(mut events: Events, duplex: Duplex, asides: mpsc::Sender<Message>) {
    let cause = loop {
        match events.message().await {
            Ok(Some(message)) => {
                for aside in duplex.deliver(message) {
                    let _ = asides.try_send(aside);
                }
            }
            Ok(None) => break Cause::new(FailureKind::Close, "the server ended the event stream"),
            Err(failure) => break Cause::new(failure.kind(), failure.to_string()),
        }
    };
    duplex.shut(cause);
}

async fn post_asides(endpoint: Endpoint, mut waiting: mpsc::Receiver<Message>) {
    while let Some(aside) = waiting.recv().await {
        let _ = tokio::time::timeout(ASIDE, endpoint.post(aside, HeaderMap::new(), &Extensions::new())).await;
    }
}

impl Channel for SseChannel {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Incoming, ChannelError>> {
        Box::pin(self.post(outgoing))
    }

    fn listen(&self) -> BoxFuture<'_, Result<Option<Incoming>, ChannelError>> {
        let listener: Incoming = Box::pin(self.duplex.listen());
        Box::pin(std::future::ready(Ok(Some(listener))))
    }

    fn negotiated(&self, _: &str) {
        // The revision of 2024-11-05 knows no header for it.
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.duplex.shut(Cause::new(FailureKind::Close, "the session is over"));
        Box::pin(std::future::ready(()))
    }
}

impl Drop for SseChannel {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
