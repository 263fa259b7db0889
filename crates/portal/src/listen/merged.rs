//! The one stream that the client gets.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, SelectAll};
use portcullis_mcp_jsonrpc::{Failure, Fragment, Id, Message, MessageError};

use super::Filter;
use super::filter::change_of;
use super::stamp::{KEY, stamp};
use crate::backend::Backend;

/// Something that a server's stream had to tell.
#[expect(clippy::large_enum_variant, reason = "nearly all are messages, and none is kept")]
pub(super) enum Event {
    Message(Arc<Backend>, Message),
    Reopened(Arc<Backend>, Filter),
}

/// First the acknowledgement, then what the servers tell, and in the end, when all have closed in good order, the
/// result.
pub(super) struct Merged {
    id: Id,
    /// The id as JSON, as it stands in every message.
    stamp: String,
    sources: SelectAll<BoxStream<'static, Event>>,
    agreed: Filter,
    ready: VecDeque<Message>,
    over: bool,
}

impl Merged {
    /// `own` is the acknowledgement to pass on instead of one of the portal's making.
    pub(super) fn new(
        id: &Id,
        sources: SelectAll<BoxStream<'static, Event>>,
        agreed: Filter,
        own: Option<Message>,
    ) -> Self {
        let stamp_text = id.to_json();
        let mut merged = Self {
            id: id.clone(),
            sources,
            agreed,
            ready: VecDeque::with_capacity(1),
            over: false,
            stamp: stamp_text,
        };
        let acknowledgement = own.and_then(|own| stamp(own, &merged.stamp).ok());
        let acknowledgement = acknowledgement.or_else(|| {
            let more = format!(r#","notifications":{}"#, merged.agreed.to_json());
            merged.notification("notifications/subscriptions/acknowledged", &more).ok()
        });
        merged.ready.extend(acknowledgement);
        merged
    }

    fn notification(&self, method: &str, more: &str) -> Result<Message, MessageError> {
        let params = Fragment::parse(format!(r#"{{"_meta":{{"{KEY}":{}}}{more}}}"#, self.stamp))?;
        Ok(Message::from_notification(method, &params))
    }

    fn result(&self) -> Result<Message, MessageError> {
        let meta = format!(r#"{{"resultType":"complete","_meta":{{"{KEY}":{}}}}}"#, self.stamp);
        Ok(Message::from_result(&self.id, &Fragment::parse(meta)?))
    }

    fn heed(&mut self, event: Event) {
        match event {
            Event::Message(backend, message) => {
                if !self.agreed.carries(message.method().unwrap_or_default()) {
                    return;
                }
                match stamp(message, &self.stamp) {
                    Ok(message) => self.ready.push_back(message),
                    Err(error) => tracing::debug!(server = backend.id(), %error, "left out a notification"),
                }
            }
            Event::Reopened(backend, wanted) => {
                tracing::info!(server = backend.id(), "listens again");
                // Whatever changed in between, the client has not heard of it.
                let kinds = wanted.kinds().filter(|kind| self.agreed.carries(change_of(*kind)));
                let changes: Vec<_> =
                    kinds.filter_map(|kind| self.notification(change_of(kind), "").ok()).collect();
                self.ready.extend(changes);
            }
        }
    }
}

impl Stream for Merged {
    type Item = Result<Message, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(message)));
            }
            if self.over {
                return Poll::Ready(None);
            }
            match ready!(self.sources.poll_next_unpin(cx)) {
                Some(event) => self.heed(event),
                None => {
                    self.over = true;
                    let result = self.result().ok();
                    self.ready.extend(result);
                }
            }
        }
    }
}
