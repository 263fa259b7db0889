//! What becomes of claims.

use portcullis_core::{Kind, Principal};

use super::*;
use crate::Binding;

fn principal(map: ClaimMap, claims: Value) -> Result<Principal, Denial> {
    let key = SigningKey::ed25519();
    let verifier = JwtVerifier::builder(ISSUER, keys(&[&key])).claims(map).build().unwrap();
    verify(&verifier, &key.sign(header(), claims)).map(|verified| verified.principal().clone())
}

#[test]
fn scopes_come_as_text_or_list() {
    for (claim, value) in [
        ("scope", json!("a b")),
        ("scope", json!(["a", "b"])),
        ("scope", json!(" a  b ")),
        ("scp", json!("a b")),
        ("scp", json!(["a", "b"])),
    ] {
        let mut claims = but("scope", Value::Null);
        claims[claim] = value;
        assert_eq!(accepted(claims).principal().scopes().collect::<Vec<_>>(), ["a", "b"]);
    }
    assert_eq!(accepted(but("scope", Value::Null)).principal().scopes().count(), 0);
    assert_eq!(accepted(but("scope", "")).principal().scopes().count(), 0);
    for malformed in [json!(7), json!({"a": true}), json!(["a", 7])] {
        refused(but("scope", malformed));
    }
}

#[test]
fn the_subject_is_a_name() {
    for subject in [
        json!(null),
        json!(""),
        json!(7),
        json!(["alice"]),
        json!("a\nb"),
        json!("\u{0}"),
        json!("x".repeat(513)),
    ] {
        let mut claims = good();
        claims["sub"] = subject.clone();
        refused(claims);
    }
    refused(but("sub", Value::Null));
    assert_eq!(accepted(but("sub", "älice|7")).principal().subject(), "älice|7");
}

#[test]
fn a_program_on_its_own_is_a_service() {
    for (claims, kind) in [
        (good(), Kind::User),
        (but("client_id", "alice"), Kind::Service),
        (but("idtyp", "app"), Kind::Service),
        (but("idtyp", "user"), Kind::User),
        (but("client_id", Value::Null), Kind::User),
    ] {
        assert_eq!(accepted(claims.clone()).principal().kind(), kind, "{claims}");
    }
    refused(but("idtyp", 1));
}

#[test]
fn the_client_goes_by_many_names() {
    for name in ["client_id", "azp", "cid", "appid"] {
        let mut claims = but("client_id", Value::Null);
        claims[name] = "desktop".into();
        assert_eq!(accepted(claims).principal().attribute("client_id"), Some("desktop"), "{name}");
    }
    refused(but("client_id", 7));
}

#[test]
fn how_somebody_signed_in_is_kept() {
    let mut claims = good();
    claims["amr"] = json!(["pwd", "mfa"]);
    claims["acr"] = json!("urn:high");
    claims["auth_time"] = json!(NOW - 3600);
    let verified = accepted(claims);
    assert_eq!(verified.principal().attribute("amr"), Some("pwd mfa"));
    assert_eq!(verified.principal().attribute("acr"), Some("urn:high"));
    assert_eq!(verified.authenticated, Some(at(NOW - 3600)));
    assert_eq!(verified.issued, Some(at(NOW - 60)));
}

#[test]
fn attributes_are_plain_values() {
    let map = ClaimMap::new()
        .with_attribute("device", "https://example.com/device")
        .and_then(|map| map.with_attribute("level", "device.level"))
        .and_then(|map| map.with_attribute("managed", "device.managed"))
        .unwrap();
    let mut claims = but("https://example.com/device", "laptop");
    claims["device"] = json!({"level": 3.50, "managed": true});
    let alice = principal(map.clone(), claims.clone()).unwrap();
    let attributes: Vec<_> = alice.attributes().collect();
    assert_eq!(
        attributes,
        [("client_id", "desktop"), ("device", "laptop"), ("level", "3.5"), ("managed", "true")]
    );
    // What is not there, or null, is no attribute; what is no plain value is a mistake.
    claims["device"] = json!({"level": null});
    assert_eq!(principal(map.clone(), claims.clone()).unwrap().attribute("level"), None);
    claims["device"] = json!("none");
    assert_eq!(principal(map.clone(), claims.clone()).unwrap().attribute("level"), None);
    for level in [json!({}), json!([{}]), json!([["a"]])] {
        claims["device"] = json!({ "level": level });
        assert!(principal(map.clone(), claims.clone()).is_err());
    }
}

#[test]
fn keycloaks_roles_are_groups() {
    let map = ClaimMap::keycloak().with_groups(r"resource_access.my\.app.roles").unwrap();
    let mut claims = but("groups", json!(["/finance"]));
    claims["realm_access"] = json!({"roles": ["admin"]});
    claims["resource_access"] = json!({"my.app": {"roles": ["reader"]}, "my": {"app": {"roles": ["no"]}}});
    let alice = principal(map, claims).unwrap();
    assert_eq!(alice.groups().collect::<Vec<_>>(), ["/finance", "admin", "reader"]);
}

#[test]
fn entra_names_people_by_their_object() {
    let mut claims = good();
    claims["oid"] = "00000000-1".into();
    claims["tid"] = "contoso".into();
    claims["roles"] = json!(["Finance.Read"]);
    let alice = principal(ClaimMap::entra(), claims).unwrap();
    assert_eq!(alice.subject(), "00000000-1");
    assert_eq!(alice.attribute("tid"), Some("contoso"));
    assert!(alice.is_in("Finance.Read"));
    assert!(principal(ClaimMap::entra(), good()).is_err());
    // That nobody is the subject, and no client is named, makes nobody a service.
    let bare = json!({"iss": ISSUER, "aud": RESOURCE, "exp": NOW + 1, "oid": "1"});
    assert_eq!(principal(ClaimMap::entra(), bare).unwrap().kind(), Kind::User);
}

#[test]
fn groups_that_cannot_be_read_refuse_the_token() {
    for groups in
        [json!(7), json!({"finance": true}), json!(["finance", 7]), json!([["finance"]]), json!(null)]
    {
        let mut claims = good();
        claims["groups"] = groups.clone();
        assert!(principal(ClaimMap::new(), claims.clone()).is_err(), "{groups}");
        assert!(principal(ClaimMap::new().without_groups(), claims).is_ok(), "{groups}");
    }
    assert!(principal(ClaimMap::new(), but("groups", "finance")).unwrap().is_in("finance"));
}

#[test]
fn actors_stand_in_the_order_they_were_asked() {
    let claims =
        but("act", json!({"sub": "booker", "iss": "https://agents.example", "act": {"sub": "planner"}}));
    let verified = accepted(claims);
    let actors: Vec<_> =
        verified.principal().actors().iter().map(|actor| (actor.subject(), actor.issuer())).collect();
    // RFC 8693, section 4.1: the outermost is the one that acts now.
    assert_eq!(actors, [("planner", Some(ISSUER)), ("booker", Some("https://agents.example"))]);
}

#[test]
fn bindings_are_kept() {
    let key = SigningKey::es256();
    let thumbprint = crate::PublicKey::parse(key.jwk().to_string().as_bytes()).unwrap().thumbprint();
    let bound = |method: &str| accepted(but("cnf", json!({ method: key.jkt() }))).binding().cloned();
    assert_eq!(bound("jkt"), Some(Binding::Key(thumbprint)));
    assert_eq!(bound("x5t#S256"), Some(Binding::Certificate(thumbprint)));
    assert_eq!(accepted(good()).binding(), None);
}
