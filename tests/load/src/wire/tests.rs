use tokio::net::TcpListener;

use super::*;

#[test]
fn a_head_is_read_whatever_the_case_of_its_names() {
    let head =
        parse_head(b"HTTP/1.1 200 OK\r\nDate: now\r\nCONTENT-length:  12 \r\nMcp-Session-Id: a\r\n").unwrap();
    assert_eq!(head, Head { status: 200, session: Some("a".into()), framing: Framing::Length(12) });
    let head = parse_head(b"HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n").unwrap();
    assert_eq!((head.status, head.framing), (404, Framing::Chunked(Chunked::default())));
    assert_eq!(parse_head(b"HTTP/1.1 202 Accepted\r\n").unwrap().framing, Framing::Length(0));
}

#[test]
fn a_head_that_does_not_frame_its_body_is_refused() {
    for head in [
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: many\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n",
        "",
    ] {
        assert_eq!(parse_head(head.as_bytes()), None, "{head}");
    }
}

/// Talks to a peer that answers each write of ours with the next of `replies`, and then closes.
async fn exchange(replies: &'static [&'static [u8]]) -> io::Result<Vec<(u16, Vec<u8>)>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let peer = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        for reply in replies {
            let _ = stream.read(&mut [0; 64]).await?;
            stream.write_all(reply).await?;
        }
        io::Result::Ok(())
    });
    let mut connection = Connection::open(address).await?;
    let mut seen = Vec::new();
    for _ in replies {
        let head = connection.send(b"request").await?;
        let mut body = Vec::new();
        while let Some(piece) = connection.piece().await? {
            body.extend_from_slice(piece);
        }
        seen.push((head.status, body));
    }
    peer.await.unwrap()?;
    Ok(seen)
}

#[tokio::test]
async fn replies_follow_each_other_on_one_connection() {
    let seen = exchange(&[
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ncd\r\n1\r\ne\r\n0\r\n\r\n",
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    ])
    .await
    .unwrap();
    assert_eq!(seen, [(200, b"ab".to_vec()), (200, b"cde".to_vec()), (400, Vec::new())]);
}

#[tokio::test]
async fn a_reply_cut_short_is_an_error() {
    let error = exchange(&[b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn bytes_after_a_reply_are_an_error() {
    let replies: &[&[u8]] = &[b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", b""];
    assert!(exchange(replies).await.is_err());
}
