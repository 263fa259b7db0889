//! The messages of an event stream, in whatever way servers of 2024 and 2025 write them.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http_body::Body as _;
use portcullis_core::json;
use portcullis_mcp_jsonrpc::sse::{Decoder, Event};
use portcullis_mcp_jsonrpc::{Failure, FailureKind, Message};

use crate::body::Watched;

/// How many messages one event may hold. A message takes more room than the shortest text that is one.
const MOST_IN_A_BATCH: usize = 1024;

/// One event stream. Reading can be given up at any time without losing what was read.
pub(crate) struct Events {
    body: Watched,
    decoder: Decoder,
    /// Of an event that held several messages.
    waiting: VecDeque<Message>,
}

impl Events {
    pub(crate) fn new(body: Watched, max_event: usize) -> Self {
        Self { body, decoder: Decoder::new().max_event(max_event), waiting: VecDeque::new() }
    }

    /// The next event; none at the end of the stream.
    pub(crate) async fn event(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            let event = self.decoder.next();
            let oversize = |error| Failure::new(FailureKind::Oversize).with_source(error);
            if let Some(event) = event.map_err(oversize)? {
                return Ok(Some(event));
            }
            match poll_fn(|cx| Pin::new(&mut self.body).poll_frame(cx)).await {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame?.into_data() {
                        self.decoder.push(data);
                    }
                }
            }
        }
    }

    /// The next message; none at the end of the stream. Events that are no messages are passed over: empty ones, with
    /// which servers announce an id, and those of another type.
    pub(crate) async fn message(&mut self) -> Result<Option<Message>, Failure> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Ok(Some(message));
            }
            let Some(event) = self.event().await? else { return Ok(None) };
            if is_message(&event) {
                self.waiting = messages(event.data)?;
            }
        }
    }

    /// After which event to go on, if the server has said.
    pub(crate) fn last_event_id(&self) -> Option<HeaderValue> {
        // What a header cannot carry cannot be resumed after; an empty id takes back the one before.
        let id = self.decoder.last_event_id().filter(|id| !id.is_empty())?;
        HeaderValue::from_bytes(id).ok()
    }

    /// How long to wait before asking for more, if the server has said.
    pub(crate) fn retry(&self) -> Option<Duration> {
        self.decoder.retry()
    }

    /// Lets the stream stand still for this long from now on.
    pub(crate) fn set_idle(&mut self, idle: Option<Duration>) {
        self.body.set_idle(idle);
    }
}

pub(crate) fn is_message(event: &Event) -> bool {
    let typed = event.event.as_deref().is_none_or(|name| name.is_empty() || name == b"message");
    typed && !event.data.is_empty()
}

/// The messages of a text: one, or an array of them, which the revision of 2025-03-26 allows.
pub(crate) fn messages(text: Bytes) -> Result<VecDeque<Message>, Failure> {
    if text.trim_ascii_start().first() != Some(&b'[') {
        return Ok(VecDeque::from([Message::parse(text).map_err(garbage)?]));
    }
    let mut batch = VecDeque::new();
    for element in json::elements(&text) {
        let element = element.map_err(garbage)?;
        if batch.len() == MOST_IN_A_BATCH {
            return Err(garbage("a batch of too many messages"));
        }
        batch.push_back(Message::parse(text.slice(element.range())).map_err(garbage)?);
    }
    Ok(batch)
}

pub(crate) fn garbage(error: impl Into<portcullis_core::BoxError>) -> Failure {
    Failure::new(FailureKind::Garbage).with_source(error)
}
