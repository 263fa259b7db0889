//! A token endpoint on loopback that plays a script, and what is had from it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use percent_encoding::percent_decode_str;
use portcullis_core::{Body, Kind, Principal, Secret, SubjectToken};
use portcullis_fetch::Endpoint;
use portcullis_mcp_jsonrpc::Call;
use portcullis_mcp_upstream::{Era, HttpUpstream, OAuthClient, Retries, SecretSource};

use crate::support::field::{Field, Seen, json_response, said, status};
use crate::support::{call, serve_http, to};

/// What an endpoint was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) fields: HashMap<String, String>,
    pub(crate) authorization: Option<String>,
}

impl Asked {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

/// A token endpoint, and what it was asked.
#[derive(Clone)]
pub(crate) struct Issuer {
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<Asked>>>,
}

impl Issuer {
    /// Answers by the script, which is told the number of the question.
    pub(crate) async fn new<A>(script: A) -> Self
    where
        A: Fn(usize, &Asked) -> Response<Body> + Send + Sync + 'static,
    {
        let log = Arc::new(Mutex::new(Vec::new()));
        let (kept, script) = (Arc::clone(&log), Arc::new(script));
        let address = serve_http(move |request: Request<Bytes>| {
            let (head, body) = request.into_parts();
            let authorization =
                head.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
            let asked = Asked { fields: form(&body), authorization };
            let number = {
                let mut kept = kept.lock().unwrap();
                kept.push(asked.clone());
                kept.len()
            };
            std::future::ready(script(number, &asked))
        });
        Self { address: address.await, log }
    }

    /// Issues `token-1`, `token-2` and so on.
    pub(crate) async fn counting() -> Self {
        Self::new(|number, _| token(&format!("token-{number}"))).await
    }

    /// Issues `for-` and what it was shown.
    pub(crate) async fn exchanging() -> Self {
        Self::new(|_, asked| exchanged(&format!("for-{}", asked.field("subject_token").unwrap()))).await
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::insecure_http(&format!("http://{}/token", self.address)).unwrap()
    }
}

fn form(body: &[u8]) -> HashMap<String, String> {
    let text = std::str::from_utf8(body).unwrap();
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8().unwrap().into_owned();
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

pub(crate) fn token(token: &str) -> Response<Body> {
    json_response(200, &format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":3600}}"#))
}

pub(crate) fn exchanged(token: &str) -> Response<Body> {
    issued(token, "Bearer", "access_token")
}

pub(crate) fn issued(token: &str, kind: &str, issued: &str) -> Response<Body> {
    json_response(
        200,
        &format!(
            r#"{{"access_token":"{token}","token_type":"{kind}","expires_in":3600,"issued_token_type":"urn:ietf:params:oauth:token-type:{issued}"}}"#
        ),
    )
}

pub(crate) fn refusal(code: &str) -> Response<Body> {
    json_response(400, &format!(r#"{{"error":"{code}","error_description":"of-alice s3cr3t"}}"#))
}

pub(crate) fn client() -> OAuthClient {
    OAuthClient::basic("gateway", plain("s3cr3t")).unwrap()
}

pub(crate) fn plain(text: &str) -> SecretSource {
    SecretSource::plain(&Secret::new(text)).unwrap()
}

/// A modern server that lets everybody in but those who show one of these, and says what it was shown.
pub(crate) async fn server(revoked: impl Fn(&str) -> bool + Send + Sync + 'static) -> Field {
    Field::legacy(move |seen| {
        let shown = shown(&seen);
        let response = match revoked(&shown) {
            true => status(401),
            false if seen.method == "server/discover" => {
                json_response(200, &seen.result(r#"{"supportedVersions":["2026-07-28"],"capabilities":{}}"#))
            }
            false => json_response(200, &seen.result(&said(&shown))),
        };
        std::future::ready(Some(response))
    })
    .await
}

pub(crate) fn shown(seen: &Seen) -> String {
    seen.header("authorization").unwrap_or("nothing").to_owned()
}

pub(crate) fn upstream(server: &Field, credentials: portcullis_mcp_upstream::Credentials) -> HttpUpstream {
    to(server.address).era(Era::Modern).retries(Retries::none()).credentials(credentials).build().unwrap()
}

/// A call of somebody's who has shown `of-` and their name.
pub(crate) fn call_of(name: &str) -> Call {
    let mut call = call("tools/call");
    call.extensions_mut().insert(principal(name));
    call.extensions_mut().insert(SubjectToken::new(Secret::new(format!("of-{name}"))));
    call
}

pub(crate) fn principal(name: &str) -> Principal {
    Principal::new(Kind::User, name).with_issuer("https://login.example.com")
}
