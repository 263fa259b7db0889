//! What a stream has to say: events written once, kept for a while, and handed to whoever reads.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use portcullis_mcp_jsonrpc::{Message, sse};

/// From which size on a message is kept as it is rather than copied into the gathered bytes.
const LARGE: usize = 16 * 1024;

/// How many bytes are gathered into one write, at most.
const GATHER: usize = 64 * 1024;

/// The room that is made for the first of them.
const FEW_EVENTS: usize = 2 * 1024;

/// How much is kept for clients that come back.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    /// Events of one stream.
    pub(super) events: usize,
    /// Bytes of one stream.
    pub(super) bytes: usize,
    /// Bytes of all streams together.
    pub(super) total: usize,
    /// What they are now.
    pub(super) held: Arc<AtomicUsize>,
}

/// Events of one stream, written one after the other.
///
/// Events are numbered from 1. The id of an event is the stream's name and its number, so it is unique in the session and
/// leads back to the stream. What was handed to a connection is kept as long as there is room, because nobody knows
/// whether it arrived; what was not is never given up, so whoever writes has to stop when the outbox
/// [is full](Self::is_full).
#[derive(Debug)]
pub(super) struct Outbox {
    name: Box<str>,
    bounds: Bounds,
    /// Events that are being gathered into a batch.
    gathered: BytesMut,
    gathered_events: u64,
    batches: VecDeque<Batch>,
    /// The number of the next event.
    next: u64,
    /// The number of the last event that the current connection was given.
    cursor: u64,
    /// The number of the last event that any connection was given.
    reached: u64,
    /// Bytes in `batches`.
    bytes: usize,
}

/// Events that leave in one write.
#[derive(Debug)]
struct Batch {
    first: u64,
    count: u64,
    /// More than one chunk only where there is one event.
    wire: Vec<Bytes>,
}

impl Batch {
    fn last(&self) -> u64 {
        self.first + self.count - 1
    }

    fn bytes(&self) -> usize {
        self.wire.iter().map(Bytes::len).sum()
    }

    /// The chunks without the first `skip` events. No event has an empty line inside, so the empty lines count them.
    fn after(&self, skip: u64) -> impl Iterator<Item = Bytes> {
        let skipped = match (skip, self.wire.first()) {
            (1.., Some(chunk)) => {
                let ends = chunk.windows(2).enumerate().filter(|(_, pair)| *pair == b"\n\n");
                ends.map(|(at, _)| at + 2).nth(skip as usize - 1).unwrap_or(chunk.len())
            }
            _ => 0,
        };
        let mut skipped = Some(skipped);
        self.wire.iter().map(move |chunk| chunk.slice(skipped.take().unwrap_or(0).min(chunk.len())..))
    }
}

/// An event that cannot be followed up: it was never sent, or what came after it is no longer kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost;

impl Outbox {
    pub(super) fn new(name: Box<str>, bounds: Bounds) -> Self {
        Self {
            name,
            bounds,
            gathered: BytesMut::new(),
            gathered_events: 0,
            batches: VecDeque::new(),
            next: 1,
            cursor: 0,
            reached: 0,
            bytes: 0,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Adds an event that carries this message.
    pub(super) fn write(&mut self, message: &Message) {
        if message.text().len() >= LARGE {
            self.close();
        }
        if self.gathered.is_empty() {
            self.gathered.reserve(FEW_EVENTS.min(message.text().len() + 128));
        }
        // Writing to bytes in memory cannot fail.
        let _ = writeln!(self.gathered, "id: {}.{}", self.name, self.next);
        self.next += 1;
        self.gathered_events += 1;
        if message.text().len() < LARGE {
            sse::write_event(&mut self.gathered, message.text());
        } else {
            let head = std::mem::take(&mut self.gathered).freeze();
            let wire = std::iter::once(head).chain(sse::event_chunks(message.text().clone())).collect();
            self.push(wire);
        }
    }

    /// Whether enough is gathered for one write.
    pub(super) fn is_ample(&self) -> bool {
        self.gathered.len() >= GATHER
    }

    /// Whether anything is being gathered.
    pub(super) fn is_gathering(&self) -> bool {
        !self.gathered.is_empty()
    }

    /// Closes the batch that is being gathered.
    pub(super) fn close(&mut self) {
        if !self.gathered.is_empty() {
            let wire = vec![std::mem::take(&mut self.gathered).freeze()];
            self.push(wire);
        }
    }

    fn push(&mut self, wire: Vec<Bytes>) {
        let count = std::mem::take(&mut self.gathered_events);
        let batch = Batch { first: self.next - count, count, wire };
        self.bytes += batch.bytes();
        self.bounds.held.fetch_add(batch.bytes(), Ordering::Relaxed);
        self.batches.push_back(batch);
    }

    /// Whether there are closed batches that the current connection was not given.
    pub(super) fn has_unsent(&self) -> bool {
        self.batches.back().is_some_and(|batch| batch.last() > self.cursor)
    }

    /// Hands over all closed batches that the current connection was not given.
    ///
    /// They are kept until the next ones leave, since a client that has just lost its connection has not read them; but not
    /// where they are far over the bounds by themselves.
    pub(super) fn take(&mut self, into: &mut VecDeque<Bytes>) {
        self.evict(1);
        let from = self.batches.partition_point(|batch| batch.last() <= self.cursor);
        for batch in self.batches.iter().skip(from) {
            let skip = (self.cursor + 1).saturating_sub(batch.first);
            into.extend(batch.after(skip).filter(|chunk| !chunk.is_empty()));
            self.cursor = batch.last();
        }
        self.reached = self.reached.max(self.cursor);
        self.evict(2);
    }

    /// Gives up what was handed over and is over the bounds this many times.
    fn evict(&mut self, times: usize) {
        while self.is_over(times) && self.batches.front().is_some_and(|batch| batch.last() <= self.cursor) {
            self.give_up_first();
        }
    }

    fn give_up_first(&mut self) {
        if let Some(batch) = self.batches.pop_front() {
            self.bytes -= batch.bytes();
            self.bounds.held.fetch_sub(batch.bytes(), Ordering::Relaxed);
        }
    }

    fn is_over(&self, times: usize) -> bool {
        let events = self.next - self.kept_from();
        self.bytes + self.gathered.len() > self.bounds.bytes.saturating_mul(times)
            || events > self.bounds.events.saturating_mul(times) as u64
            || self.bounds.held.load(Ordering::Relaxed) > self.bounds.total
    }

    /// Whether nothing more may be written until somebody reads. What was sent does not count, as long as it is not over
    /// the bounds by itself.
    pub(super) fn is_full(&mut self) -> bool {
        self.evict(2);
        let unsent = self.batches.iter().rev().take_while(|batch| batch.last() > self.cursor);
        let bytes = unsent.map(Batch::bytes).sum::<usize>() + self.gathered.len();
        bytes > self.bounds.bytes
            || self.next - 1 - self.cursor > self.bounds.events as u64
            || self.bounds.held.load(Ordering::Relaxed) > self.bounds.total
    }

    /// The event that carries nothing but an id to come back with.
    pub(super) fn priming(&self, retry: Duration) -> Bytes {
        format!("id: {}.{}\nretry: {}\ndata: \n\n", self.name, self.cursor, retry.as_millis()).into()
    }

    /// Goes back to after the event of this number.
    ///
    /// # Errors
    ///
    /// If it was never sent or what follows is no longer there. Nothing has changed then.
    pub(super) fn rewind(&mut self, number: u64) -> Result<(), Lost> {
        if number > self.reached || number + 1 < self.kept_from() {
            return Err(Lost);
        }
        self.cursor = number;
        Ok(())
    }

    /// The number of the first event that is still there.
    fn kept_from(&self) -> u64 {
        self.batches.front().map_or(self.next - self.gathered_events, |batch| batch.first)
    }

    /// Gives up everything.
    pub(super) fn clear(&mut self) {
        while !self.batches.is_empty() {
            self.give_up_first();
        }
        self.gathered = BytesMut::new();
        self.gathered_events = 0;
        self.cursor = self.next - 1;
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The name of a stream and the number of an event, out of an event's id.
pub(super) fn parse_id(id: &str) -> Option<(&str, u64)> {
    let (name, number) = id.rsplit_once('.')?;
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = plain && (number == "0" || !number.starts_with('0'));
    Some((name, number.parse().ok().filter(|_| canonical)?))
}

#[cfg(test)]
mod tests;
