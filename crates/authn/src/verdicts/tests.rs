#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use portcullis_core::Kind;

use super::*;

fn verdicts(max_bytes: u64) -> Verdicts {
    Verdicts::new(max_bytes, [7; 16])
}

fn admission(bytes: u64) -> Arc<Admission> {
    Arc::new(Admission {
        principal: Principal::new(Kind::User, "alice"),
        end: None,
        binding: None,
        allowance: None,
        subject: None,
        verifier: 0,
        generation: 0,
        bytes,
    })
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn what_is_not_the_same_has_another_key() {
    let verdicts = verdicts(1 << 20);
    let key = |kind, network, parts| verdicts.key(kind, network, parts);
    let all = [
        key(0, None, [b"ab", b""]),
        key(0, None, [b"a", b"b"]),
        key(0, None, [b"", b"ab"]),
        key(0, None, [b"abc", b""]),
        key(1, None, [b"ab", b""]),
        key(2, None, [b"ab", b""]),
        key(0, Some(0), [b"ab", b""]),
        key(0, Some(1), [b"ab", b""]),
        key(0, Some(256), [b"ab", b""]),
        Verdicts::new(1 << 20, [8; 16]).key(0, None, [b"ab", b""]),
    ];
    for (index, one) in all.iter().enumerate() {
        assert!(!all[..index].contains(one), "{index}");
    }
    assert_eq!(all[0], key(0, None, [b"ab", b""]));
}

#[test]
fn a_denial_is_short_and_ends_with_a_change() {
    let verdicts = verdicts(1 << 20);
    let key = verdicts.key(0, None, [b"token", b""]);
    verdicts.deny(key, Denial::invalid("no"), 5, at(100));
    for (what, generation, now, denied) in [
        ("at once", 5, at(100), true),
        ("in the same second", 5, at(100) + Duration::from_millis(999), true),
        ("a second later", 5, at(101), false),
        ("after a change", 6, at(100), false),
        ("by a clock that was put back", 5, at(99), false),
        ("at the beginning of time", 5, at(0), false),
    ] {
        assert_eq!(verdicts.denied(&key, generation, now).is_some(), denied, "{what}");
    }
}

#[test]
fn verdicts_are_bounded_by_their_bytes() {
    let verdicts = verdicts(1 << 20);
    for number in 0..10_000_u32 {
        let key = verdicts.key(0, None, [&number.to_le_bytes(), b""]);
        admit(&verdicts, &key, admission(1024));
        assert!(verdicts.admitted.weight() <= 1 << 20);
    }
    assert!(verdicts.admitted.len() > 512, "{}", verdicts.admitted.len());
    // One that is larger than all there is room for is not kept, and pushes nothing out.
    let before = verdicts.admitted.len();
    let key = verdicts.key(0, None, [b"large", b""]);
    admit(&verdicts, &key, admission(2 << 20));
    assert!(verdicts.admitted(&key).is_none());
    assert_eq!(verdicts.admitted.len(), before);
}

#[test]
fn denials_are_bounded_and_take_no_place_from_others() {
    let verdicts = verdicts(1 << 20);
    let good = verdicts.key(0, None, [b"good", b""]);
    admit(&verdicts, &good, admission(1024));
    for number in 0..100_000_u32 {
        verdicts.deny(verdicts.key(0, None, [&number.to_le_bytes(), b""]), Denial::invalid("no"), 0, at(1));
    }
    assert!(verdicts.denied.len() <= Verdicts::MAX_DENIED);
    assert!(verdicts.admitted(&good).is_some());
    verdicts.forget(&good);
    assert!(verdicts.admitted(&good).is_none());
}

#[test]
fn an_admission_is_over_at_its_very_end() {
    let lasting = Admission { end: Some(at(10)), ..Arc::into_inner(admission(1)).unwrap() };
    assert!(lasting.lasts_at(at(9)) && !lasting.lasts_at(at(10)) && !lasting.lasts_at(at(11)));
    assert!(admission(1).lasts_at(at(u64::from(u32::MAX))));
}

fn admit(verdicts: &Verdicts, key: &Key, admission: Arc<Admission>) {
    use futures_util::FutureExt;

    match verdicts.admitted_or_turn(key).now_or_never() {
        Some(Err(turn)) => drop(turn.insert(admission)),
        other => panic!("somebody else has the turn: {}", other.is_none()),
    }
}
