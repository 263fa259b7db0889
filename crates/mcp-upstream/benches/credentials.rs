//! What a credential that is held costs a call: none, a secret that never changes, one from a file, the gateway's token,
//! and the caller's.
//!
//! What is measured is all that is done before the first byte goes out: the codec, the circuit, the credential. The call
//! is then dropped, so no socket blurs the figures, and the difference between two is the credential's.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run should stop")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use portcullis_core::{Kind, Principal, Secret, SubjectToken};
use portcullis_fetch::{BoxFuture, Endpoint, Fetch, FetchError};
use portcullis_mcp_jsonrpc::{Call, Fragment, Id, Message};
use portcullis_mcp_upstream::{
    ClientCredentials, Credentials, Era, HttpUpstream, OAuthClient, SecretSource, TokenExchange,
};
use tokio::net::TcpListener;
use tower::{Service, ServiceExt};

const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;

async fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            socket.set_nodelay(true).unwrap();
            let service = hyper::service::service_fn(|request: Request<Incoming>| async move {
                let _ = request.into_body().collect().await;
                let response = Response::builder().header("content-type", "application/json");
                Ok::<_, Infallible>(response.body(Full::new(Bytes::from_static(ANSWER.as_bytes()))).unwrap())
            });
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(socket), service));
        }
    });
    address
}

/// Issues one token, of the size that a JWT has.
#[derive(Debug)]
struct Issuer;

impl Fetch for Issuer {
    fn fetch(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, FetchError>> {
        let token = "a".repeat(1024);
        let body = format!(
            r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":36000,"issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}}"#
        );
        Box::pin(std::future::ready(Ok(Response::new(body.into()))))
    }
}

fn credentials(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = format!("http://{}/mcp", runtime.block_on(serve()));
    let client = OAuthClient::basic("gateway", SecretSource::plain(&Secret::new("s3cr3t")).unwrap()).unwrap();
    let endpoint = || Endpoint::new("https://login.example.com/token").unwrap();
    let path = std::env::temp_dir().join(format!("portcullis-bench-{}", std::process::id()));
    std::fs::write(&path, "a".repeat(1024)).unwrap();

    let table = [
        ("none", Credentials::none()),
        ("a secret", Credentials::bearer(SecretSource::plain(&Secret::new("a".repeat(1024))).unwrap())),
        ("a secret of a file", Credentials::bearer(SecretSource::file(&path).unwrap())),
        (
            "the gateway's token",
            Credentials::client(ClientCredentials::new(endpoint(), client.clone())).unwrap(),
        ),
        (
            "the caller's token",
            Credentials::exchange(TokenExchange::new(endpoint(), client).audience("files")).unwrap(),
        ),
    ];
    let params = Fragment::parse(r#"{"name":"echo","arguments":{"text":"hello"}}"#).unwrap();
    let message = Message::from_request(&Id::from(1), "tools/call", &params);
    let principal = Principal::new(Kind::User, "alice").with_issuer("https://login.example.com");
    let subject = SubjectToken::new(Secret::new("b".repeat(1024)));
    let mut group = criterion.benchmark_group("credentials");
    for (name, credentials) in table {
        let builder = HttpUpstream::builder(&url).unwrap().era(Era::Modern);
        let upstream = builder.credentials(credentials.fetch_with(Arc::new(Issuer))).build().unwrap();
        let call = || {
            let mut call = Call::new(message.clone());
            call.extensions_mut().insert(principal.clone());
            call.extensions_mut().insert(subject.clone());
            call
        };
        // From here on there is a token.
        runtime.block_on(upstream.clone().oneshot(call())).unwrap();
        let _inside = runtime.enter();
        group.bench_function(name, |bencher| bencher.iter(|| drop(upstream.clone().call(call()))));
    }
    group.finish();
    std::fs::remove_file(path).unwrap();
}

criterion_group!(benches, credentials);
criterion_main!(benches);
