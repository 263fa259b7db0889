//! HTTPS on loopback: who is trusted, and which HTTP is chosen.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response, Version};
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::FailureKind;
use portcullis_mcp_upstream::{BuildError, HttpUpstream, HttpUpstreamBuilder, HttpVersion};
use support::{ask, call, result, serve_io};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::{ServerConfig, version};

struct Server {
    address: SocketAddr,
    pem: String,
    connections: Arc<AtomicUsize>,
    versions: tokio::sync::mpsc::UnboundedReceiver<Version>,
}

/// A server with a certificate of its own making, for this name, that offers these protocols.
async fn server(name: &str, alpn: &[&str]) -> Server {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let made_so_far = Arc::clone(&connections);
    let (sender, versions) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            made_so_far.fetch_add(1, Ordering::SeqCst);
            let (acceptor, sender) = (acceptor.clone(), sender.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(socket).await else { return };
                let answer = move |request: Request<Bytes>| {
                    let _ = sender.send(request.version());
                    let response = Response::builder().header("content-type", "application/json");
                    std::future::ready(response.body(Body::from(result(1))).unwrap())
                };
                serve_io(stream, answer).await;
            });
        }
    });
    Server { address, pem: made.cert.pem(), connections, versions }
}

impl Server {
    fn upstream(&self) -> HttpUpstreamBuilder {
        HttpUpstream::builder(&format!("https://localhost:{}/mcp", self.address.port()))
            .unwrap()
            .era(portcullis_mcp_upstream::Era::Modern)
    }

    fn trusted(&self) -> HttpUpstreamBuilder {
        self.upstream().extra_root_certificates(self.pem.as_bytes()).unwrap()
    }
}

#[tokio::test]
async fn the_server_chooses_unless_the_operator_did() {
    let both: &[&str] = &["h2", "http/1.1"];
    let table = [
        (both, HttpVersion::Auto, Version::HTTP_2),
        (&["http/1.1"], HttpVersion::Auto, Version::HTTP_11),
        (&[], HttpVersion::Auto, Version::HTTP_11),
        (both, HttpVersion::Http1, Version::HTTP_11),
        (both, HttpVersion::Http2, Version::HTTP_2),
    ];
    for (offered, asked, spoken) in table {
        let mut server = server("localhost", offered).await;
        let upstream = server.trusted().http_version(asked).build().unwrap();
        for _ in 0..2 {
            let answer = ask(&upstream, call("tools/call")).await;
            assert!(answer.is_ok(), "{offered:?} {asked:?}: {answer:?}");
            assert_eq!(server.versions.recv().await, Some(spoken), "{offered:?} {asked:?}");
        }
        assert_eq!(server.connections.load(Ordering::SeqCst), 1, "{offered:?} {asked:?}");
    }
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_gets_nothing() {
    let mut stranger = server("localhost", &["h2"]).await;
    let mut namesake = server("elsewhere.example", &["h2"]).await;
    let unknown = stranger.upstream();
    let misnamed = namesake.trusted();
    for (server, builder) in [(&mut stranger, unknown), (&mut namesake, misnamed)] {
        let failure = ask(&builder.build().unwrap(), call("tools/list")).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Unreachable, "{failure}");
        assert!(failure.to_string().contains("certificate"), "{failure}");
        assert!(server.versions.try_recv().is_err(), "no request arrived");
        assert_eq!(server.connections.load(Ordering::SeqCst), 1, "it is not tried again");
    }
}

#[tokio::test]
async fn a_server_that_never_ends_its_handshake_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/mcp", listener.local_addr().unwrap().port());
    let limit = std::time::Duration::from_millis(100);
    let upstream = HttpUpstream::builder(&url).unwrap().connect_timeout(limit).build().unwrap();
    let failure = ask(&upstream, call("tools/list")).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Timeout, "{failure}");
    assert!(failure.to_string().contains("connect_timeout"), "{failure}");
    // It has taken its time once; asking again would double it.
    assert!(listener.accept().await.is_ok());
    let second = std::future::poll_fn(|cx| std::task::Poll::Ready(listener.poll_accept(cx).is_pending()));
    assert!(second.await, "it is not tried again");
}

#[test]
fn roots_that_are_none_are_refused() {
    let builder = || HttpUpstream::builder("https://mcp.example.com/mcp").unwrap();
    for pem in ["", "hello", "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n"] {
        let refused = builder().extra_root_certificates(pem.as_bytes());
        assert!(matches!(refused, Err(BuildError::Certificates { .. })), "{pem}: {refused:?}");
    }
    let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let built = builder().extra_root_certificates(empty.as_bytes()).unwrap().build();
    assert!(matches!(built, Err(BuildError::Certificates { .. })), "{built:?}");
}

#[tokio::test]
async fn roots_for_a_server_without_tls_are_a_mistake() {
    let server = server("localhost", &[]).await;
    let builder = HttpUpstream::builder("http://127.0.0.1:3000/mcp").unwrap();
    let built = builder.extra_root_certificates(server.pem.as_bytes()).unwrap().build();
    assert!(matches!(built, Err(BuildError::Certificates { .. })), "{built:?}");
}
