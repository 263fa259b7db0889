#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use portcullis_core::Kind;
use portcullis_seal::Key;

use super::*;

fn tokens(key: &Key) -> Tokens {
    Tokens {
        keys: Some(KeyRing::new(vec![key.clone()]).unwrap()),
        portal: "acme".into(),
        route: "/mcp".into(),
        lifetime: Duration::from_secs(100),
        random: of_the_system,
    }
}

fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(second)
}

#[test]
fn opens_for_the_same_principal_in_the_same_place_in_time() {
    let key = Key::generate().unwrap();
    let tokens = tokens(&key);
    let (alice, bob) = (Principal::new(Kind::User, "alice"), Principal::new(Kind::User, "bob"));
    let token = tokens.seal(Some(&alice), b"client", at(1_000)).unwrap();

    let opened = tokens.open(Some(&alice), &token, at(1_099)).unwrap();
    assert_eq!((opened.expires, opened.client.as_slice()), (1_100, &b"client"[..]));
    assert_eq!(tokens.open(Some(&alice), &token, at(1_100)), None, "too old");
    assert!(tokens.open(Some(&alice), &token, at(900)).is_some(), "a clock that is behind is no forgery");
    assert_eq!(tokens.open(Some(&bob), &token, at(1_000)), None);
    assert_eq!(tokens.open(None, &token, at(1_000)), None);
    let elsewhere = [
        Tokens { portal: "other".into(), ..tokens.clone() },
        Tokens { route: "/other".into(), ..tokens.clone() },
        Tokens { portal: "acme/mcp".into(), route: "".into(), ..tokens.clone() },
        self::tokens(&Key::generate().unwrap()),
        Tokens { keys: None, ..tokens.clone() },
    ];
    for tokens in elsewhere {
        assert_eq!(tokens.open(Some(&alice), &token, at(1_000)), None, "{tokens:?}");
    }
}

#[test]
fn no_two_sessions_have_one_number() {
    let tokens = tokens(&Key::generate().unwrap());
    let number = || {
        let token = tokens.seal(None, b"", at(0)).unwrap();
        tokens.open(None, &token, at(0)).unwrap().number
    };
    assert_ne!(number(), number());
}

#[test]
fn a_token_of_another_purpose_is_no_session_and_the_other_way_round() {
    let tokens = tokens(&Key::generate().unwrap());
    let token = tokens.seal(None, b"client", at(0)).unwrap();
    let session = tokens.open(None, &token, at(0)).unwrap().number;
    let name = tokens.name_stream(&session).unwrap();
    assert!(tokens.is_stream(&session, &name));
    assert!(!tokens.is_stream(&[0; 16], &name));
    assert!(!tokens.is_stream(&session, &token));
    assert_eq!(tokens.open(None, &name, at(0)), None);
}

#[test]
fn any_change_closes_it() {
    let tokens = tokens(&Key::generate().unwrap());
    let token = tokens.seal(None, b"client", at(0)).unwrap();
    for place in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        assert_eq!(tokens.open(None, std::str::from_utf8(&changed).unwrap(), at(0)), None, "at {place}");
    }
    for end in 0..token.len() {
        assert_eq!(tokens.open(None, &token[..end], at(0)), None, "up to {end}");
    }
}

#[test]
fn a_client_that_says_too_much_gets_no_session() {
    let tokens = tokens(&Key::generate().unwrap());
    let fits = vec![b'x'; crate::front::client::MAX_CLIENT_BYTES + 8];
    assert!(tokens.seal(None, &fits, at(0)).is_ok(), "whatever a client may say of itself fits");
    assert!(tokens.seal(None, &[b'x'; 6_000], at(0)).is_err());
}

#[test]
fn without_random_numbers_there_is_no_session() {
    let tokens = Tokens { random: |_| Err(SealError), ..tokens(&Key::generate().unwrap()) };
    assert!(tokens.seal(None, b"client", at(0)).is_err());
}
