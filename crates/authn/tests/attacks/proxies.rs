//! Attacks that pretend to come through a proxy.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Builder;
use http::{Request, StatusCode};
use portcullis_authn::{
    CertificateHeader, CertificateRule, ClientCertificates, ForwardedHeader, Networks, Require,
};
use portcullis_core::Peer;
use portcullis_testkit::idp::SigningKey;
use rcgen::{CertificateParams, KeyPair, SanType, date_time_ymd};

use crate::world::*;

const PROXY: &str = "10.0.0.1";
const STRANGER: &str = "203.0.113.9";

fn from(peer: &str, request: Builder) -> Builder {
    request.extension(Peer { address: format!("{peer}:4711").parse().unwrap() })
}

fn certificate() -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI("spiffe://example.org/nightly".try_into().unwrap())];
    (params.not_before, params.not_after) = (date_time_ymd(2027, 1, 1), date_time_ymd(2028, 1, 1));
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

#[tokio::test]
async fn forged_client_certificate_header() {
    let rule = CertificateRule::uri("spiffe://example.org/nightly").unwrap().scope("mcp");
    let der = certificate();
    let rfc = format!(":{}:", STANDARD.encode(&der));
    let body = STANDARD.encode(&der).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let pem = format!("-----BEGIN%20CERTIFICATE-----%0A{body}%0A-----END%20CERTIFICATE-----%0A");
    let custom = "x-client-cert".parse::<http::HeaderName>().unwrap();
    for (header, name, value) in [
        (CertificateHeader::Rfc9440, "client-cert", rfc),
        (CertificateHeader::UrlEncodedPem(custom), "x-client-cert", pem.clone()),
        (CertificateHeader::Xfcc, "x-forwarded-client-cert", format!(r#"Hash=00;Cert="{pem}""#)),
    ] {
        let portal = Portal::new(
            settings()
                .verifier(ClientCertificates::new([rule.clone()]).unwrap())
                .networks(Networks::new().trusted_proxy(PROXY).unwrap())
                .certificate_header(header),
        );
        let request = || Request::post("/mcp").header(name, &value);
        let principal = portal.admits(from(PROXY, request())).await;
        assert_eq!(principal.subject(), "spiffe://example.org/nightly", "{name}");

        let nobody = portal.stops(from(STRANGER, Request::post("/mcp"))).await;
        for (what, forged) in [
            ("from a stranger", from(STRANGER, request())),
            (
                "from a stranger who names the proxy",
                from(STRANGER, request()).header("x-forwarded-for", PROXY),
            ),
            ("from nowhere", request()),
        ] {
            assert_eq!(portal.stops(forged).await, nobody, "{name} {what}");
        }
        assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
        // The proxy's word and the client's cannot be told apart.
        let twice = from(PROXY, request().header(name, &value));
        assert_eq!(portal.stops(twice).await.status, StatusCode::BAD_REQUEST, "{name}");
    }
}

#[tokio::test]
async fn forged_forwarded_for() {
    let key = SigningKey::es256();
    let token = key.sign(access_token(), claims());
    for (header, office, elsewhere) in [
        (ForwardedHeader::XForwardedFor, "192.0.2.7", "198.51.100.7"),
        (ForwardedHeader::Forwarded, "for=192.0.2.7", "for=198.51.100.7"),
    ] {
        let networks = Networks::new()
            .trusted_proxy(PROXY)
            .and_then(|networks| networks.named("office", ["192.0.2.0/24"]))
            .unwrap()
            .forwarded_header(header);
        let require = Require::new().networks(["office"]).unwrap();
        let portal = Portal::new(settings().verifier(verifier(&[&key])).networks(networks).require(require));
        let request = |peer: &str, value: &str| from(peer, bearer(&token)).header(header.name(), value);
        portal.admits(request(PROXY, office)).await;
        portal.admits(request(PROXY, &format!("{elsewhere}, {office}"))).await;
        for (what, peer, value) in [
            ("from elsewhere", PROXY, elsewhere.to_owned()),
            ("from a stranger", STRANGER, office.to_owned()),
            ("made up by the client", PROXY, format!("{office}, {elsewhere}")),
            ("garbage", PROXY, "office".to_owned()),
            ("many hops", PROXY, format!("{office}{}", format!(", {}", header_hop(header)).repeat(50))),
            ("nothing", PROXY, String::new()),
        ] {
            let answer = portal.stops(request(peer, &value)).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}");
            assert!(!answer.body.contains("office"), "{answer:?}");
        }
        // The same token counts in the office only, whatever was remembered of it there.
        portal.admits(request(PROXY, office)).await;
    }
}

fn header_hop(header: ForwardedHeader) -> String {
    match header {
        ForwardedHeader::Forwarded => format!("for={PROXY}"),
        _ => PROXY.to_owned(),
    }
}
