//! An axum MCP server of yours, and the lines that make it ask its callers who they are.
//!
//! ```sh
//! cargo run -p portcullis-authn --example axum -- https://login.example.com/realms/staff
//! curl -i http://127.0.0.1:3000/mcp                          # 401, and where to get a token
//! curl http://127.0.0.1:3000/.well-known/oauth-protected-resource/mcp
//! ```
#![expect(clippy::indexing_slicing, reason = "a member that is not there reads as null")]

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request};
use axum::middleware::map_request;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use http::StatusCode;
use portcullis_authn::{AuthnLayer, ConfigError, JwtVerifier, Keys, Resource, Scopes, Verifier};
use portcullis_core::{Peer, Principal, Reason, Refusal};
use portcullis_fetch::{Endpoint, HttpFetch};
use serde_json::{Value, json};

/// Where clients reach this server. Tokens must be made for it, by this very text.
pub(crate) const RESOURCE: &str = "http://127.0.0.1:3000/mcp";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = std::env::args().nth(1).ok_or("which issuer? https://login.example.com/realms/staff")?;
    let fetch = HttpFetch::builder().build()?;
    let keys = Keys::discover(Endpoint::new(&issuer)?, Arc::new(fetch));
    let app = protect(server(), JwtVerifier::builder(&issuer, keys).build()?)?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    // With the addresses of callers, for `from_peer`.
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

/// All that is added to a server that exists.
pub(crate) fn protect(server: Router, verifier: impl Verifier) -> Result<Router, ConfigError> {
    let authn = AuthnLayer::builder(Resource::insecure_http(RESOURCE)?) // `Resource::new` where clients use https
        .verifier(verifier)
        .scopes(Scopes::new().base(["mcp"])?.also_supported(["notes:write"])?)
        .resource_name("Notes")
        .build()?;
    // The layer that is added last is met first: the layer behind it knows the peer.
    Ok(server.layer(authn).layer(map_request(from_peer)))
}

/// Tells the layer where a request comes from. Networks and trusted proxies need it; without them it may be left out.
async fn from_peer(ConnectInfo(address): ConnectInfo<SocketAddr>, mut request: Request) -> Request {
    request.extensions_mut().insert(Peer { address });
    request
}

/// The server as it was before; but for the principal, which handlers may ask for now.
pub(crate) fn server() -> Router {
    Router::new().route("/mcp", post(mcp))
}

async fn mcp(Extension(principal): Extension<Principal>, Json(message): Json<Value>) -> Response {
    let result = match (message["method"].as_str(), message["params"]["name"].as_str()) {
        (Some("tools/call"), Some("whoami")) => text(principal.subject()),
        (Some("tools/call"), Some("write_note")) if !principal.holds_scope("notes:write") => {
            return want_scopes(&message["id"], ["mcp", "notes:write"]);
        }
        (Some("tools/call"), Some("write_note")) => text("written"),
        _ => {
            let error = json!({ "code": -32601, "message": "Method not found" });
            let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "error": error });
            return (StatusCode::NOT_FOUND, Json(answer)).into_response();
        }
    };
    Json(json!({ "jsonrpc": "2.0", "id": message["id"], "result": result })).into_response()
}

fn text(text: &str) -> Value {
    json!({ "resultType": "complete", "content": [{ "type": "text", "text": text }] })
}

/// A 403 that sends the client to fetch a token with more scopes: the layer outside reads the refusal in the
/// extensions of the response and adds the challenge. All the scopes of the operation are named, since the client asks
/// for exactly those.
fn want_scopes<const N: usize>(id: &Value, scopes: [&'static str; N]) -> Response {
    const MESSAGE: &str = "This takes more scopes than the token has.";
    let error = json!({ "code": -32003, "message": MESSAGE });
    let answer = Json(json!({ "jsonrpc": "2.0", "id": id, "error": error }));
    let refusal = Refusal::new(Reason::WantScope, MESSAGE).with_scopes(scopes);
    (StatusCode::FORBIDDEN, Extension(refusal), answer).into_response()
}
