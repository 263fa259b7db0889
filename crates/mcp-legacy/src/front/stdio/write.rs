//! Writes messages, one per line, and what is there at one time in one go.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc::Receiver;

/// How many bytes are gathered before they are written, give or take a message.
const GATHER: usize = 64 * 1024;

/// Writes what is said until nobody is left who could say anything.
pub(super) async fn write<W: AsyncWrite + Unpin>(mut output: W, mut said: Receiver<Bytes>) -> io::Result<()> {
    let mut gathered = BytesMut::new();
    while let Some(text) = said.recv().await {
        push_line(&mut gathered, &text);
        while gathered.len() < GATHER
            && let Ok(text) = said.try_recv()
        {
            push_line(&mut gathered, &text);
        }
        output.write_all(&gathered).await?;
        output.flush().await?;
        if gathered.capacity() > 2 * GATHER {
            gathered = BytesMut::new();
        }
        gathered.clear();
    }
    Ok(())
}

/// A line end inside a JSON text stands between two tokens, so a space does as well.
fn push_line(into: &mut BytesMut, text: &[u8]) {
    let from = into.len();
    into.reserve(text.len() + 1);
    into.extend_from_slice(text);
    for byte in into.get_mut(from..).unwrap_or_default() {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    into.extend_from_slice(b"\n");
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::sync::mpsc::channel;

    use super::write;

    #[tokio::test]
    async fn a_message_is_one_line() {
        let (say, said) = channel(8);
        say.send(Bytes::from_static(b"{\"a\":\r\n1}")).await.unwrap();
        say.send(Bytes::from_static(b"{}")).await.unwrap();
        drop(say);
        let mut output = Vec::new();
        write(&mut output, said).await.unwrap();
        assert_eq!(output, b"{\"a\":  1}\n{}\n");
    }
}
