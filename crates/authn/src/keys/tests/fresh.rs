//! How keys in memory age.

use super::*;

const MINUTES: u64 = 60;
const HOURS: u64 = 3600;

#[tokio::test(start_paused = true)]
async fn old_keys_serve_while_new_ones_are_on_their_way() {
    let (a, b) = (key("a"), key("b"));
    let script = Script::new([set(&[&a, &b]), set(&[&b])]);
    let keys = script.keys();
    assert!(ask(&keys, "a").await.is_ok());
    advance(Duration::from_secs(10 * MINUTES - 1)).await;
    assert!(at_once(&keys, "a"));
    assert_eq!(script.times(), 1);
    a_second().await;

    // Due: a fetch is under way, and callers are served without a wait.
    assert_eq!(script.times(), 2);
    assert!(at_once(&keys, "a") && at_once(&keys, "a"));
    assert_eq!(keys.generation(), 0);
    wait(2).await;
    assert_eq!((script.times(), keys.generation()), (2, 1));
    // The withdrawn key is dead, the other lives.
    assert_eq!(ask(&keys, "a").await, Err(KeysError::Unknown));
    assert!(at_once(&keys, "b"));
}

#[tokio::test(start_paused = true)]
async fn a_key_replaced_under_its_name_counts_as_withdrawn() {
    let script = Script::new([set(&[&key("a")]), set(&[&key("a")])]);
    let keys = script.keys();
    let before = ask(&keys, "a").await.unwrap();
    advance(Duration::from_secs(10 * MINUTES)).await;
    assert_eq!(ask(&keys, "a").await, Ok(Arc::clone(&before)));
    wait(2).await;
    assert_ne!(ask(&keys, "a").await, Ok(before));
    assert_eq!(keys.generation(), 1);
}

#[tokio::test(start_paused = true)]
async fn keys_are_kept_fresh_while_nobody_asks() {
    let (a, b) = (key("a"), key("b"));
    let script = Script::new([set(&[&a]), set(&[&a, &b]), set(&[&b])]);
    let keys = script.keys();
    assert!(ask(&keys, "a").await.is_ok());
    wait(10 * MINUTES + 10).await;
    assert_eq!((script.times(), keys.generation()), (2, 0));
    wait(10 * MINUTES + 10).await;
    assert_eq!((script.times(), keys.generation()), (3, 1));

    // The watch ends with the keys.
    drop(keys);
    wait(HOURS).await;
    assert_eq!((script.times(), Arc::strong_count(&script)), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn keys_that_were_forgotten_serve_nobody_before_the_issuer_is_asked() {
    let (a, b) = (key("a"), key("b"));
    let script = Script::new([set(&[&a]), set(&[&b])]);
    let keys = script.keys();
    assert!(ask(&keys, "a").await.is_ok());
    advance(Duration::from_secs(8 * HOURS)).await;
    assert_eq!(ask(&keys, "a").await, Err(KeysError::Unknown));
    assert_eq!((script.times(), keys.generation()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn the_last_good_keys_serve_for_the_grace_and_no_longer() {
    let script = Script::new([set(&[&key("a")]), Answer::Down]);
    let grace = Duration::from_secs(HOURS);
    let keys = script.keys().freshness(Freshness::new().grace(grace));
    assert!(ask(&keys, "a").await.is_ok());
    let end = Instant::now() + Duration::from_secs(10 * MINUTES) + grace;
    while Instant::now() < end {
        assert!(at_once(&keys, "a"), "{:?} before the end", end - Instant::now());
        a_second().await;
    }
    assert!(matches!(ask(&keys, "a").await, Err(KeysError::Unavailable { .. })));
    // One attempt per back-off: a second each, and five between two.
    assert!((2..=2 + 1 + HOURS as usize / 6).contains(&script.times()), "{}", script.times());
    wait(5).await;
    assert_eq!(keys.generation(), 1, "verdicts of the old keys end too");

    script.becomes(set(&[&key("a")]));
    wait(5).await;
    assert!(ask(&keys, "a").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_hangs_holds_up_nobody_whose_key_is_known() {
    let script = Script::new([set(&[&key("a")]), Answer::Hang]);
    let keys = script.keys();
    assert!(ask(&keys, "a").await.is_ok());
    wait(10 * MINUTES).await;
    for _ in 0..5 * MINUTES {
        assert!(at_once(&keys, "a"));
        a_second().await;
    }
    // Five seconds each, and five between two.
    assert!((25..=32).contains(&script.times()), "{}", script.times());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_used_is_no_answer() {
    let (a, impostor) = (key("a"), key("a"));
    let private = format!(r#"{{"keys":[{}]}}"#, {
        let mut jwk = impostor.jwk();
        jwk["d"] = "AAAA".into();
        jwk
    });
    let good = jwks(&[&a]);
    let padded = format!("{}{good}", " ".repeat(MAX_BYTES));
    for bad in [
        Answer::Body(b"\x00\xff\xfe garbage".to_vec()),
        Answer::Body(b"<!doctype html><title>Down for maintenance</title>".to_vec()),
        Answer::Body(vec![b'['; 10 * 1024 * 1024]),
        Answer::Body(padded.into_bytes()),
        Answer::Body(Vec::new()),
        Answer::Keys(r#"{"keys":[]}"#.into()),
        Answer::Keys(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"a"}]}"#.into()),
        Answer::Keys(good.replacen('{', r#"{"keys":[],"#, 1)),
        Answer::Keys(private),
        set(&[&a, &impostor]),
        Answer::Status(404),
        Answer::Status(302),
        Answer::Status(204),
    ] {
        let script = Script::new([set(&[&a]), bad.clone()]);
        let keys = script.keys();
        let before = ask(&keys, "a").await.unwrap();
        advance(Duration::from_secs(10 * MINUTES)).await;
        assert!(at_once(&keys, "a"));
        wait(2).await;
        assert_eq!(script.times(), 2);
        assert_eq!(ask(&keys, "a").await, Ok(before));
        assert_eq!(keys.generation(), 0);

        // Nor does it do for a start.
        let keys = Script::new([bad]).keys();
        assert_eq!(ask(&keys, "a").await, Err(later(5)));
    }
}
