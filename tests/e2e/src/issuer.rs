//! An issuer of access tokens on loopback: metadata, keys, and a token endpoint.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use portcullis_core::Body;
use portcullis_testkit::idp::{SigningKey, jwks};
use serde_json::{Value, json};

/// The identifier and the secret that clients show at the token endpoint.
pub const CLIENT: (&str, &str) = ("gateway", "gateway-secret");

/// An issuer that runs until the test ends, and does as the test says.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Its identifier, which is the URL it is found at.
    pub url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    key: Arc<SigningKey>,
    published: Vec<Arc<SigningKey>>,
    down: bool,
    minted: u64,
    /// What the token endpoint was asked for.
    grants: Vec<BTreeMap<String, String>>,
}

impl Issuer {
    /// Starts one with a key of its own.
    pub async fn start() -> Self {
        let key = Arc::new(SigningKey::es256().kid("first"));
        let published = vec![Arc::clone(&key)];
        let state = State { key, published, down: false, minted: 0, grants: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let address = crate::serve(tower::service_fn(move |request: Request<Incoming>| {
            let state = Arc::clone(&shared);
            async move { Ok(respond(&state, request).await) }
        }));
        Self { url: format!("http://{}", address.await), state }
    }

    /// A token of these claims on top of the usual ones, good for five minutes at `audience`.
    #[must_use]
    pub fn token(&self, subject: &str, audience: &str, claims: &Value) -> String {
        self.token_for(Duration::from_secs(300), subject, audience, claims)
    }

    /// The same, good for this long.
    #[must_use]
    pub fn token_for(&self, life: Duration, subject: &str, audience: &str, claims: &Value) -> String {
        let mut state = lock(&self.state);
        state.minted += 1;
        // Ends are whole seconds, and the token lives no shorter than it was asked for.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut all = json!({
            "iss": self.url, "sub": subject, "aud": audience, "client_id": "test", "scope": "mcp",
            "jti": state.minted.to_string(), "iat": now.as_secs(), "exp": (now + life).as_secs() + 1,
        });
        for (name, value) in claims.as_object().into_iter().flatten() {
            if let Some(all) = all.as_object_mut() {
                all.insert(name.clone(), value.clone());
            }
        }
        state.key.sign(json!({ "typ": "at+jwt" }), all)
    }

    /// Signs with another key from now on, and publishes it beside the ones before.
    pub fn rotate(&self, kid: &str) {
        let mut state = lock(&self.state);
        state.key = Arc::new(SigningKey::es256().kid(kid));
        let key = Arc::clone(&state.key);
        state.published.push(key);
    }

    /// Publishes the newest key only.
    pub fn withdraw(&self) {
        let mut state = lock(&self.state);
        state.published = vec![Arc::clone(&state.key)];
    }

    /// Answers nothing but 503 from now on.
    pub fn go_down(&self) {
        lock(&self.state).down = true;
    }

    /// What the token endpoint was asked for, so far.
    #[must_use]
    pub fn grants(&self) -> Vec<BTreeMap<String, String>> {
        lock(&self.state).grants.clone()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn respond(state: &Mutex<State>, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return status(StatusCode::BAD_REQUEST) };
    let body = body.to_bytes();
    let mut state = lock(state);
    if state.down {
        return status(StatusCode::SERVICE_UNAVAILABLE);
    }
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let url = format!("http://{host}");
    match (head.method, head.uri.path()) {
        (Method::GET, "/.well-known/oauth-authorization-server" | "/.well-known/openid-configuration") => {
            document(&json!({
                "issuer": url,
                "jwks_uri": format!("{url}/keys"),
                "token_endpoint": format!("{url}/token"),
                "authorization_endpoint": format!("{url}/authorize"),
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
            }))
        }
        (Method::GET, "/keys") => {
            let keys: Vec<_> = state.published.iter().map(AsRef::as_ref).collect();
            text(jwks(&keys))
        }
        (Method::POST, "/token") => state.grant(&head.headers, &body),
        _ => status(StatusCode::NOT_FOUND),
    }
}

impl State {
    /// Gives out opaque tokens that say for whom they are: `client.<audience>` and `<subject>.<audience>`.
    fn grant(&mut self, headers: &HeaderMap, body: &[u8]) -> Response<Body> {
        let basic = STANDARD.encode(format!("{}:{}", CLIENT.0, CLIENT.1));
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if shown != Some(&*format!("Basic {basic}")) {
            return status(StatusCode::UNAUTHORIZED);
        }
        let form = form(body);
        self.grants.push(form.clone());
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        let who = match field("grant_type") {
            "client_credentials" => Some("client".to_owned()),
            "urn:ietf:params:oauth:grant-type:token-exchange" => subject_of(field("subject_token")),
            _ => None,
        };
        let Some(who) = who else { return status(StatusCode::BAD_REQUEST) };
        document(&json!({
            "access_token": format!("{who}.{}", field("audience")),
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
            "expires_in": 300,
        }))
    }
}

fn subject_of(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims.get("sub")?.as_str().map(str::to_owned)
}

/// The fields of a form. Those that matter hold no spaces.
fn form(body: &[u8]) -> BTreeMap<String, String> {
    let body = String::from_utf8_lossy(body);
    body.split('&')
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| (name.to_owned(), unescaped(value)))
        .collect()
}

fn unescaped(text: &str) -> String {
    let mut parts = text.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).unwrap_or(b'?');
        plain.push(char::from(byte));
        plain.push_str(part.get(2..).unwrap_or_default());
    }
    plain
}

fn document(value: &Value) -> Response<Body> {
    text(value.to_string())
}

fn text(text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::from(text)));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
