use std::collections::VecDeque;
use std::mem;
use std::ops::Range;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::block::Block;
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
                    None => {
                        // Even an empty slice keeps its chunk alive, and the next one may be long in coming.
                        self.chunk = Bytes::new();
                        return Ok(None);
                    }
                }
            }
            if mem::take(&mut self.after_cr) && self.chunk.first() == Some(&b'\n') {
                self.chunk.advance(1);
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
    #[inline]
    fn step(&mut self) -> Result<Option<Event>, SseError> {
        let end = match self.chunk.first() {
            Some(b'\r' | b'\n') => Some(0),
            _ => memchr::memchr2(b'\r', b'\n', &self.chunk),
        };
        let Some(end) = end else { return self.keep_partial().map(|()| None) };
        self.after_cr = self.chunk.get(end) == Some(&b'\r');
        if mem::take(&mut self.in_comment) {
            self.at_start = false;
            self.chunk.advance(end + 1);
            return Ok(None);
        }
        // Either the line is whole in the chunk, and its value a slice of that, or it is put together first.
        let assembled;
        let (source, end_of_line) = if self.partial.is_empty() {
            (&self.chunk, end)
        } else {
            self.check_limit(end)?;
            self.partial.put_slice(self.chunk.get(..end).unwrap_or_default());
            assembled = mem::take(&mut self.partial).freeze();
            (&assembled, assembled.len())
        };
        let mut line = source.get(..end_of_line).unwrap_or_default();
        if mem::take(&mut self.at_start) {
            line = line.strip_prefix(BOM).unwrap_or(line);
        }
        if line.is_empty() {
            self.chunk.advance(end + 1);
            return Ok(self.dispatch());
        }
        let before = end_of_line - line.len();
        let within = |range: Range<usize>| before + range.start..before + range.end;
        match line::parse(line) {
            Line::Data(range) => self.block.add_data(source, within(range)),
            Line::Event(range) => self.block.event = Some(source.slice(within(range))),
            Line::Id(range) => self.block.id = Some(source.slice(within(range))),
            Line::Retry(milliseconds) => {
                self.retry = Some(Duration::from_millis(milliseconds));
                self.block.retry = self.retry;
            }
            Line::Ignored => {}
        }
        self.chunk.advance(end + 1);
        self.check_limit(0)?;
        Ok(None)
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
    #[inline]
    fn dispatch(&mut self) -> Option<Event> {
        if let Some(id) = &self.block.id {
            // A copy: it lives as long as the stream, and a slice would keep its chunk alive that long.
            self.last_event_id = Some(Bytes::copy_from_slice(id));
        }
        self.block.end()
    }

    fn check_limit(&self, more: usize) -> Result<(), SseError> {
        let held = self.block.len() + self.partial.len() + more;
        if held > self.max_event { Err(SseError::event(self.max_event)) } else { Ok(()) }
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

#[cfg(test)]
mod tests;
