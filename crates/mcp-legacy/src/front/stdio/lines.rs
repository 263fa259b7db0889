//! Lines of bounded length.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How much room is made for a read.
const ROOM: usize = 8 * 1024;

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line that is not blank, without its end.
    Text(Bytes),
    /// A line over the limit, of which nothing was kept.
    TooLong,
    /// Nothing more comes.
    End,
}

/// Reads lines. Of a line that is too long no more is held than the limit.
#[derive(Debug)]
pub(super) struct Lines<R> {
    input: R,
    buffer: BytesMut,
    /// How much of the buffer is known to hold no line end.
    scanned: usize,
    max: usize,
    /// Whether the line that is being read is over the limit.
    skipping: bool,
    ended: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(input: R, max: usize) -> Self {
        Self { input, buffer: BytesMut::new(), scanned: 0, max, skipping: false, ended: false }
    }

    /// The next line. Nothing is lost if the future is dropped.
    ///
    /// # Errors
    ///
    /// What reading failed with.
    pub(super) async fn next(&mut self) -> io::Result<Line> {
        loop {
            while let Some(line) = self.take() {
                let is_blank = matches!(&line, Line::Text(text) if text.trim_ascii().is_empty());
                if !is_blank {
                    return Ok(line);
                }
            }
            if self.ended {
                return Ok(Line::End);
            }
            self.buffer.reserve(ROOM);
            self.ended = self.input.read_buf(&mut self.buffer).await? == 0;
        }
    }

    /// A line out of what was read; none if there is no whole one.
    fn take(&mut self) -> Option<Line> {
        let rest = self.buffer.get(self.scanned..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b'\n').map(|at| self.scanned + at);
        let length = end.unwrap_or(self.buffer.len());
        let too_long = self.skipping || length > self.max;
        match end {
            Some(end) => {
                let line = self.buffer.split_to(end + 1).freeze().slice(..end);
                self.scanned = 0;
                self.skipping = false;
                Some(if too_long { Line::TooLong } else { Line::Text(line) })
            }
            None if self.ended && (length > 0 || self.skipping) => {
                let line = self.buffer.split().freeze();
                self.scanned = 0;
                self.skipping = false;
                Some(if too_long { Line::TooLong } else { Line::Text(line) })
            }
            None => {
                if too_long {
                    self.skipping = true;
                    self.buffer.clear();
                }
                self.scanned = self.buffer.len();
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::{Line, Lines};

    /// What is read when the input comes in these pieces.
    async fn lines(pieces: &[&str], max: usize) -> Vec<String> {
        let (mut client, server) = tokio::io::duplex(4);
        let pieces: Vec<String> = pieces.iter().map(|piece| (*piece).to_owned()).collect();
        let writing = tokio::spawn(async move {
            for piece in pieces {
                client.write_all(piece.as_bytes()).await.unwrap();
            }
        });
        let mut lines = Lines::new(server, max);
        let mut read = Vec::new();
        loop {
            match lines.next().await.unwrap() {
                Line::Text(text) => read.push(String::from_utf8(text.to_vec()).unwrap()),
                Line::TooLong => read.push("(too long)".to_owned()),
                Line::End => break,
            }
            assert!(lines.buffer.len() <= max + super::ROOM);
        }
        writing.await.unwrap();
        read
    }

    #[tokio::test]
    async fn reads() {
        let table: &[(&str, &[&str], &[&str])] = &[
            ("nothing", &[], &[]),
            ("a line", &["abc\n"], &["abc"]),
            ("in pieces", &["a", "b", "c\nd", "\n"], &["abc", "d"]),
            ("without an end", &["abc\ndef"], &["abc", "def"]),
            ("blank lines", &["\n \n\r\na\n\n"], &["a"]),
            ("at the limit", &["12345678\n"], &["12345678"]),
            ("over the limit", &["123456789\nabc\n"], &["(too long)", "abc"]),
            (
                "far over the limit",
                &["1234567890", "1234567890", "1234567890\nabc\n"],
                &["(too long)", "abc"],
            ),
            ("over the limit without an end", &["1234567890"], &["(too long)"]),
            ("twice over the limit", &["1234567890\n1234567890\n"], &["(too long)", "(too long)"]),
        ];
        for (name, pieces, expected) in table {
            assert_eq!(lines(pieces, 8).await, *expected, "{name}");
        }
    }
}
