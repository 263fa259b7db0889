#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

use std::error::Error;

use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use super::*;
use crate::{Endpoint, Form};

/// A client that has a root even where the system has none.
fn client() -> HttpFetchBuilder {
    let made = rcgen::generate_simple_self_signed(["elsewhere.example".to_owned()]).unwrap();
    HttpFetch::builder().extra_root_certificates(made.cert.pem().as_bytes()).unwrap()
}

async fn head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// A server for one connection, and what to ask it for.
async fn server<F: Future<Output = ()> + Send + 'static>(
    serve: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys?hidden=1", listener.local_addr().unwrap());
    tokio::spawn(async move { serve(listener.accept().await.unwrap().0).await });
    Endpoint::insecure_http(&url).unwrap()
}

fn assert_names_the_host_only(error: &FetchError) {
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(" {error}");
        cause = error.source();
    }
    assert!(text.contains("127.0.0.1") && !text.contains("hidden") && !text.contains("s3cr3t"), "{text}");
}

#[tokio::test]
async fn an_answer_comes_back_whatever_its_status_and_no_redirect_is_followed() {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let endpoint = server(async move |mut socket| {
        sender.send(head(&mut socket).await).unwrap();
        let answer = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 2\r\n\r\nno";
        socket.write_all(answer).await.unwrap();
    })
    .await;
    let response = client().build().unwrap().fetch(endpoint.get()).await.unwrap();
    assert_eq!((response.status().as_u16(), &response.body()[..]), (302, &b"no"[..]));

    let asked = receiver.await.unwrap().to_ascii_lowercase();
    assert!(asked.starts_with("get /keys?hidden=1 http/1.1\r\n"), "{asked}");
    assert!(
        asked.contains("user-agent: portcullis/") && asked.contains("accept: application/json"),
        "{asked}"
    );
    assert!(!asked.contains("encoding"), "{asked}");
}

#[tokio::test]
async fn an_answer_may_be_as_large_as_the_limit_and_no_larger() {
    for (announced, length, fits) in [(true, 8, true), (true, 9, false), (false, 8, true), (false, 9, false)]
    {
        let endpoint = server(async move |mut socket: TcpStream| {
            head(&mut socket).await;
            let announce = if announced { format!("content-length: {length}\r\n") } else { String::new() };
            let answer =
                format!("HTTP/1.1 200 OK\r\n{announce}connection: close\r\n\r\n{}", "x".repeat(length));
            socket.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        match client().max_body(8).build().unwrap().fetch(endpoint.get()).await {
            Ok(response) => assert!(fits && response.body().len() == length),
            Err(error) => assert!(!fits && error.is_oversize(), "{error}"),
        }
    }
}

/// Sends until the other side has had enough.
async fn flood(mut stream: impl AsyncWrite + Unpin) {
    while stream.write_all(&[b' '; 8192]).await.is_ok() {}
}

#[tokio::test]
async fn an_answer_without_an_end_is_given_up() {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let endpoint = server(async move |mut socket| {
        head(&mut socket).await;
        socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        flood(socket).await;
        sender.send(()).unwrap();
    })
    .await;
    let error = client().build().unwrap().fetch(endpoint.get()).await.unwrap_err();
    assert!(error.is_oversize());
    assert_names_the_host_only(&error);
    // The connection goes too.
    receiver.await.unwrap();
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_in_time() {
    for starts in [false, true] {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let endpoint = server(async move |mut socket| {
            head(&mut socket).await;
            if starts {
                socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx").await.unwrap();
            }
            // Until the client goes.
            while socket.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
            sender.send(()).unwrap();
        })
        .await;
        let fetch = client().timeout(Duration::from_millis(100)).build().unwrap();
        let form = Form::new().field("token", "s3cr3t");
        let error = fetch.fetch(form.post(&endpoint)).await.unwrap_err();
        assert!(error.is_timeout());
        assert_names_the_host_only(&error);
        receiver.await.unwrap();
    }
}

#[tokio::test]
async fn the_wait_for_a_turn_counts() {
    let endpoint = server(async |mut socket: TcpStream| {
        head(&mut socket).await;
        while socket.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
    })
    .await;
    let fetch = client().max_exchanges(1).timeout(Duration::from_millis(100)).build().unwrap();
    let (one, other) = tokio::join!(fetch.fetch(endpoint.get()), fetch.fetch(endpoint.get()));
    assert!(one.unwrap_err().is_timeout() && other.unwrap_err().is_timeout());
}

#[tokio::test]
async fn nobody_there_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/?hidden=1", listener.local_addr().unwrap());
    drop(listener);
    let fetch = client().build().unwrap();
    let error = fetch.fetch(Endpoint::insecure_http(&url).unwrap().get()).await.unwrap_err();
    assert!(!error.is_timeout() && error.source().is_some());
    assert_names_the_host_only(&error);
}

#[tokio::test]
async fn only_certificates_of_known_roots_are_trusted() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(socket).await else { continue };
            let _ = stream.read(&mut [0; 1024]).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await.unwrap();
        }
    });
    let endpoint = Endpoint::new(&format!("https://localhost:{port}/")).unwrap();
    assert!(client().build().unwrap().fetch(endpoint.get()).await.is_err());

    let fetch = HttpFetch::builder().extra_root_certificates(made.cert.pem().as_bytes()).unwrap();
    let fetch = fetch.build().unwrap();
    assert_eq!(fetch.fetch(endpoint.get()).await.unwrap().body(), "hi");
    // The name counts too.
    let endpoint = Endpoint::new(&format!("https://127.0.0.1:{port}/")).unwrap();
    assert!(fetch.fetch(endpoint.get()).await.is_err());
}

#[test]
fn what_is_no_certificate_is_refused() {
    for pem in ["", "hello", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
        assert!(HttpFetch::builder().extra_root_certificates(pem.as_bytes()).is_err(), "{pem}");
    }
}

#[test]
fn it_can_be_shared() {
    fn shared<T: Send + Sync + fmt::Debug>() {}
    shared::<HttpFetch>();
    shared::<HttpFetchBuilder>();
    shared::<HttpFetchError>();
}
