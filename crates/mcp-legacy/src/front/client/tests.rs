#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use proptest::prelude::*;

use super::*;

fn client() -> Client {
    let info = r#"{"name":"größe","version":"1.0"}"#;
    Client::new(Version::V2025_06_18, info, r#"{"elicitation":{}}"#).unwrap()
}

#[test]
fn comes_back_as_it_was_written() {
    let written = client().to_bytes();
    assert_eq!(written.len(), 4 + client().info.len() + client().capabilities.len());
    assert_eq!(Client::from_bytes(&written), Some(client()));
    for number in 0..4 {
        assert_eq!(super::number(from_number(number).unwrap()), number);
    }
}

#[test]
fn is_refused_when_cut_or_changed() {
    let written = client().to_bytes();
    for end in 0..written.len() {
        assert_eq!(Client::from_bytes(&written[..end]), None, "cut at {end}");
    }
    for (place, value) in [(0, 2), (1, 4), (2, 255), (3, 0), (4, b'[')] {
        let mut changed = written.clone();
        changed[place] = value;
        assert_eq!(Client::from_bytes(&changed), None, "byte {place}");
    }
}

#[test]
fn says_no_more_of_itself_than_a_session_holds() {
    let info = |bytes: usize| format!(r#"{{"name":"{}"}}"#, "a".repeat(bytes - 11 - 2));
    assert!(Client::new(Version::LATEST, &info(MAX_CLIENT_BYTES), "{}").is_some());
    assert!(Client::new(Version::LATEST, &info(MAX_CLIENT_BYTES + 1), "{}").is_none());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = Client::from_bytes(&bytes);
        let _ = Client::from_bytes(&[&[FORM, 3, 0, 2][..], &bytes].concat());
    }
}
