//! Issuers that hang, lie, or flood.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use portcullis_authn::{Freshness, JwtVerifier, Keys};
use portcullis_fetch::{Endpoint, HttpFetch};
use portcullis_testkit::idp::{SigningKey, jwks};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::world::*;

/// What a server says to whoever connects, and whether it then ends the connection.
enum Says {
    Nothing,
    /// The head, and the end never.
    Half,
    All(Vec<u8>),
}

/// A portal whose issuer's keys are at a server of this kind.
async fn portal(says: Says) -> Portal {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let says = Arc::new(says);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let says = Arc::clone(&says);
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                match &*says {
                    Says::Nothing => std::future::pending().await,
                    Says::Half => {
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{").await.unwrap();
                        std::future::pending::<()>().await;
                    }
                    // Whoever has read enough hangs up.
                    Says::All(bytes) => drop(stream.write_all(bytes).await),
                }
            });
        }
    });
    let fetch = HttpFetch::builder().timeout(Duration::from_millis(300)).build().unwrap();
    let keys = Keys::at(Endpoint::insecure_http(&url).unwrap(), Arc::new(fetch))
        .freshness(Freshness::new().backoff(Duration::from_secs(7)));
    Portal::new(settings().verifier(JwtVerifier::builder(ISSUER, keys).build().unwrap()))
}

fn ok(length: Option<usize>, body: &[u8]) -> Says {
    let length = length.map(|length| format!("content-length: {length}\r\n")).unwrap_or_default();
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n{length}\r\n");
    Says::All([head.as_bytes(), body].concat())
}

async fn is_unavailable(what: &str, portal: &Portal, token: &str) {
    let begun = Instant::now();
    let answer = portal.stops(bearer(token)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{what}");
    let wait: u64 = answer.headers[RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=7).contains(&wait), "{what}: {wait}");
    assert!(answer.headers.get(WWW_AUTHENTICATE).is_none(), "no other token would help: {what}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{what} took {:?}", begun.elapsed());
    // Whoever comes next is told at once.
    let begun = Instant::now();
    assert_eq!(portal.stops(bearer(token)).await.status, StatusCode::SERVICE_UNAVAILABLE, "{what}");
    assert!(begun.elapsed() < Duration::from_millis(250), "{what} took {:?}", begun.elapsed());
}

#[tokio::test]
async fn jwks_endpoint_hanging() {
    let key = SigningKey::es256();
    let token = key.sign(access_token(), claims());
    is_unavailable("silent", &portal(Says::Nothing).await, &token).await;
    is_unavailable("half an answer", &portal(Says::Half).await, &token).await;

    let keys = jwks(&[&key]);
    let portal = portal(ok(Some(keys.len()), keys.as_bytes())).await;
    assert_eq!(portal.admits(bearer(&token)).await.subject(), "alice");
}

#[tokio::test]
async fn many_wait_for_a_hanging_issuer() {
    let key = SigningKey::es256();
    let portal = portal(Says::Nothing).await;
    let begun = Instant::now();
    let asked = (0..200).map(|number| {
        let token = key.sign(access_token(), claims_with("jti", number.into()));
        let portal = &portal;
        async move { portal.stops(bearer(&token)).await.status }
    });
    let answers = futures_util::future::join_all(asked).await;
    assert!(answers.iter().all(|status| *status == StatusCode::SERVICE_UNAVAILABLE));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn garbage_jwks() {
    let key = SigningKey::es256();
    let token = key.sign(access_token(), claims());
    let keys = jwks(&[&key]);
    let twice = keys.replacen('{', r#"{"keys":[],"#, 1);
    for body in [
        "",
        "<html>It works!</html>",
        "{}",
        "null",
        r#"{"keys":{}}"#,
        r#"{"keys":[]}"#,
        r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#,
        &keys[..keys.len() - 2],
        &twice,
        "\u{0}\u{0}\u{0}",
    ] {
        is_unavailable(body, &portal(ok(Some(body.len()), body.as_bytes())).await, &token).await;
    }
    for raw in [&b"\x00\xff garbage"[..], b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"] {
        is_unavailable("no answer", &portal(Says::All(raw.to_vec())).await, &token).await;
    }
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://evil.example/\r\ncontent-length: {}\r\n\r\n{keys}",
        keys.len()
    );
    is_unavailable("a redirect", &portal(Says::All(redirect.into_bytes())).await, &token).await;
}

#[tokio::test]
async fn ten_megabytes_of_jwks() {
    let key = SigningKey::es256();
    let token = key.sign(access_token(), claims());
    let mut keys = jwks(&[&key]).into_bytes();
    // A key is in there, so nothing but the size is wrong with it.
    keys.resize(10 << 20, b' ');
    is_unavailable("announced", &portal(ok(Some(keys.len()), &keys)).await, &token).await;
    is_unavailable("not announced", &portal(ok(None, &keys)).await, &token).await;

    keys.truncate(900 << 10);
    portal(ok(Some(keys.len()), &keys)).await.admits(bearer(&token)).await;
    portal(ok(None, &keys)).await.admits(bearer(&token)).await;
}
