//! No text is a token but what the issuer has signed; and what it has signed means what it says, or nothing.
//!
//! The first byte of the input says what the rest is: a whole token, or the header and the claims of one (a line each),
//! which is then signed and perhaps damaged.
#![no_main]

use std::cell::RefCell;
use std::future::{Ready, ready};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Empty;
use libfuzzer_sys::fuzz_target;
use portcullis_authn::{Authn, AuthnLayer, Jwks, JwtVerifier, Keys, Resource};
use portcullis_core::Principal;
use portcullis_testkit::idp::{SigningKey, jwks};
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::util::ServiceFn;
use tower::{Layer as _, ServiceExt as _};

const ISSUER: &str = "https://login.example.com";
const RESOURCE: &str = "https://mcp.example.com/mcp";
const NOW: u64 = 1_800_000_000;

type Answer = Result<Response<Empty<bytes::Bytes>>, std::convert::Infallible>;

type Service = Authn<ServiceFn<fn(Request<()>) -> Ready<Answer>>>;

/// Answers with who it was, in the extensions.
fn inside(mut request: Request<()>) -> Ready<Answer> {
    let mut response = Response::new(Empty::new());
    if let Some(principal) = request.extensions_mut().remove::<Principal>() {
        response.extensions_mut().insert(principal);
    }
    ready(Ok(response))
}

struct World {
    runtime: Runtime,
    key: SigningKey,
    service: Service,
}

thread_local! {
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

impl World {
    fn new() -> Self {
        let key = SigningKey::ed25519().kid("main");
        let keys = Keys::fixed(Jwks::parse(jwks(&[&key]).as_bytes()).expect("keys"));
        let verifier = JwtVerifier::builder(ISSUER, keys).untyped_tokens().build().expect("a verifier");
        let layer = AuthnLayer::builder(Resource::new(RESOURCE).expect("a URL"))
            .verifier(verifier)
            .clock(|| SystemTime::UNIX_EPOCH + Duration::from_secs(NOW))
            // Nothing is remembered, so that each input stands alone.
            .max_cached_bytes(1)
            .build()
            .expect("a layer");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let inside: fn(Request<()>) -> Ready<Answer> = inside;
        Self { runtime, key, service: layer.layer(tower::service_fn(inside)) }
    }

    fn shared() -> Rc<Self> {
        WORLD.with_borrow_mut(|world| Rc::clone(world.get_or_insert_with(|| Rc::new(Self::new()))))
    }

    /// Whom a token lets in.
    fn admitted(&self, token: &[u8]) -> Option<Principal> {
        let value = HeaderValue::from_bytes(&[b"Bearer ", token].concat()).ok()?;
        let request = Request::post("/mcp").header(header::AUTHORIZATION, value).body(()).expect("a request");
        let Ok(mut response) = self.runtime.block_on(self.service.clone().oneshot(request));
        let principal = response.extensions_mut().remove::<Principal>();
        match response.status() {
            StatusCode::OK => assert!(principal.is_some(), "nobody got in"),
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => {
                assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
                assert!(principal.is_none());
            }
            status => panic!("answered {status}"),
        }
        principal
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((how, rest)) = data.split_first() else { return };
    let world = World::shared();
    if how % 4 == 0 {
        assert!(world.admitted(rest).is_none(), "nobody signed this");
        return;
    }
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let (head, claims) = text.split_once('\n').unwrap_or((r#"{"alg":"EdDSA"}"#, text));
    let mut token = world.key.sign_text("EdDSA", head, claims).into_bytes();
    if how % 4 == 1 {
        if let Some(principal) = world.admitted(&token) {
            is_what_it_says(head, claims, &principal);
        }
        return;
    }
    // One character is another one: nothing of the token may be without meaning for its signature.
    let at = usize::from(*how) * 7919 % token.len();
    let other = if token[at] == b'A' { b'B' } else { b'A' };
    if std::mem::replace(&mut token[at], other) != b'.' {
        assert!(world.admitted(&token).is_none(), "{at} is not signed");
    }
});

/// A reading of its own, by another parser.
fn is_what_it_says(head: &str, claims: &str, principal: &Principal) {
    let head: Value = serde_json::from_str(head).expect("a header");
    assert_eq!(head["alg"], "EdDSA");
    assert!(head.get("kid").is_none_or(|kid| kid == "main"));
    assert!(head.get("crit").is_none(), "nothing critical is understood");
    // A number that nobody asked for may be too large for this parser, which reads them all.
    let Ok(claims) = serde_json::from_str::<Value>(claims) else { return };
    assert_eq!(claims["iss"], ISSUER);
    assert_eq!(claims["sub"], principal.subject());
    assert_eq!(principal.issuer(), Some(ISSUER));
    // Scheme and host are the same in capitals (RFC 3986, section 6.2.2.1).
    let (origin, path) = RESOURCE.split_at(RESOURCE.len() - "/mcp".len());
    let is_us = |audience: &Value| {
        let before = audience.as_str().and_then(|audience| audience.strip_suffix(path));
        before.is_some_and(|before| before.eq_ignore_ascii_case(origin))
    };
    assert!(is_us(&claims["aud"]) || claims["aud"].as_array().is_some_and(|all| all.iter().any(is_us)));
    assert!(claims["exp"].as_f64().is_some_and(|end| end > NOW as f64), "{}", claims["exp"]);
    for start in ["nbf", "iat"] {
        assert!(claims.get(start).is_none_or(|at| at.as_f64().is_some_and(|at| at <= NOW as f64 + 31.0)));
    }
    assert!(claims.get("cnf").is_none_or(Value::is_null), "a token that is bound was let in without a proof");
    let scopes = claims["scope"].as_str().unwrap_or_default();
    let scp = claims.get("scp").map(Value::to_string).unwrap_or_default();
    for scope in principal.scopes() {
        assert!(scopes.contains(scope) || scp.contains(scope), "nobody gave the scope {scope}");
    }
}
