//! The least HTTP/1.1 client that can tell a whole reply from a broken one.
//!
//! The generator shares the machine with what it measures, so every cycle it saves makes the comparison sharper: one
//! write per request, one buffer per connection, and of the reply's head only what frames the body.

mod chunked;

use std::io;
use std::net::SocketAddr;
use std::ops::Range;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use chunked::{Chunked, Step};

/// Room for a reply's head, and for what one read of its body takes.
const BUFFER: usize = 64 * 1024;

/// What of a reply's head matters here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// `Mcp-Session-Id`, which only servers of the legacy era send.
    pub(crate) session: Option<String>,
    framing: Framing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked(Chunked),
}

/// One keep-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
    /// What of the buffer was read and not yet handed out.
    unread: Range<usize>,
    body: Framing,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER].into(), unread: 0..0, body: Framing::Length(0) })
    }

    /// Gives up the buffer and keeps the connection open, for those who only wait.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// Sends a request and reads the head of its reply.
    pub(crate) async fn send(&mut self, request: &[u8]) -> io::Result<Head> {
        if !self.unread.is_empty() {
            return Err(io::Error::other("more bytes than the last reply announced"));
        }
        self.stream.write_all(request).await?;
        loop {
            let seen = self.buffer.get(self.unread.clone()).unwrap_or_default();
            if let Some(end) = memmem::find(seen, b"\r\n\r\n") {
                let head = parse_head(seen.get(..end + 2).unwrap_or_default())
                    .ok_or_else(|| io::Error::other("malformed head"))?;
                self.unread.start += end + 4;
                self.body = head.framing.clone();
                return Ok(head);
            }
            self.read().await?;
        }
    }

    /// The next piece of the reply's body, without its framing; `None` at its end.
    pub(crate) async fn piece(&mut self) -> io::Result<Option<&[u8]>> {
        loop {
            let seen = self.buffer.get(self.unread.clone()).unwrap_or_default();
            let (skip, take) = match &mut self.body {
                Framing::Length(0) => return Ok(None),
                Framing::Length(left) => {
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(seen.len());
                    *left -= take as u64;
                    (0, take)
                }
                Framing::Chunked(chunked) => match chunked.step(seen) {
                    Step::Data { skip, take } => (skip, take),
                    Step::More { skip } => (skip, 0),
                    Step::End { skip } => {
                        self.unread.start += skip;
                        self.body = Framing::Length(0);
                        return Ok(None);
                    }
                    Step::Malformed => return Err(io::Error::other("malformed chunk")),
                },
            };
            let start = self.unread.start + skip;
            self.unread.start = start + take;
            if take > 0 {
                return Ok(self.buffer.get(start..start + take));
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> io::Result<()> {
        if self.unread.is_empty() {
            self.unread = 0..0;
        }
        let space = self.buffer.get_mut(self.unread.end..).unwrap_or_default();
        if space.is_empty() {
            return Err(io::Error::other("head too large"));
        }
        match self.stream.read(space).await? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed before the reply was whole")),
            count => {
                self.unread.end += count;
                Ok(())
            }
        }
    }
}

/// Reads the head, whose last line ends with the last two bytes.
fn parse_head(head: &[u8]) -> Option<Head> {
    let mut lines = memmem::find_iter(head, b"\r\n").scan(0, |start, end| {
        let line = head.get(*start..end);
        *start = end + 2;
        line
    });
    let status =
        std::str::from_utf8(lines.next()?.strip_prefix(b"HTTP/1.1 ")?.get(..3)?).ok()?.parse().ok()?;
    let mut length = None;
    let mut chunked = false;
    let mut session = None;
    for line in lines {
        let colon = memchr::memchr(b':', line)?;
        let (name, value) = line.split_at(colon);
        let value = value.get(1..)?.trim_ascii();
        // Lengths first: they rule out nearly every header with one comparison.
        match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                length = Some(std::str::from_utf8(value).ok()?.parse().ok()?);
            }
            14 if name.eq_ignore_ascii_case(b"mcp-session-id") => {
                session = Some(std::str::from_utf8(value).ok()?.to_owned());
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                chunked = value.eq_ignore_ascii_case(b"chunked");
            }
            _ => {}
        }
    }
    let framing = match (chunked, length) {
        (true, None) => Framing::Chunked(Chunked::default()),
        (false, Some(length)) => Framing::Length(length),
        (false, None) if status == 202 || status == 204 => Framing::Length(0),
        // Neither end nor length, or both: such a reply cannot be checked.
        _ => return None,
    };
    Some(Head { status, session, framing })
}

#[cfg(test)]
mod tests;
