use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use super::error::SseError;
use super::line::{self, Line};

/// What [`Decoder::max_event`] is unless set: 16 MiB.
pub const DEFAULT_MAX_EVENT: usize = 16 * 1024 * 1024;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// One event.
///
/// The bytes are passed on as they came: the format is UTF-8, but nothing here checks it. A JSON parser will, for
/// `data`; compare the others as bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The values of the event's `data` lines, joined by LF. In MCP: one JSON message, or nothing in the events
    /// with which legacy servers merely announce an id.
    pub data: Bytes,
    /// The event's type, if it named one. `None` means `message`.
    pub event: Option<Bytes>,
    /// The event's id, if it carried one (an empty one counts). See [`Decoder::last_event_id`].
    pub id: Option<Bytes>,
    /// The reconnection time, if the event set one. See [`Decoder::retry`].
    pub retry: Option<Duration>,
}

/// How a stream ended: see [`Decoder::finish`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a stream that was cut off has lost an event"]
pub enum Ending {
    /// After a whole event, or before any.
    Clean,
    /// In the middle of an event, which is discarded as the format demands.
    CutOff,
}

/// Finds the events in a stream that arrives in chunks.
///
/// Push a chunk, take events until there is none, push the next; call [`finish`](Self::finish) at the end.
///
/// ```
/// use bytes::Bytes;
/// use portcullis_mcp_jsonrpc::sse::{Decoder, Ending};
///
/// let mut decoder = Decoder::new().max_event(1024);
/// decoder.push(Bytes::from_static(b": hello\r\n\r\ndata: {\"id\""));
/// assert_eq!(decoder.next()?, None);
/// decoder.push(Bytes::from_static(b":1}\r\n\r\ndata: {"));
/// assert_eq!(decoder.next()?.unwrap().data, r#"{"id":1}"#);
/// assert_eq!(decoder.next()?, None);
/// assert_eq!(decoder.finish(), Ending::CutOff);
///
/// // Whoever sends without end is stopped.
/// let mut decoder = Decoder::new().max_event(4);
/// decoder.push(Bytes::from_static(b"data: 12345"));
/// assert!(decoder.next().is_err());
/// # Ok::<(), portcullis_mcp_jsonrpc::sse::SseError>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    max_event: usize,
    /// The chunk being read; what was read has been cut off.
    chunk: Bytes,
    /// Chunks pushed before `chunk` was read to its end.
    waiting: VecDeque<Bytes>,
    /// The start of a line whose end has not come yet. Scanned already: it holds no line break.
    partial: BytesMut,
    /// The unfinished line is a comment, so none of it is kept.
    in_comment: bool,
    /// A CR was the last byte read, so an LF that comes next belongs to it.
    after_cr: bool,
    /// No line has been read yet, so this one may start with a byte order mark.
    at_start: bool,
    block: Block,
    last_event_id: Option<Bytes>,
    retry: Option<Duration>,
    failed: Option<SseError>,
}

impl Decoder {
    /// A decoder for one stream, with the default limit.
    #[must_use]
    pub fn new() -> Self {
        Self {
            max_event: DEFAULT_MAX_EVENT,
            chunk: Bytes::new(),
            waiting: VecDeque::new(),
            partial: BytesMut::new(),
            in_comment: false,
            after_cr: false,
            at_start: true,
            block: Block::default(),
            last_event_id: None,
            retry: None,
            failed: None,
        }
    }

    /// Sets how many bytes one event may have, counting its values and a line that has not ended yet.
    ///
    /// Comments do not count, since nothing of them is kept. The default is [`DEFAULT_MAX_EVENT`].
    #[must_use]
    pub fn max_event(mut self, bytes: usize) -> Self {
        self.max_event = bytes;
        self
    }

    /// Hands over the next chunk of the stream.
    ///
    /// Take events until there are none before you push again. Chunks that come earlier wait in line, but when
    /// more than [`max_event`](Self::max_event) bytes wait the decoder fails: nothing in it grows without bound.
    pub fn push(&mut self, chunk: Bytes) {
        if chunk.is_empty() || self.failed.is_some() {
            return;
        }
        if self.chunk.is_empty() {
            self.chunk = chunk;
            return;
        }
        let waiting = self.waiting.iter().map(Bytes::len).fold(chunk.len(), usize::saturating_add);
        if waiting > self.max_event {
            self.fail(SseError::backlog(self.max_event));
        } else {
            self.waiting.push_back(chunk);
        }
    }

    /// The next event, or `None` if it takes another chunk to find one.
    ///
    /// # Errors
    ///
    /// When an event passes the limit; from then on always.
    #[expect(
        clippy::should_implement_trait,
        reason = "not an iterator: after `None` there may be more events"
    )]
    pub fn next(&mut self) -> Result<Option<Event>, SseError> {
        loop {
            if let Some(error) = self.failed {
                return Err(error);
            }
            if self.chunk.is_empty() {
                match self.waiting.pop_front() {
                    Some(chunk) => self.chunk = chunk,
                    None => return Ok(None),
                }
            }
            if mem::take(&mut self.after_cr) && self.chunk.first() == Some(&b'\n') {
                self.advance(1);
                continue;
            }
            match self.step() {
                Ok(Some(event)) => return Ok(Some(event)),
                Ok(None) => {}
                Err(error) => self.fail(error),
            }
        }
    }

    /// Says that the stream has ended, and learns whether it ended in the middle of an event.
    ///
    /// The format discards an event that no blank line ends, and so does the decoder: a message that was cut off
    /// must not be taken for a whole one. Call this when [`next`](Self::next) has nothing more to give.
    pub fn finish(&mut self) -> Ending {
        let only_bom = self.at_start && BOM.starts_with(&self.partial);
        let cut = self.failed.is_some()
            || !self.chunk.is_empty()
            || !self.waiting.is_empty()
            || !(self.partial.is_empty() || only_bom)
            || self.block.is_open();
        self.discard();
        if cut { Ending::CutOff } else { Ending::Clean }
    }

    /// The id to resume after, as of the last block that ended; `None` if the stream has set none.
    ///
    /// Unlike [`Event::id`] it stays until another replaces it, and blocks that carry no data set it too. Only
    /// legacy MCP servers (before 2026-07-28) use it.
    #[must_use]
    pub fn last_event_id(&self) -> Option<&Bytes> {
        self.last_event_id.as_ref()
    }

    /// How long the server asks clients to wait before they reconnect, if it said so.
    #[must_use]
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Reads one line, or what the chunk has of it.
    fn step(&mut self) -> Result<Option<Event>, SseError> {
        let Some(end) = memchr::memchr2(b'\r', b'\n', &self.chunk) else {
            return self.keep_partial().map(|()| None);
        };
        self.after_cr = self.chunk.get(end) == Some(&b'\r');
        let line = self.take_line(end)?;
        if mem::take(&mut self.in_comment) {
            return Ok(None);
        }
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        match line::parse(&line) {
            Line::Data(value) => self.block.add_data(value),
            Line::Event(value) => self.block.event = Some(value),
            Line::Id(value) => self.block.id = Some(value),
            Line::Retry(milliseconds) => {
                self.retry = Some(Duration::from_millis(milliseconds));
                self.block.retry = self.retry;
            }
            Line::Ignored => {}
        }
        self.check_limit(0)?;
        Ok(None)
    }

    /// The line that ends at `end` of the chunk, without its end; the chunk is moved past it.
    fn take_line(&mut self, end: usize) -> Result<Bytes, SseError> {
        let mut line = if self.partial.is_empty() || self.in_comment {
            self.chunk.slice(..end)
        } else {
            self.check_limit(end)?;
            self.partial.put_slice(self.chunk.get(..end).unwrap_or_default());
            mem::take(&mut self.partial).freeze()
        };
        self.advance(end + 1);
        if mem::take(&mut self.at_start) && line.starts_with(BOM) {
            line = line.slice(BOM.len()..);
        }
        Ok(line)
    }

    /// The rest of the chunk is the start of a line, or more of one: keep it.
    fn keep_partial(&mut self) -> Result<(), SseError> {
        let rest = mem::take(&mut self.chunk);
        self.in_comment |= self.partial.is_empty() && rest.first() == Some(&b':');
        if !self.in_comment {
            self.check_limit(rest.len())?;
            self.partial.put_slice(&rest);
        }
        Ok(())
    }

    /// A blank line came: the block is over, and is an event if it has data.
    fn dispatch(&mut self) -> Option<Event> {
        let block = mem::take(&mut self.block);
        if block.id.is_some() {
            self.last_event_id.clone_from(&block.id);
        }
        Some(Event {
            data: block.data.into_bytes()?,
            event: block.event.filter(|name| !name.is_empty()),
            id: block.id,
            retry: block.retry,
        })
    }

    fn check_limit(&self, more: usize) -> Result<(), SseError> {
        let held = self.block.len() + self.partial.len() + more;
        if held > self.max_event { Err(SseError::event(self.max_event)) } else { Ok(()) }
    }

    fn advance(&mut self, count: usize) {
        bytes::Buf::advance(&mut self.chunk, count);
    }

    fn fail(&mut self, error: SseError) {
        self.discard();
        self.failed = Some(error);
    }

    fn discard(&mut self) {
        self.chunk = Bytes::new();
        self.waiting = VecDeque::new();
        self.partial = BytesMut::new();
        self.block = Block::default();
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

/// What the lines since the last blank line have said.
#[derive(Debug, Default)]
struct Block {
    data: Data,
    event: Option<Bytes>,
    id: Option<Bytes>,
    retry: Option<Duration>,
}

#[derive(Debug, Default)]
enum Data {
    #[default]
    None,
    /// A single line so far: a slice of the chunk it came in.
    One(Bytes),
    /// Several lines, joined.
    Many(BytesMut),
}

impl Block {
    fn add_data(&mut self, value: Bytes) {
        self.data = match mem::take(&mut self.data) {
            Data::None => Data::One(value),
            Data::One(first) => {
                // A line that was assembled already is not copied again: nobody else holds its buffer.
                let mut joined = first.try_into_mut().unwrap_or_else(|first| BytesMut::from(&first[..]));
                join(&mut joined, &value);
                Data::Many(joined)
            }
            Data::Many(mut joined) => {
                join(&mut joined, &value);
                Data::Many(joined)
            }
        };
    }

    fn is_open(&self) -> bool {
        !matches!(self.data, Data::None) || self.event.is_some() || self.id.is_some()
    }

    fn len(&self) -> usize {
        let data = match &self.data {
            Data::None => 0,
            Data::One(line) => line.len(),
            Data::Many(joined) => joined.len(),
        };
        data + self.event.as_ref().map_or(0, Bytes::len) + self.id.as_ref().map_or(0, Bytes::len)
    }
}

impl Data {
    fn into_bytes(self) -> Option<Bytes> {
        match self {
            Self::None => None,
            Self::One(line) => Some(line),
            Self::Many(joined) => Some(joined.freeze()),
        }
    }
}

fn join(joined: &mut BytesMut, line: &[u8]) {
    joined.reserve(line.len() + 1);
    joined.put_u8(b'\n');
    joined.put_slice(line);
}

#[cfg(test)]
mod tests;
