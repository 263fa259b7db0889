//! The example for axum, on loopback, with an issuer of the test's own.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

#[allow(dead_code, reason = "the example's main is not run")]
#[path = "../examples/axum.rs"]
mod example;

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::get;
use portcullis_authn::{Jwks, JwtVerifier, Keys};
use portcullis_testkit::idp::{SigningKey, jwks};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ISSUER: &str = "https://login.example.com";
const METADATA: &str = "/.well-known/oauth-protected-resource/mcp";

struct Issuer(SigningKey);

impl Issuer {
    fn new() -> Self {
        Self(SigningKey::es256().kid("one"))
    }

    fn verifier(&self) -> JwtVerifier {
        let keys = Keys::fixed(Jwks::parse(jwks(&[&self.0]).as_bytes()).unwrap());
        JwtVerifier::builder(ISSUER, keys).build().unwrap()
    }

    fn token(&self, audience: &str, scope: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let claims = json!({ "iss": ISSUER, "sub": "alice", "aud": audience, "client_id": "c", "jti": "1",
            "scope": scope, "iat": now, "exp": now + 60 });
        self.0.sign(json!({ "typ": "at+jwt" }), claims)
    }
}

async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// The whole response as text, its head in lower case.
async fn ask(address: SocketAddr, head: &str, token: Option<&str>, body: &str) -> (u16, String, String) {
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let text = format!(
        "{head} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         {authorization}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_lowercase(), body.to_owned())
}

async fn call(address: SocketAddr, token: Option<&str>, tool: &str) -> (u16, String, String) {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool } });
    ask(address, "POST /mcp", token, &body.to_string()).await
}

#[tokio::test]
async fn the_example_serves_callers_and_sends_strangers_for_a_token() {
    let issuer = Issuer::new();
    let address = serve(example::protect(example::server(), issuer.verifier()).unwrap()).await;

    let (status, head, _) = call(address, None, "whoami").await;
    assert_eq!(status, 401);
    assert!(head.contains(&format!(r#"resource_metadata="http://127.0.0.1:3000{METADATA}""#)), "{head}");
    for path in [METADATA, "/.well-known/oauth-protected-resource"] {
        let (status, _, document) = ask(address, &format!("GET {path}"), None, "").await;
        assert_eq!(status, 200, "{path}");
        let document: Value = serde_json::from_str(&document).unwrap();
        assert_eq!(document["resource"], example::RESOURCE);
        assert_eq!(document["authorization_servers"], json!([ISSUER]));
    }

    let token = issuer.token(example::RESOURCE, "mcp");
    let (status, _, body) = call(address, Some(&token), "whoami").await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains(r#""text":"alice""#), "{body}");

    let elsewhere = issuer.token("https://other.example.com/mcp", "mcp");
    assert_eq!(call(address, Some(&elsewhere), "whoami").await.0, 401);
    assert_eq!(call(address, Some(&issuer.token(example::RESOURCE, "other")), "whoami").await.0, 403);
    assert_eq!(ask(address, "GET /nothing", Some(&token), "").await.0, 404);
    assert_eq!(ask(address, "GET /nothing", None, "").await.0, 401, "not even what there is");
}

#[tokio::test]
async fn a_handler_that_wants_more_scopes_gets_its_challenge() {
    let issuer = Issuer::new();
    let address = serve(example::protect(example::server(), issuer.verifier()).unwrap()).await;
    let (status, head, body) =
        call(address, Some(&issuer.token(example::RESOURCE, "mcp")), "write_note").await;
    assert_eq!(status, 403);
    assert!(head.contains(r#"error="insufficient_scope""#), "{head}");
    assert!(head.contains(r#"scope="mcp notes:write""#), "{head}");
    assert!(body.contains(r#""id":1"#), "the client's own id: {body}");
    let more = issuer.token(example::RESOURCE, "mcp notes:write");
    assert_eq!(call(address, Some(&more), "write_note").await.0, 200);
}

/// What docs/protect-an-axum-server.md says of servers of which a part is protected.
#[tokio::test]
async fn a_part_of_a_server_is_protected_once_it_has_the_path_of_the_metadata() {
    let issuer = Issuer::new();
    let part = example::server().route(METADATA, get(async || ""));
    let part = example::protect(part, issuer.verifier()).unwrap();
    let address = serve(Router::new().route("/open", get(async || "open")).merge(part)).await;
    assert_eq!(ask(address, "GET /open", None, "").await.0, 200);
    assert_eq!(call(address, None, "whoami").await.0, 401);
    let (status, _, document) = ask(address, &format!("GET {METADATA}"), None, "").await;
    assert_eq!(status, 200);
    assert!(document.contains(ISSUER), "{document}");
}

/// And why a layer of single routes will not do: clients do not find the metadata.
#[tokio::test]
async fn a_layer_of_routes_does_not_see_what_has_no_route() {
    let issuer = Issuer::new();
    let resource = portcullis_authn::Resource::insecure_http(example::RESOURCE).unwrap();
    let builder = portcullis_authn::AuthnLayer::builder(resource).verifier(issuer.verifier());
    let address = serve(example::server().route_layer(builder.build().unwrap())).await;
    assert_eq!(call(address, None, "whoami").await.0, 401);
    assert_eq!(ask(address, &format!("GET {METADATA}"), None, "").await.0, 404);
}
