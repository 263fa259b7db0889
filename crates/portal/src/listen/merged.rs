//! The one stream that the client gets.

use std::collections::{HashSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use portcullis_core::json;
use portcullis_mcp_jsonrpc::{Failure, Fragment, Id, Message, MessageError};

use super::Filter;
use super::filter::change_of;
use super::stamp::{KEY, stamp};
use crate::backend::Backend;
use crate::input::Needs;
use crate::task;

/// Something that a server's stream had to tell.
pub(super) enum Event {
    Message(Arc<Backend>, Message),
    /// The stream that carries this broke, and is open again.
    Reopened(Filter),
    /// The client was too slow for some of what a shared stream carries, which is this.
    Missed(Filter),
}

/// One server's events.
pub(super) type Feed = BoxStream<'static, Event>;

/// First the acknowledgement, then what the servers tell, and in the end, when all have closed in good order, the
/// result.
pub(super) struct Merged {
    id: Id,
    /// The id as JSON, as it stands in every message.
    stamp: String,
    /// Few, and seldom ready; what could poll only those that are would cost an idle client several hundred bytes.
    feeds: Vec<Feed>,
    /// Which of them was polled last, so that none can keep the others from being heard.
    turn: usize,
    agreed: Filter,
    /// What the client can do, going by its request.
    declared: Needs,
    ready: VecDeque<Message>,
    over: bool,
}

impl Merged {
    /// `own` is the acknowledgement to pass on instead of one of the portal's making.
    pub(super) fn new(
        id: &Id,
        mut feeds: Vec<Feed>,
        agreed: Filter,
        declared: Needs,
        own: Option<Message>,
    ) -> Self {
        feeds.shrink_to_fit();
        let (stamp_text, ready) = (id.to_json(), VecDeque::with_capacity(1));
        let mut merged =
            Self { id: id.clone(), feeds, turn: 0, agreed, declared, ready, over: false, stamp: stamp_text };
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
                let stamped = match message.method() == Some(task::TOLD) {
                    true => task::told(&backend, message, self.declared, &self.agreed)
                        .and_then(|message| stamp(message, &self.stamp)),
                    false => stamp(message, &self.stamp),
                };
                match stamped {
                    Ok(message) => self.ready.push_back(message),
                    Err(error) => tracing::debug!(server = backend.id(), %error, "left out a notification"),
                }
            }
            // Whatever changed in between, the client has not heard of it.
            Event::Reopened(wanted) => self.tell_changed(&wanted),
            Event::Missed(wanted) => {
                self.tell_changed(&wanted);
                self.tell_updated(&wanted);
            }
        }
    }

    fn tell_changed(&mut self, wanted: &Filter) {
        let kinds = wanted.kinds().filter(|kind| self.agreed.carries(change_of(*kind)));
        let changes: Vec<_> = kinds.filter_map(|kind| self.notification(change_of(kind), "").ok()).collect();
        self.ready.extend(changes);
    }

    fn tell_updated(&mut self, wanted: &Filter) {
        let agreed: HashSet<_> = self.agreed.uris().collect();
        let uris = wanted.uris().filter(|uri| agreed.contains(uri));
        let updates: Vec<_> = uris
            .filter_map(|uri| {
                let more = format!(r#","uri":{}"#, json::quote(uri));
                self.notification("notifications/resources/updated", &more).ok()
            })
            .collect();
        self.ready.extend(updates);
    }

    fn poll_feeds(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut idle = 0;
        while idle < self.feeds.len() {
            self.turn = (self.turn + 1) % self.feeds.len();
            let Some(feed) = self.feeds.get_mut(self.turn) else { break };
            match feed.poll_next_unpin(cx) {
                Poll::Ready(Some(event)) => return Poll::Ready(Some(event)),
                Poll::Ready(None) => {
                    drop(self.feeds.swap_remove(self.turn));
                    // They have changed places, so all are polled again; that is rare, and does no harm.
                    idle = 0;
                }
                Poll::Pending => idle += 1,
            }
        }
        if self.feeds.is_empty() { Poll::Ready(None) } else { Poll::Pending }
    }
}

impl Stream for Merged {
    type Item = Result<Message, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(message)));
            }
            if self.ready.capacity() > 0 {
                // Room for a message costs more than anything else here, and most clients wait for hours.
                self.ready = VecDeque::new();
            }
            if self.over {
                return Poll::Ready(None);
            }
            match ready!(self.poll_feeds(cx)) {
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
