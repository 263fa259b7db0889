#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::ReadBuf;

use super::*;

/// Gives these pieces, one per read, and then ends.
struct Pieces(std::vec::IntoIter<&'static [u8]>);

fn pieces(pieces: &[&'static [u8]]) -> Pieces {
    Pieces(Vec::from(pieces).into_iter())
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        buf.put_slice(self.0.next().unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

/// A gigabyte of one line, then its end.
struct Gigabyte(usize);

impl AsyncRead for Gigabyte {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let part = buf.remaining().min(self.0);
        buf.initialize_unfilled_to(part).fill(b'x');
        buf.advance(part);
        self.0 -= part;
        if part == 0 && buf.remaining() > 0 {
            buf.put_slice(b"\n");
        }
        Poll::Ready(Ok(()))
    }
}

const FAIL: Overlong = Overlong::Fail(Duration::from_secs(30));

async fn all<R: AsyncRead + Unpin>(mut lines: Lines<R>) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(line) = lines.next().await.unwrap() {
        all.push(String::from_utf8_lossy(&line).into_owned());
    }
    all
}

#[tokio::test]
async fn lines_end_in_lf_or_crlf_wherever_they_are_torn() {
    let lines = |parts| all(Lines::new(pieces(parts), 10, FAIL));
    assert_eq!(lines(&[b"a\nb\r\n\nc"]).await, ["a", "b", "", "c"]);
    assert_eq!(lines(&[b"a", b"b\r", b"\nc", b"\n", b"d\n\n"]).await, ["ab", "c", "d", ""]);
    assert_eq!(lines(&[b"\xff\n"]).await, ["\u{fffd}"]);
    assert_eq!(lines(&[b"0123456789\n"]).await, ["0123456789"]);
    assert!(lines(&[]).await.is_empty());
}

#[tokio::test]
async fn a_line_that_is_too_long_fails_with_or_without_its_end() {
    for parts in [&[&b"0123456789a\n"[..]][..], &[b"012345", b"6789a"]] {
        let mut lines = Lines::new(pieces(parts), 10, FAIL);
        assert!(matches!(lines.next().await, Err(LineError::Long)));
    }
}

#[tokio::test]
async fn a_gigabyte_without_an_end_is_not_held() {
    let mut lines = Lines::new(Gigabyte(1 << 30), 1 << 20, FAIL);
    assert!(matches!(lines.next().await, Err(LineError::Long)));
    assert!(lines.buffer.capacity() <= 2 * ((1 << 20) + CHUNK), "{}", lines.buffer.capacity());

    let mut lines = Lines::new(Gigabyte(1 << 30), 4096, Overlong::Cut);
    assert_eq!(lines.next().await.unwrap().unwrap(), [b'x'; 4096][..]);
    assert_eq!(lines.next().await.unwrap().unwrap(), b""[..]);
    assert!(lines.buffer.capacity() <= 2 * CHUNK, "{}", lines.buffer.capacity());
}

#[tokio::test]
async fn a_cut_line_keeps_its_beginning() {
    let lines = |parts| all(Lines::new(pieces(parts), 4, Overlong::Cut));
    assert_eq!(lines(&[b"0123456789abcdef\nnext\n"]).await, ["0123", "next"]);
    assert_eq!(lines(&[b"01234567", b"89", b"abcdefgh", b"i\nok\n"]).await, ["0123", "ok"]);
    assert_eq!(lines(&[b"012345678"]).await, ["0123"]);
}

#[tokio::test(start_paused = true)]
async fn half_a_line_does_not_last_for_ever() {
    let (mut child, output) = tokio::io::duplex(64);
    let mut lines = Lines::new(output, 100, FAIL);
    let begun = Instant::now();
    let trickle = async {
        loop {
            tokio::io::AsyncWriteExt::write_all(&mut child, b"x").await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        line = lines.next() => assert!(matches!(line, Err(LineError::Slow))),
        () = trickle => unreachable!(),
    }
    assert_eq!(begun.elapsed(), Duration::from_secs(30));
}
