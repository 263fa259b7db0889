//! What opens, and what does not.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use portcullis_core::{Actor, Kind, Principal, Secret};
use portcullis_seal::{Context, Key, KeyError, KeyRing, RingError};
use proptest::prelude::*;

fn ring(keys: &[&Key]) -> KeyRing {
    KeyRing::new(keys.iter().map(|key| (*key).clone()).collect()).unwrap()
}

fn user(name: &str) -> Principal {
    Principal::new(Kind::User, name)
}

#[test]
fn a_retired_key_opens_until_it_is_taken_out() {
    let (old, new) = (Key::generate().unwrap(), Key::generate().unwrap());
    let context = Context::new("session");
    let token = ring(&[&old]).seal(&context, b"x").unwrap();
    assert!(ring(&[&new, &old]).open(&context, &token).is_some());
    assert!(ring(&[&new]).open(&context, &token).is_none());
    // The first key seals.
    let token = ring(&[&new, &old]).seal(&context, b"x").unwrap();
    assert!(ring(&[&new]).open(&context, &token).is_some());
}

#[test]
fn a_token_opens_under_its_own_context_only() {
    let ring = ring(&[&Key::generate().unwrap()]);
    let contexts = [
        Context::new("session"),
        Context::new("state"),
        Context::new("session").text("ab").text("c"),
        Context::new("session").text("a").text("bc"),
        Context::new("session").text("abc"),
        Context::new("session").principal(None),
        Context::new("session").principal(Some(&user("alice"))),
        Context::new("session").principal(Some(&user("bob"))),
        Context::new("session").principal(Some(&Principal::new(Kind::Agent, "alice"))),
        Context::new("session").principal(Some(&user("alice").with_issuer("https://a.example"))),
        Context::new("session").principal(Some(&user("alice").with_issuer("https://b.example"))),
        Context::new("session").principal(Some(&user("alice").acting_through(Actor::new("agent")))),
    ];
    for (at, sealed) in contexts.iter().enumerate() {
        let token = ring.seal(sealed, b"payload").unwrap();
        for (other, opened) in contexts.iter().enumerate() {
            assert_eq!(ring.open(opened, &token).is_some(), at == other, "{at} as {other}");
        }
    }
}

/// A token outlives a change of scopes and groups: a refreshed access token is the same person.
#[test]
fn what_is_known_of_a_principal_may_change() {
    let ring = ring(&[&Key::generate().unwrap()]);
    let token = ring.seal(&Context::new("s").principal(Some(&user("alice"))), b"x").unwrap();
    let later = user("alice").with_scope("tools:call").with_group("finance").with_attribute("ip", "::1");
    assert!(ring.open(&Context::new("s").principal(Some(&later)), &token).is_some());
}

#[test]
fn keys_are_32_bytes_in_either_spelling() {
    let hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    let key = |text: &str| Key::parse(&Secret::new(text));
    assert_eq!(key(hex), key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="));
    assert_eq!(key(hex), key(" AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n"));
    for (text, error) in [
        ("", KeyError::Shape),
        ("AAEC", KeyError::Shape),
        (&hex[1..], KeyError::Shape),
        (&hex.replace('f', "g"), KeyError::Shape),
        (&"ff".repeat(32), KeyError::Guessable),
    ] {
        assert_eq!(key(text).unwrap_err(), error, "{text}");
        assert!(text.is_empty() || !error.to_string().contains(text));
    }
    assert_eq!(format!("{:?}", key(hex).unwrap()), "Key([redacted])");
}

#[test]
fn a_ring_needs_one_to_eight_different_keys() {
    let keys: Vec<_> = (0..9).map(|_| Key::generate().unwrap()).collect();
    assert_eq!(KeyRing::new(vec![]).unwrap_err(), RingError::Empty);
    assert_eq!(KeyRing::new(keys.clone()).unwrap_err(), RingError::TooMany);
    assert_eq!(
        KeyRing::new(vec![keys[0].clone(), keys[1].clone(), keys[0].clone()]).unwrap_err(),
        RingError::Repeated
    );
    let ring = KeyRing::new(keys[..8].to_vec()).unwrap();
    assert_eq!(format!("{ring:?}"), "KeyRing { keys: 8, .. }");
}

#[test]
fn sizes_are_bounded() {
    let ring = ring(&[&Key::generate().unwrap()]);
    let context = Context::new("session");
    assert!(ring.seal(&context, &vec![0; 48 * 1024]).is_err());
    assert!(ring.open(&context, &"A".repeat(1 << 20)).is_none());
}

#[test]
fn no_randomness_seals_nothing() {
    let ring = ring(&[&Key::generate().unwrap()]).danger_randomness(|_| Err(portcullis_seal::SealError));
    assert!(ring.seal(&Context::new("session"), b"x").is_err());
}

#[test]
fn types_travel_between_threads() {
    fn check<T: Send + Sync + std::fmt::Debug>() {}
    check::<Key>();
    check::<KeyRing>();
    check::<Context>();
}

proptest! {
    #[test]
    fn what_was_sealed_opens_and_nothing_else_does(payload: Vec<u8>, at: usize, flip in 1_u8..64) {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let ring = ring(&[&Key::generate().unwrap()]);
        let context = Context::new("session");
        let token = ring.seal(&context, &payload).unwrap();
        prop_assert!(token.bytes().all(|byte| ALPHABET.contains(&byte)));
        prop_assert_eq!(ring.open(&context, &token), Some(payload));

        let mut changed = token.clone().into_bytes();
        let at = at % changed.len();
        let place = ALPHABET.iter().position(|byte| *byte == changed[at]).unwrap();
        changed[at] = ALPHABET[(place + flip as usize) % 64];
        prop_assert_eq!(ring.open(&context, std::str::from_utf8(&changed).unwrap()), None);
        prop_assert_eq!(ring.open(&context, &token[..at]), None);
    }

    #[test]
    fn no_text_makes_it_stumble(text: String) {
        let ring = ring(&[&Key::generate().unwrap()]);
        prop_assert_eq!(ring.open(&Context::new("session"), &text), None);
    }
}
