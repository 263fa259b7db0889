//! Lines of a child's output, each within its bounds.

#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

/// What is read at once.
const CHUNK: usize = 64 * 1024;

/// Reads lines. What it holds is the line that is being read and one chunk, whatever the child writes; growing, the
/// buffer may be twice that.
pub(super) struct Lines<R> {
    input: R,
    buffer: BytesMut,
    /// How much of the buffer is known to hold no end of a line.
    scanned: usize,
    max: usize,
    overlong: Overlong,
    /// Whether what comes is the rest of a line that was cut.
    skipping: bool,
    begun: Option<Instant>,
}

/// What becomes of a line that is too long.
#[derive(Clone, Copy, Debug)]
pub(super) enum Overlong {
    /// It is an error; so is one that is not complete after this long.
    Fail(Duration),
    /// Its beginning counts.
    Cut,
}

/// Why there are no more lines.
#[derive(Debug)]
pub(super) enum LineError {
    /// A line has no end within the limit.
    Long,
    /// A line has begun and does not end.
    Slow,
    /// The pipe broke.
    Io(io::Error),
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(input: R, max: usize, overlong: Overlong) -> Self {
        Self { input, buffer: BytesMut::new(), scanned: 0, max, overlong, skipping: false, begun: None }
    }

    /// The next line, without its end; `None` when the child has closed its output. A last line needs no end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, LineError> {
        loop {
            if let Some(line) = self.buffered()? {
                return Ok(Some(line));
            }
            if self.fill().await? == 0 {
                let rest = self.take(self.buffer.len(), 0);
                return Ok(rest.filter(|line| !line.is_empty()));
            }
        }
    }

    fn buffered(&mut self) -> Result<Option<Bytes>, LineError> {
        loop {
            let found = memchr::memchr(b'\n', self.buffer.get(self.scanned..).unwrap_or_default());
            match found.map(|at| self.scanned + at) {
                Some(at) if at > self.max => {
                    if let Overlong::Fail(_) = self.overlong {
                        return Err(LineError::Long);
                    }
                    self.scanned = 0;
                    if let Some(line) = self.cut() {
                        return Ok(Some(line));
                    }
                }
                Some(at) => {
                    if let Some(line) = self.take(at, 1) {
                        return Ok(Some(line));
                    }
                }
                None => {
                    self.scanned = self.buffer.len();
                    if self.scanned <= self.max {
                        return Ok(None);
                    }
                    if let Overlong::Fail(_) = self.overlong {
                        return Err(LineError::Long);
                    }
                    let cut = self.cut();
                    self.buffer.clear();
                    self.scanned = 0;
                    return Ok(cut);
                }
            }
        }
    }

    /// Takes a whole line off, and what ends it; `None` if it was the rest of one that was cut.
    fn take(&mut self, length: usize, end: usize) -> Option<Bytes> {
        let line = match length < CHUNK {
            // A slice would keep the whole chunk for as long as somebody holds the line.
            true => Bytes::copy_from_slice(self.buffer.get(..length).unwrap_or_default()),
            false => self.buffer.split_to(length).freeze(),
        };
        let taken = if length < CHUNK { length + end } else { end };
        self.buffer.advance(taken.min(self.buffer.len()));
        self.scanned = 0;
        self.begun = None;
        match std::mem::take(&mut self.skipping) {
            true => None,
            false => Some(match line.strip_suffix(b"\r") {
                Some(text) => line.slice(..text.len()),
                None => line,
            }),
        }
    }

    /// Takes the beginning of an overlong line off; the rest is skipped.
    fn cut(&mut self) -> Option<Bytes> {
        let begin = Bytes::copy_from_slice(self.buffer.get(..self.max).unwrap_or_default());
        self.buffer.advance(self.max.min(self.buffer.len()));
        (!std::mem::replace(&mut self.skipping, true)).then_some(begin)
    }

    async fn fill(&mut self) -> Result<usize, LineError> {
        self.buffer.reserve(CHUNK);
        let read = self.input.read_buf(&mut self.buffer);
        let read = match self.overlong {
            Overlong::Fail(limit) if self.scanned > 0 => {
                let begun = *self.begun.get_or_insert_with(Instant::now);
                tokio::time::timeout_at(begun + limit, read).await.map_err(|_| LineError::Slow)?
            }
            _ => read.await,
        };
        read.map_err(LineError::Io)
    }
}
