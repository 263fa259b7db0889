#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use portcullis_core::{Kind, Secret};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType,
    date_time_ymd,
};

use super::*;
use crate::{ClientCertificate, DenialKind};

/// Within the validity of certificates made here: all of 2027.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

const START: u64 = 1_798_761_600;
const END: u64 = 1_830_297_600;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A certificate of `CN=Example CA, O=Example\, Inc.`
fn issue(change: impl FnOnce(&mut CertificateParams)) -> ClientCertificate {
    let mut authority = CertificateParams::default();
    authority.distinguished_name = DistinguishedName::new();
    authority.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
    authority.distinguished_name.push(DnType::CommonName, "Example CA");
    let authority = Issuer::new(authority, KeyPair::generate().unwrap());
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.not_before = date_time_ymd(2027, 1, 1);
    params.not_after = date_time_ymd(2028, 1, 1);
    change(&mut params);
    let certificate = params.signed_by(&KeyPair::generate().unwrap(), &authority).unwrap();
    ClientCertificate::new(certificate.der().to_vec())
}

fn with_uris(uris: &[&str]) -> ClientCertificate {
    issue(|params| {
        params.subject_alt_names = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())).collect();
    })
}

fn with_host(host: &str) -> ClientCertificate {
    issue(|params| params.subject_alt_names = vec![SanType::DnsName(host.try_into().unwrap())])
}

fn with_common_name(name: &str) -> ClientCertificate {
    issue(|params| params.distinguished_name.push(DnType::CommonName, name))
}

fn ask(rule: CertificateRule, certificate: &ClientCertificate, now: SystemTime) -> Result<Verified, Denial> {
    ClientCertificates::new([rule]).unwrap().judge(&Credential::Certificate(certificate.clone()), now)
}

#[test]
fn rules_cover_what_they_say() {
    let uri = |uri| CertificateRule::uri(uri).unwrap();
    let below = |uri| CertificateRule::uri_below(uri).unwrap();
    let dns = |host| CertificateRule::dns(host).unwrap();
    let named = |name| CertificateRule::insecure_common_name(name).unwrap();
    let base = "spiffe://example.org/ns/prod";
    let rows: Vec<(&str, CertificateRule, ClientCertificate, Option<&str>)> = vec![
        (
            "a URI",
            uri("spiffe://example.org/a"),
            with_uris(&["spiffe://example.org/a"]),
            Some("spiffe://example.org/a"),
        ),
        ("another URI", uri("spiffe://example.org/a"), with_uris(&["spiffe://example.org/ab"]), None),
        (
            "another trust domain",
            uri("spiffe://example.org/a"),
            with_uris(&["spiffe://evil.example/a"]),
            None,
        ),
        (
            "several URIs",
            uri("spiffe://example.org/a"),
            with_uris(&["spiffe://example.org/a", "spiffe://example.org/b"]),
            None,
        ),
        (
            "below",
            below(base),
            with_uris(&["spiffe://example.org/ns/prod/a/b"]),
            Some("spiffe://example.org/ns/prod/a/b"),
        ),
        ("not below itself", below(base), with_uris(&[base]), None),
        ("not at a boundary", below(base), with_uris(&["spiffe://example.org/ns/production/a"]), None),
        ("an empty step", below(base), with_uris(&["spiffe://example.org/ns/prod/"]), None),
        ("a step up", below(base), with_uris(&["spiffe://example.org/ns/prod/../dev"]), None),
        ("an escaped step up", below(base), with_uris(&["spiffe://example.org/ns/prod/%2e%2e/dev"]), None),
        ("a query", below(base), with_uris(&["spiffe://example.org/ns/prod/a?b"]), None),
        (
            "a longer trust domain",
            below("spiffe://example.org"),
            with_uris(&["spiffe://example.org.evil.example/a"]),
            None,
        ),
        ("a host", dns("Batch.example.org"), with_host("batch.EXAMPLE.org"), Some("batch.example.org")),
        ("a wildcard", dns("batch.example.org"), with_host("*.example.org"), None),
        ("a longer host", dns("batch.example.org"), with_host("batch.example.org.evil.example"), None),
        ("a host with NUL", dns("batch.example.org"), with_host("batch.example.org\0.evil.example"), None),
        ("a URI for a host", dns("batch.example.org"), with_uris(&["batch.example.org"]), None),
        ("a common name for a host", dns("batch.example.org"), with_common_name("batch.example.org"), None),
        ("a host for a common name", named("batch.example.org"), with_host("batch.example.org"), None),
        ("a common name", named("nightly"), with_common_name("nightly"), Some("nightly")),
        ("another common name", named("nightly"), with_common_name("Nightly"), None),
        (
            "the issuer",
            named("nightly").issued_by("O=Example\\, Inc., CN=Example CA"),
            with_common_name("nightly"),
            Some("nightly"),
        ),
        ("another issuer", named("nightly").issued_by("O=Other"), with_common_name("nightly"), None),
        (
            "an issuer spelled without care",
            named("nightly").issued_by("O=Example, Inc., CN=Example CA"),
            with_common_name("nightly"),
            None,
        ),
        (
            "an authority",
            named("nightly"),
            issue(|params| {
                params.distinguished_name.push(DnType::CommonName, "nightly");
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            }),
            None,
        ),
        ("no names at all", named("nightly"), issue(|_| {}), None),
    ];
    for (name, rule, certificate, expected) in rows {
        let verdict = ask(rule, &certificate, now());
        assert_eq!(verdict.as_ref().ok().map(|verified| verified.principal().subject()), expected, "{name}");
        let kind = verdict.err().map(|denial| denial.kind());
        assert_eq!(kind, expected.is_none().then_some(DenialKind::Forbid), "{name}");
    }
}

#[test]
fn a_fingerprint_covers_one_certificate() {
    let certificate = issue(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let hex: Vec<String> = certificate.thumbprint().iter().map(|byte| format!("{byte:02X}")).collect();
    for text in [hex.concat(), hex.join(":"), hex.concat().to_lowercase()] {
        let rule = CertificateRule::fingerprint(&text).unwrap();
        let verified = ask(rule.clone(), &certificate, now()).unwrap();
        assert_eq!(verified.principal().subject(), format!("sha256:{}", hex.concat().to_lowercase()));
        assert!(ask(rule, &issue(|_| {}), now()).is_err());
    }
}

#[test]
fn the_owner_is_what_the_rule_says() {
    let rule = CertificateRule::dns("a.example")
        .unwrap()
        .kind(Kind::Agent)
        .subject("planner")
        .issuer("mesh")
        .group("agents")
        .scope("tools:call")
        .attribute("team", "data");
    let verified = ask(rule, &with_host("a.example"), now()).unwrap();
    let owner = verified.principal();
    assert_eq!((owner.kind(), owner.subject(), owner.issuer()), (Kind::Agent, "planner", Some("mesh")));
    assert!(owner.is_in("agents") && owner.holds_scope("tools:call"));
    assert_eq!(owner.attribute("team"), Some("data"));
    assert_eq!((verified.end(), verified.issued), (Some(at(END)), Some(at(START))));
}

#[test]
fn the_first_rule_counts() {
    let rules = [
        CertificateRule::uri("spiffe://a/b/c").unwrap().group("first"),
        CertificateRule::uri_below("spiffe://a/b").unwrap().group("second"),
    ];
    let certificates = ClientCertificates::new(rules).unwrap();
    for (uri, group) in [("spiffe://a/b/c", "first"), ("spiffe://a/b/d", "second")] {
        let credential = Credential::Certificate(with_uris(&[uri]));
        assert!(certificates.judge(&credential, now()).unwrap().principal().is_in(group), "{uri}");
    }
}

#[test]
fn time_is_checked() {
    let certificate = with_host("a.example");
    let rule = || CertificateRule::dns("a.example").unwrap();
    for (name, now, kind) in [
        ("at its start", at(START), None),
        ("an authority whose clock is ahead", at(START - 30), None),
        ("too early", at(START - 31), Some(DenialKind::Invalid)),
        ("just before its end", at(END - 1), None),
        ("at its end", at(END), Some(DenialKind::Invalid)),
        ("in 1970", SystemTime::UNIX_EPOCH, Some(DenialKind::Invalid)),
    ] {
        assert_eq!(ask(rule(), &certificate, now).err().map(|denial| denial.kind()), kind, "{name}");
    }
}

#[test]
fn broken_certificates_are_refused() {
    let sound = with_host("a.example");
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut der = sound.der().to_vec();
        change(&mut der);
        ClientCertificate::new(der)
    };
    for (attack, certificate) in [
        ("empty", ClientCertificate::new(Vec::new())),
        ("garbage", ClientCertificate::new(vec![0x30; 500])),
        ("cut off", with(&|der| der.truncate(der.len() / 2))),
        ("something behind", with(&|der| der.push(0))),
        ("too large", with(&|der| der.resize(20_000, 0))),
    ] {
        let denial = ask(CertificateRule::dns("a.example").unwrap(), &certificate, now()).expect_err(attack);
        assert_eq!(denial.kind(), DenialKind::Invalid, "{attack}");
    }
    // Each byte in turn: whatever becomes of it, nothing breaks.
    for index in 0..sound.der().len() {
        for value in [0, 0x7f, 0x80, 0xff] {
            let changed = with(&|der| der[index] = value);
            let _ = ask(CertificateRule::dns("a.example").unwrap(), &changed, now());
        }
    }
}

#[test]
fn the_operator_is_told_the_names() {
    let rule = CertificateRule::insecure_common_name("x").unwrap();
    let denial = ask(rule, &with_common_name("a=b\n"), now()).unwrap_err();
    assert_eq!(
        denial.detail(),
        "no rule covers the certificate of \"CN=a\\\\=b\\n\", issued by \"O=Example\\\\, Inc., CN=Example CA\""
    );
}

#[test]
fn mistakes_are_told() {
    let rules = |rules: Vec<CertificateRule>| ClientCertificates::new(rules).map(|_| ());
    let dns = || CertificateRule::dns("a.example").unwrap();
    for (result, said) in [
        (rules(vec![]), "no rule"),
        (rules(vec![dns(), dns().group("b")]), "two rules for \"a.example\""),
        (rules(vec![dns(), dns().issued_by("CN=a")]), "two rules"),
        (rules(vec![dns().group("")]), "the rule for \"a.example\" has \"\""),
        (rules(vec![dns().issued_by("")]), "has \"\""),
        (CertificateRule::uri("a.example").map(|_| ()), "\"a.example\" is no URI"),
        (CertificateRule::uri("spiffe://a/ b").map(|_| ()), "is no URI"),
        (CertificateRule::uri_below("spiffe://a/").map(|_| ()), "slash at its end"),
        (CertificateRule::uri_below("spiffe://a/*").map(|_| ()), "slash at its end"),
        (CertificateRule::uri_below("urn:a").map(|_| ()), "slash at its end"),
        (CertificateRule::dns("*.example").map(|_| ()), "no host name"),
        (CertificateRule::dns("").map(|_| ()), "no host name"),
        (CertificateRule::insecure_common_name("").map(|_| ()), "empty"),
        (CertificateRule::fingerprint("ab").map(|_| ()), "no SHA-256"),
        (CertificateRule::fingerprint(&"ab".repeat(33)).map(|_| ()), "no SHA-256"),
        (CertificateRule::fingerprint(&"é".repeat(32)).map(|_| ()), "no SHA-256"),
    ] {
        let error = result.expect_err(said).to_string();
        assert!(error.contains(said), "{error:?} lacks {said:?}");
    }
    assert!(rules(vec![dns().issued_by("CN=a"), dns()]).is_ok());
    assert_eq!(CertificateRule::dns("*").unwrap_err().input(), "*");
}

#[tokio::test]
async fn only_certificates_are_recognized() {
    let certificates = ClientCertificates::new([CertificateRule::dns("a.example").unwrap()]).unwrap();
    let audience = Audience::new(vec!["https://mcp.example".into()]);
    let token = Credential::Token(Secret::new("x"));
    assert!(!certificates.recognizes(&token));
    assert!(certificates.verify(&token, &audience, now()).await.is_err());
    let shown = Credential::Certificate(with_host("a.example"));
    assert!(certificates.recognizes(&shown));
    assert!(certificates.verify(&shown, &audience, now()).await.is_ok());
}

#[test]
fn values_are_send_and_sync() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<ClientCertificates>();
    assert_send_sync::<CertificateRule>();
    assert_send_sync::<CertificateRuleError>();
}
