//! No bytes are a Biscuit but what a root has signed; and no block, which anybody may append, takes long to judge or adds
//! to what the first one says.
//!
//! The first byte of the input says what the rest is: a token, the text of a token, its first block, or one that is
//! appended to a good token.
#![no_main]

use std::cell::RefCell;
use std::future::{Ready, ready};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Empty;
use libfuzzer_sys::fuzz_target;
use portcullis_authn::biscuit::{BiscuitVerifier, Grant, Mint, RootKeys, SigningKey};
use portcullis_authn::{Authn, AuthnLayer, Resource};
use portcullis_core::{Kind, Principal, Secret};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use tokio::runtime::Runtime;
use tower::util::ServiceFn;
use tower::{Layer as _, ServiceExt as _};

const RESOURCE: &str = "https://mcp.example.com/mcp";

/// The seeds of the root's key, and of those that each block brings for the next one.
const ROOT: [u8; 32] = [1; 32];
const NEXT: [u8; 32] = [2; 32];
const LAST: [u8; 32] = [3; 32];

type Answer = Result<Response<Empty<bytes::Bytes>>, std::convert::Infallible>;

type Service = Authn<ServiceFn<fn(Request<()>) -> Ready<Answer>>>;

/// Answers with who it was, in the extensions.
fn inside(mut request: Request<()>) -> Ready<Answer> {
    let mut response = Response::new(Empty::new());
    response.extensions_mut().insert(request.extensions_mut().remove::<Principal>().expect("a principal"));
    ready(Ok(response))
}

struct World {
    runtime: Runtime,
    service: Service,
    /// The first block of a good token.
    good: Vec<u8>,
}

thread_local! {
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

impl World {
    fn new() -> Self {
        let seed: String = ROOT.iter().map(|byte| format!("{byte:02x}")).collect();
        let root = SigningKey::from_text(&Secret::new(format!("ed25519-private/{seed}"))).expect("a key");
        let roots: RootKeys = root.public().to_string().parse().expect("a list");
        let (layer, _permit) = AuthnLayer::builder(Resource::new(RESOURCE).expect("a URL"))
            .verifier(BiscuitVerifier::new(roots))
            .clock(now)
            .max_cached_bytes(1)
            .build_with_permit()
            .expect("a layer");
        let alice = Principal::new(Kind::User, "alice").with_scope("mcp");
        let token = Mint::new(root).mint(&Grant::new(&alice, RESOURCE), now()).expect("a token");
        let token = URL_SAFE.decode(token.expose()).expect("base64");
        let signed = field(&token, 2).expect("a first block");
        let good = field(signed, 1).expect("its content").to_vec();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let inside: fn(Request<()>) -> Ready<Answer> = inside;
        let world = Self { runtime, service: layer.layer(tower::service_fn(inside)), good };
        let again = world.admitted(&URL_SAFE.encode(token_of(&[&world.good])));
        assert_eq!(again.expect("signed as it should be").subject(), "alice");
        world
    }

    fn shared() -> Rc<Self> {
        WORLD.with_borrow_mut(|world| Rc::clone(world.get_or_insert_with(|| Rc::new(Self::new()))))
    }

    fn admitted(&self, token: &str) -> Option<Principal> {
        let value = HeaderValue::from_bytes(format!("Bearer {token}").as_bytes()).ok()?;
        let request = Request::post("/mcp").header(header::AUTHORIZATION, value).body(()).expect("a request");
        let Ok(mut response) = self.runtime.block_on(self.service.clone().oneshot(request));
        match response.status() {
            StatusCode::OK => response.extensions_mut().remove::<Principal>(),
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => None,
            status => panic!("answered {status}"),
        }
    }
}

/// The first field of a protobuf message that has this number and holds bytes, if all before it do.
fn field(message: &[u8], number: u8) -> Option<&[u8]> {
    let mut rest = message;
    loop {
        let (tag, after) = rest.split_first()?;
        let digits = after.iter().position(|byte| byte & 0x80 == 0)? + 1;
        let length = after[..digits].iter().rev().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
        let content = after.get(digits..digits + length)?;
        if *tag == number << 3 | 2 {
            return Some(content);
        }
        rest = after.get(digits + length..)?;
    }
}

fn put(message: &mut Vec<u8>, number: u8, content: &[u8]) {
    message.push(number << 3 | 2);
    let mut length = content.len();
    while length > 0x7f {
        message.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend(content);
}

/// A token of blocks with this content, signed as it should be.
fn token_of(blocks: &[&[u8]]) -> Vec<u8> {
    let mut token = Vec::new();
    let seeds = [ROOT, NEXT, LAST];
    for (index, block) in blocks.iter().enumerate() {
        let pair = |seed: &[u8; 32]| Ed25519KeyPair::from_seed_unchecked(seed).expect("a key");
        let next = pair(&seeds[index + 1]);
        let next = next.public_key().as_ref();
        let signature = pair(&seeds[index]).sign(&[block, &[0; 4][..], next].concat());
        let (mut key, mut signed) = (vec![0x08, 0x00], Vec::new());
        put(&mut key, 2, next);
        put(&mut signed, 1, block);
        put(&mut signed, 2, &key);
        put(&mut signed, 3, signature.as_ref());
        put(&mut token, if index == 0 { 2 } else { 3 }, &signed);
    }
    let mut proof = Vec::new();
    put(&mut proof, 1, &seeds[blocks.len()]);
    put(&mut token, 4, &proof);
    token
}

fuzz_target!(|data: &[u8]| {
    let Some((how, rest)) = data.split_first() else { return };
    let world = World::shared();
    match how % 4 {
        // The root's key is no secret here, but no input gets a signature right by chance.
        0 => assert!(world.admitted(&URL_SAFE.encode(rest)).is_none(), "nobody signed this"),
        1 => {
            if let Ok(text) = std::str::from_utf8(rest) {
                assert!(world.admitted(text).is_none(), "nobody signed this");
                assert!(world.admitted(&format!("biscuit:{text}")).is_none(), "nobody signed this");
            }
        }
        2 => {
            if let Some(principal) = world.admitted(&URL_SAFE.encode(token_of(&[rest]))) {
                let says = |text: &str| rest.windows(text.len()).any(|part| part == text.as_bytes());
                assert!(says(principal.subject()) && says(RESOURCE), "the root did not say so");
            }
        }
        _ => {
            if let Some(principal) = world.admitted(&URL_SAFE.encode(token_of(&[&world.good, rest]))) {
                let expected = Principal::new(Kind::User, "alice").with_scope("mcp");
                assert_eq!(principal, expected, "an appended block added something");
            }
        }
    }
});
