#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::*;

const NGINX: CertificateHeader = CertificateHeader::UrlEncodedPem(HeaderName::from_static("x-ssl-cert"));

fn headers(name: HeaderName, lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(&name, line.parse().unwrap());
    }
    headers
}

fn read(header: &CertificateHeader, lines: &[&str]) -> Result<Option<Vec<u8>>, CertificateHeaderError> {
    let certificate = header.read(&headers(header.name(), lines))?;
    Ok(certificate.map(|certificate| certificate.der().to_vec()))
}

fn pem(der: &[u8]) -> String {
    let mut text = BASE64.encode(der);
    for at in (64..text.len()).step_by(65) {
        text.insert(at, '\n');
    }
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Bytes whose base64 holds `+` and `/`.
const DER: [u8; 100] = [0xfb; 100];

#[test]
fn each_form_is_read() {
    let base64 = BASE64.encode(DER);
    let escaped = escape(&pem(&DER));
    let chain = escape(&format!("{}{}", pem(&DER), pem(b"issuer")));
    let aws = pem(&DER).replace('\n', "%0A");
    for (name, header, line) in [
        ("RFC 9440", CertificateHeader::Rfc9440, format!(":{base64}:")),
        ("without padding", CertificateHeader::Rfc9440, format!(" :{}: ", base64.trim_end_matches('='))),
        ("nginx", NGINX, escaped.clone()),
        ("a chain", NGINX, chain),
        ("plus signs left alone", NGINX, aws),
        (
            "Envoy",
            CertificateHeader::Xfcc,
            format!("Hash=ab;Cert=\"{escaped}\";Subject=\"CN=a, O=\\\"b\\\"\""),
        ),
        ("without quotes", CertificateHeader::Xfcc, format!("cert={escaped}")),
        (
            "behind another proxy",
            CertificateHeader::Xfcc,
            format!("Hash=cd;Cert=\"{}\",By=spiffe://x;Cert=\"{escaped}\"", escape(&pem(b"other"))),
        ),
    ] {
        assert_eq!(read(&header, &[&line]), Ok(Some(DER.to_vec())), "{name}");
        assert!(read(&header, &[&line, &line]).is_err(), "{name}, twice");
    }
}

#[test]
fn forged_and_broken_headers_are_refused() {
    let escaped = escape(&pem(&DER));
    let evil = escape(&pem(b"evil"));
    let long = format!(":{}:", "A".repeat(MAX_HEADER));
    let xfcc = CertificateHeader::Xfcc;
    for (attack, header, line) in [
        ("too long", CertificateHeader::Rfc9440, long.as_str()),
        ("no colons", CertificateHeader::Rfc9440, "MIIBCg=="),
        ("one colon", CertificateHeader::Rfc9440, ":"),
        ("empty bytes", CertificateHeader::Rfc9440, "::"),
        ("two items", CertificateHeader::Rfc9440, ":MIIB:, :MIIB:"),
        ("not base64", CertificateHeader::Rfc9440, ":****:"),
        ("the URL-safe alphabet", CertificateHeader::Rfc9440, ":-_-_:"),
        ("no PEM", NGINX, "MIIBCg=="),
        ("only the start", NGINX, "-----BEGIN CERTIFICATE-----MIIB"),
        ("a private key", NGINX, "-----BEGIN PRIVATE KEY-----MIIB-----END PRIVATE KEY-----"),
        ("text in front", NGINX, &format!("x{escaped}")),
        ("text behind", NGINX, &format!("{escaped}x")),
        ("not UTF-8", NGINX, "%ff%fe"),
        ("no certificate", xfcc.clone(), "Hash=ab;Subject=\"CN=a\""),
        ("in another element only", xfcc.clone(), &format!("Cert=\"{evil}\",Hash=ab")),
        ("two in one element", xfcc.clone(), &format!("Cert=\"{evil}\";Cert=\"{escaped}\"")),
        ("an open quote", xfcc.clone(), &format!("Cert=\"{escaped}")),
        (
            "a quote left open in front",
            xfcc.clone(),
            &format!("By=\",Cert=\"{escaped}\";Subject=\"O=x,Cert={evil}\""),
        ),
        ("a quote in a bare value", xfcc.clone(), &format!("By=a\"b;Cert=\"{escaped}\"")),
        ("text after a quote", xfcc.clone(), &format!("By=\"a\"b;Cert=\"{escaped}\"")),
        ("an empty element", xfcc.clone(), &format!("Cert=\"{escaped}\",")),
        ("garbage", xfcc.clone(), ";;;"),
        ("an empty certificate", xfcc, "Cert=\"\""),
    ] {
        assert!(read(&header, &[line]).is_err(), "{attack}");
    }
}

#[test]
fn a_subject_cannot_place_a_certificate() {
    let escaped = escape(&pem(&DER));
    let evil = escape(&pem(b"evil"));
    let line = format!("Cert=\"{escaped}\";Subject=\"O=\\\",Cert={evil}\"");
    assert_eq!(read(&CertificateHeader::Xfcc, &[&line]), Ok(Some(DER.to_vec())));
}

#[test]
fn nothing_told_is_no_certificate() {
    for header in [CertificateHeader::Rfc9440, NGINX, CertificateHeader::Xfcc] {
        assert_eq!(read(&header, &[]), Ok(None));
        assert_eq!(read(&header, &[" "]), Ok(None));
        let other = headers(HeaderName::from_static("x-other"), &[":MIIB:"]);
        assert_eq!(header.read(&other), Ok(None));
    }
}

#[test]
fn every_header_that_tells_is_named() {
    let names = |header: CertificateHeader| header.names().map(|name| name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(CertificateHeader::Rfc9440), ["client-cert", "client-cert-chain"]);
    assert_eq!(names(NGINX), ["x-ssl-cert"]);
    assert_eq!(names(CertificateHeader::Xfcc), ["x-forwarded-client-cert"]);
}

#[test]
fn errors_do_not_repeat_the_header() {
    let error = read(&CertificateHeader::Rfc9440, &["secret"]).unwrap_err();
    assert_eq!(error.to_string(), "the header client-cert holds no certificate that can be read");
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<CertificateHeader>();
    assert_send_sync::<CertificateHeaderError>();
}

proptest! {
    #[test]
    fn no_text_does_harm(text in "[ -~]{0,200}", pieces in proptest::collection::vec("Cert=|Hash=|\"|,|;|\\\\|%2D|a", 0..30)) {
        for text in [&text, &pieces.concat()] {
            for header in [CertificateHeader::Rfc9440, NGINX, CertificateHeader::Xfcc] {
                let _ = read(&header, &[text]);
            }
        }
    }
}
