//! Whatever headers say who is calling: nobody gets in but by one good credential, told once by whoever may tell it, and
//! no credential gets any further.
//!
//! The first byte of the input says from where the request comes; the first line is its target. Each further line is a
//! header, whose first byte picks the name. `$T` in a value stands for a good token, `$B` for one that is bound to a key,
//! `$P` for a proof of that key, `$C` for a certificate, `$S` for the secret of a service.
#![no_main]

use std::cell::RefCell;
use std::future::{Ready, ready};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::Empty;
use libfuzzer_sys::fuzz_target;
use portcullis_authn::{
    Authn, AuthnLayer, CertificateHeader, CertificateRule, ClientCertificate, ClientCertificates, Dpop,
    ForwardedHeader, Jwks, JwtVerifier, Keys, Networks, Resource, ServiceEntry, ServiceSecret, ServiceTokens,
    StoredSecret,
};
use portcullis_core::{Peer, Principal};
use portcullis_testkit::idp::{SigningKey, jwks};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::json;
use tokio::runtime::Runtime;
use tower::util::ServiceFn;
use tower::{Layer as _, ServiceExt as _};

const ISSUER: &str = "https://login.example.com";
const RESOURCE: &str = "https://mcp.example.com/mcp";
const NOW: u64 = 1_800_000_000;

const NAMES: [&str; 11] = [
    "authorization",
    "dpop",
    "forwarded",
    "x-forwarded-for",
    "client-cert",
    "client-cert-chain",
    "x-forwarded-client-cert",
    "x-client-cert",
    "portcullis-client-id",
    "portcullis-client-secret",
    "mcp-method",
];

/// What must not be seen any further in.
const SECRET: [&str; 4] = ["authorization", "dpop", "portcullis-client-id", "portcullis-client-secret"];

type Answer = Result<Response<Empty<bytes::Bytes>>, std::convert::Infallible>;
type Service = Authn<ServiceFn<fn(Request<()>) -> Ready<Answer>>>;

fn inside(mut request: Request<()>) -> Ready<Answer> {
    for name in SECRET {
        assert!(!request.headers().contains_key(name), "{name} got in");
    }
    let mut response = Response::new(Empty::new());
    response.extensions_mut().insert(request.extensions_mut().remove::<Principal>().expect("a principal"));
    ready(Ok(response))
}

struct World {
    runtime: Runtime,
    services: [Service; 3],
    client: SigningKey,
    token: String,
    bound: String,
    certificate: Vec<u8>,
    secret: ServiceSecret,
}

thread_local! {
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
}

impl World {
    fn new() -> Self {
        let (issuer, client) = (SigningKey::ed25519(), SigningKey::ed25519());
        let secret = ServiceSecret::generate().expect("randomness");
        let claims =
            |cnf| json!({"iss": ISSUER, "aud": RESOURCE, "sub": "alice", "exp": NOW + 300, "cnf": cnf});
        let typ = || json!({"typ": "at+jwt"});
        let mut free = claims(json!(null));
        free.as_object_mut().expect("an object").remove("cnf");
        let mut params = CertificateParams::new(vec!["nightly.example.org".to_owned()]).expect("a name");
        (params.not_before, params.not_after) = (date_time_ymd(2027, 1, 1), date_time_ymd(2028, 1, 1));
        let pair = KeyPair::generate().expect("randomness");
        let certificate = params.self_signed(&pair).expect("a certificate").der().to_vec();
        let custom = HeaderName::from_static("x-client-cert");
        let services = [
            (CertificateHeader::Rfc9440, ForwardedHeader::XForwardedFor),
            (CertificateHeader::UrlEncodedPem(custom), ForwardedHeader::Forwarded),
            (CertificateHeader::Xfcc, ForwardedHeader::Forwarded),
        ]
        .map(|(header, forwarded)| layer(&issuer, &secret, header, forwarded));
        Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime"),
            services,
            token: issuer.sign(typ(), free),
            bound: issuer.sign(typ(), claims(json!({"jkt": client.jkt()}))),
            client,
            certificate,
            secret,
        }
    }

    fn shared() -> Rc<Self> {
        WORLD.with_borrow_mut(|world| Rc::clone(world.get_or_insert_with(|| Rc::new(Self::new()))))
    }

    /// Puts in what no input can know.
    fn filled(&self, value: &[u8]) -> Vec<u8> {
        let mut bytes = value.iter().copied();
        let mut filled = Vec::new();
        while let Some(byte) = bytes.next() {
            if byte != b'$' {
                filled.push(byte);
                continue;
            }
            match bytes.next() {
                Some(b'T') => filled.extend(self.token.bytes()),
                Some(b'B') => filled.extend(self.bound.bytes()),
                Some(b'P') => filled.extend(self.client.dpop("POST", RESOURCE, &self.bound, now()).bytes()),
                Some(b'C') => filled.extend(STANDARD.encode(&self.certificate).bytes()),
                Some(b'S') => filled.extend(self.secret.secret().expose().bytes()),
                other => filled.extend([b'$'].into_iter().chain(other)),
            }
            if filled.len() > 64 << 10 {
                break;
            }
        }
        filled
    }
}

fn layer(
    issuer: &SigningKey,
    secret: &ServiceSecret,
    header: CertificateHeader,
    forwarded: ForwardedHeader,
) -> Service {
    let keys = Keys::fixed(Jwks::parse(jwks(&[issuer]).as_bytes()).expect("keys"));
    let entry = ServiceEntry::new("nightly", StoredSecret::parse(secret.stored()).expect("a secret"));
    let rule = CertificateRule::dns("nightly.example.org").expect("a rule");
    let networks = Networks::new()
        .trusted_proxy("10.0.0.1")
        .and_then(|networks| networks.named("office", ["192.0.2.0/24"]))
        .expect("networks")
        .forwarded_header(forwarded);
    let layer = AuthnLayer::builder(Resource::new(RESOURCE).expect("a URL"))
        .verifier(JwtVerifier::builder(ISSUER, keys).build().expect("a verifier"))
        .verifier(ServiceTokens::new([entry]).expect("services"))
        .verifier(ClientCertificates::new([rule]).expect("certificates"))
        .networks(networks)
        .certificate_header(header)
        // The clock stands still, so no proof is ever forgotten.
        .dpop(Dpop::new().max_proofs(10_000_000))
        .clock(now)
        .build()
        .expect("a layer");
    let inside: fn(Request<()>) -> Ready<Answer> = inside;
    layer.layer(tower::service_fn(inside))
}

fuzz_target!(|data: &[u8]| {
    let Some((how, rest)) = data.split_first() else { return };
    let world = World::shared();
    let mut lines = rest.split(|byte| *byte == b'\n');
    let target = lines.next().unwrap_or_default();
    let Ok(uri) = Uri::try_from(target) else { return };
    let mut request = Request::builder().method("POST").uri(uri.clone()).body(()).expect("a request");
    for line in lines.take(16) {
        let Some((name, value)) = line.split_first() else { continue };
        let name = NAMES[usize::from(*name) % NAMES.len()];
        if let Ok(value) = HeaderValue::from_bytes(&world.filled(value)) {
            request.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
    let trusted = how & 1 == 1;
    let peer = if trusted { "10.0.0.1:1" } else { "203.0.113.9:1" };
    if how & 2 == 0 {
        request.extensions_mut().insert(Peer { address: peer.parse().expect("an address") });
    }
    let connected = how & 4 == 4;
    if connected {
        request.extensions_mut().insert(ClientCertificate::new(world.certificate.clone()));
    }
    let headers = request.headers().clone();
    let service = world.services[usize::from(how >> 4) % 3].clone();
    let Ok(response) = world.runtime.block_on(service.oneshot(request));
    match response.status() {
        StatusCode::OK => {}
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => {
            assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
            return;
        }
        StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED | StatusCode::SERVICE_UNAVAILABLE => return,
        status => panic!("answered {status}"),
    }
    let Some(principal) = response.extensions().get::<Principal>() else {
        assert!(uri.path().starts_with("/.well-known/oauth-protected-resource"));
        return;
    };
    let query = uri.query().unwrap_or_default();
    assert!(
        query.split('&').all(|pair| pair.split('=').next() != Some("access_token")),
        "a token in the query"
    );
    let all = |name: &str| headers.get_all(name).iter().collect::<Vec<_>>();
    let holds = |name: &str, text: &str| {
        let values = all(name);
        values.len() == 1 && values[0].as_bytes().windows(text.len()).any(|part| part == text.as_bytes())
    };
    match principal.subject() {
        "alice" if holds("authorization", &world.bound) => assert_eq!(all("dpop").len(), 1, "no proof"),
        "alice" => assert!(holds("authorization", &world.token), "nobody showed a token"),
        "nightly" => {
            assert!(
                holds("portcullis-client-secret", world.secret.secret().expose()),
                "nobody showed a secret"
            );
            assert!(holds("portcullis-client-id", "nightly"));
        }
        "nightly.example.org" => {
            assert!(connected || trusted && how & 2 == 0, "a stranger told of a certificate")
        }
        other => panic!("nobody is {other}"),
    }
    if how & 2 != 0 || !trusted {
        assert_eq!(principal.attribute("network"), None, "a stranger told of an address");
    }
});
