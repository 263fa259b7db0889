//! Which version of HTTP a connection speaks, told by its first bytes without taking them.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// How a client with prior knowledge of HTTP/2 begins (RFC 9113, section 3.4), as far as no HTTP/1 request can.
const PREFACE: &[u8] = b"PRI";

/// How soon to look again at a peer that sent less than that.
const AGAIN: Duration = Duration::from_millis(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// None if the peer went away, said nothing for too long, or the drain began first.
pub(super) async fn version(
    stream: &TcpStream,
    patience: Duration,
    drain: &CancellationToken,
) -> Option<Version> {
    tokio::select! {
        biased;
        version = tokio::time::timeout(patience, peek(stream)) => version.ok().flatten(),
        () = drain.cancelled() => None,
    }
}

async fn peek(stream: &TcpStream) -> Option<Version> {
    let mut first = [0; PREFACE.len()];
    loop {
        let count = stream.peek(&mut first).await.ok()?;
        match first.get(..count)? {
            [] => return None,
            all if all == PREFACE => return Some(Version::Two),
            part if !PREFACE.starts_with(part) => return Some(Version::One),
            // "P" or "PR": the bytes stay unread, so nothing would wake us for the next one.
            _ => tokio::time::sleep(AGAIN).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    async fn sniffed(parts: &[&[u8]]) -> Option<Version> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.set_nodelay(true).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let (drain, patience) = (CancellationToken::new(), Duration::from_secs(5));
        let write = async {
            for part in parts {
                client.write_all(part).await.unwrap();
                tokio::task::yield_now().await;
            }
            client.shutdown().await.unwrap();
        };
        tokio::join!(version(&stream, patience, &drain), write).0
    }

    #[tokio::test]
    async fn a_request_and_a_preface_differ() {
        assert_eq!(sniffed(&[b"POST /mcp HTTP/1.1\r\n"]).await, Some(Version::One));
        assert_eq!(sniffed(&[b"P", b"OST"]).await, Some(Version::One));
        assert_eq!(sniffed(&[b"PRI * HTTP/2.0\r\n"]).await, Some(Version::Two));
        assert_eq!(sniffed(&[b"P", b"R", b"I"]).await, Some(Version::Two));
        assert_eq!(sniffed(&[]).await, None);
    }

    #[tokio::test]
    async fn a_silent_peer_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let drain = CancellationToken::new();
        assert_eq!(version(&stream, Duration::from_millis(1), &drain).await, None);
        drain.cancel();
        assert_eq!(version(&stream, Duration::from_secs(60), &drain).await, None);
    }
}
