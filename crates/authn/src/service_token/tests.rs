#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use portcullis_core::Kind;

use super::*;
use crate::DenialKind;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// An argon2id hash that costs next to nothing.
fn weak(secret: &str) -> StoredSecret {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
    StoredSecret::unchecked(argon2.hash_password_with_salt(secret.as_bytes(), b"some salt").unwrap())
}

fn credential(id: &str, secret: &str) -> Credential {
    Credential::ServiceToken { id: id.to_owned(), secret: Secret::new(secret) }
}

async fn ask(services: &ServiceTokens, id: &str, secret: &str) -> Result<Verified, Denial> {
    let audience = Audience::new(vec!["https://mcp.example".into()]);
    let credential = credential(id, secret);
    services.verify(&credential, &audience, now()).await
}

#[tokio::test]
async fn a_service_is_known_by_its_secret_alone() {
    let random = ServiceSecret::generate().unwrap();
    let right = random.secret().expose();
    let end = now() + Duration::from_secs(1);
    let services = ServiceTokens::new([
        ServiceEntry::new("nightly", StoredSecret::parse(random.stored()).unwrap())
            .kind(Kind::Agent)
            .group("jobs")
            .scope("tools:call")
            .attribute("team", "data")
            .expires(end),
        ServiceEntry::new("old", StoredSecret::parse(random.stored()).unwrap()).expires(now()),
        ServiceEntry::new("chosen", weak("hunter2")),
    ])
    .unwrap();

    let verified = ask(&services, "nightly", right).await.unwrap();
    let principal = verified.principal();
    assert_eq!((principal.kind(), principal.subject()), (Kind::Agent, "nightly"));
    assert!(principal.is_in("jobs") && principal.holds_scope("tools:call"));
    assert_eq!((principal.attribute("team"), verified.end()), (Some("data"), Some(end)));
    assert_eq!(ask(&services, "chosen", "hunter2").await.unwrap().principal().kind(), Kind::Service);

    let huge = "x".repeat(1 << 20);
    let almost = format!("{}x", &right[..42]);
    for (attack, id, secret, said) in [
        ("wrong secret", "nightly", almost.as_str(), "not the secret of the service \"nightly\""),
        ("cut secret", "nightly", &right[..42], "not the secret"),
        ("empty secret", "nightly", "", "there is no secret"),
        ("huge secret", "nightly", &huge, "too long"),
        ("secret of another service", "chosen", right, "not the secret"),
        ("stored form for the secret", "nightly", random.stored(), "not the secret"),
        ("wrong chosen secret", "chosen", "hunter3", "not the secret"),
        ("expired", "old", right, "has expired"),
        ("unknown name", "nobody", right, "no service of that name"),
        ("name in another case", "Nightly", right, "no service of that name"),
        ("empty name", "", right, "no service of that name"),
        ("huge name", &huge, right, "too long"),
    ] {
        let denial = ask(&services, id, secret).await.expect_err(attack);
        assert_eq!(denial.kind(), DenialKind::Invalid, "{attack}");
        assert!(denial.detail().contains(said), "{attack}: {denial}");
        assert!(secret.is_empty() || !denial.detail().contains(secret), "{attack}: {denial}");
    }
    // An unknown name that happens to show the very secret of the service that stands in for it.
    for index in 0..64 {
        assert!(ask(&services, &format!("guess-{index}"), right).await.is_err());
        assert!(ask(&services, &format!("guess-{index}"), "hunter2").await.is_err());
    }
}

#[tokio::test]
async fn the_sha256_of_a_password_is_of_no_use() {
    // SHA-256 of "hunter2"
    let stored = "sha256:f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf526a3f6c7";
    let services =
        ServiceTokens::new([ServiceEntry::new("x", StoredSecret::parse(stored).unwrap())]).unwrap();
    assert!(ask(&services, "x", "hunter2").await.is_err());
}

#[tokio::test]
async fn names_that_are_not_known_cost_the_same_work() {
    let slow = ServiceTokens::new([ServiceEntry::new("chosen", weak("hunter2"))]).unwrap();
    // With no place left, whoever needs the slow check is turned away; so both need it.
    let _all = Arc::clone(&slow.slow.all).acquire_many_owned(66).await.unwrap();
    for id in ["chosen", "nobody"] {
        let denial = ask(&slow, id, "hunter2").await.unwrap_err();
        assert_eq!(denial.kind(), DenialKind::Unavailable(Duration::from_secs(1)), "{id}");
    }
}

#[tokio::test]
async fn slow_checks_are_bounded_and_work_that_nobody_waits_for_is_counted() {
    let services = ServiceTokens::new([ServiceEntry::new("chosen", weak("hunter2"))])
        .unwrap()
        .max_concurrent(1, 1)
        .unwrap();
    let busy = Arc::clone(&services.slow.running).acquire_owned().await.unwrap();
    let mut first = Box::pin(ask(&services, "chosen", "hunter2"));
    let mut second = Box::pin(ask(&services, "chosen", "hunter2"));
    assert!(futures_poll(&mut first).await.is_none());
    assert!(futures_poll(&mut second).await.is_none());
    assert_eq!(
        ask(&services, "chosen", "hunter2").await.unwrap_err().kind(),
        DenialKind::Unavailable(Duration::from_secs(1))
    );
    // One gives up and makes place for another.
    drop(second);
    let third = ask(&services, "chosen", "hunter2");
    drop(busy);
    let (first, third) = tokio::join!(first, third);
    assert!(first.is_ok() && third.is_ok());
}

/// Polls once.
async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| match std::pin::Pin::new(&mut *future).poll(context) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[test]
fn stored_secrets_are_bounded_and_not_repeated() {
    let hash = "$c29tZXNhbHRzb21lc2FsdA$6mbXBJo5ZuZLEi9lBGXAZmbmP9Jx6mbXBJo5ZuZLEi8";
    let argon2 = |head: &str| format!("{head}{hash}");
    for (text, said) in [
        ("hunter2-plain".to_owned(), "starts with neither"),
        (String::new(), "starts with neither"),
        ("sha256:abc".to_owned(), "64 hexadecimal digits"),
        (format!("sha256:{}g", "0".repeat(63)), "64 hexadecimal digits"),
        (format!("sha256:{}", "é".repeat(32)), "64 hexadecimal digits"),
        (argon2("$argon2i$v=19$m=65536,t=3,p=1"), "starts with neither"),
        (argon2("$argon2id$m=65536,t=3,p=1"), "another version"),
        (argon2("$argon2id$v=16$m=65536,t=3,p=1"), "another version"),
        (argon2("$argon2id$v=19$m=7167,t=9,p=1"), "too weak"),
        (argon2("$argon2id$v=19$m=19456,t=1,p=1"), "too weak"),
        (argon2("$argon2id$v=19$m=65537,t=1,p=1"), "costs too much"),
        (argon2("$argon2id$v=19$m=4294967295,t=4294967295,p=1"), "costs too much"),
        (argon2("$argon2id$v=19$m=65536,t=5,p=1"), "costs too much"),
        (argon2("$argon2id$v=19$m=65536,t=3,p=5"), "costs too much"),
        (argon2("$argon2id$v=19$m=65536,p=1"), "lacks m, t or p"),
        (argon2("$argon2id$v=19$m=65536,t=3,p=1,keyid=c29tZQ"), "other parameters"),
        (argon2("$argon2id$v=19$m=x,t=3,p=1"), "argon2id"),
        ("$argon2id$v=19$m=65536,t=3,p=1".to_owned(), "needs a salt"),
        ("$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHQ$6mbXBJo5ZuZLEg".to_owned(), "16 bytes"),
        ("$argon2id$".to_owned(), "argon2id"),
    ] {
        let error = StoredSecret::parse(&text).expect_err(&text).to_string();
        assert!(error.contains(said), "{text}: {error:?} lacks {said:?}");
        assert!(text.len() < 12 || !error.contains(&text), "{error}");
    }
    for head in
        ["$argon2id$v=19$m=19456,t=2,p=1", "$argon2id$v=19$m=7168,t=5,p=1", "$argon2id$v=19$m=65536,t=4,p=4"]
    {
        let shown = format!("{:?}", StoredSecret::parse(&argon2(head)).expect(head));
        assert_eq!(shown, "StoredSecret(argon2id)");
    }
}

#[test]
fn mistakes_name_the_service() {
    let stored = || StoredSecret::parse(&format!("sha256:{}", "0".repeat(64))).unwrap();
    let entry = |id: &str| ServiceEntry::new(id, stored());
    let many = (0..=MAX_ENTRIES).map(|index| entry(&index.to_string()));
    for (result, said) in [
        (ServiceTokens::new([]), "no service"),
        (ServiceTokens::new([entry("")]), "\"\" needs a name"),
        (ServiceTokens::new([entry("two words")]), "\"two words\" needs a name"),
        (ServiceTokens::new([entry("é")]), "needs a name"),
        (ServiceTokens::new([entry(&"x".repeat(129))]), "needs a name"),
        (ServiceTokens::new([entry("a"), entry("a")]), "\"a\" is there twice"),
        (ServiceTokens::new([entry("a").group("")]), "\"a\" has \"\""),
        (ServiceTokens::new(many), "one too many"),
        (ServiceTokens::new([entry("a")]).unwrap().max_concurrent(0, 1), "at once"),
        (ServiceTokens::new([entry("a")]).unwrap().max_concurrent(1, usize::MAX), "at once"),
    ] {
        let error = result.expect_err(said).to_string();
        assert!(error.contains(said), "{error:?} lacks {said:?}");
    }
}

#[tokio::test]
async fn a_file_may_change() {
    let secret = ServiceSecret::generate().unwrap();
    let path = std::env::temp_dir().join(format!("portcullis-services-{}.json", std::process::id()));
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    let entry = |more: &str| format!(r#"[{{"id": "nightly", "secret": "{}"{more}}}]"#, secret.stored());
    write(&entry(
        r#", "kind": "user", "groups": ["a"], "scopes": ["b"], "attributes": {"c": "d"}, "expires": 1800000001"#,
    ));
    let services = ServiceTokens::open(&path).unwrap();
    let right = secret.secret().expose();
    let verified = ask(&services, "nightly", right).await.unwrap();
    assert_eq!(verified.principal().kind(), Kind::User);
    assert_eq!(verified.end(), Some(now() + Duration::from_secs(1)));
    assert_eq!(services.generation(), 0);

    for (text, said) in [
        (r#"[{"id": "nightly", "secret": "plain text"}]"#.to_owned(), "\"nightly\" starts with neither"),
        (entry(r#", "kind": "root""#), "line 1"),
        (entry(r#", "group": ["a"]"#), "line 1"),
        (entry(r#", "id": "other""#), ""),
        (entry(&format!(r#", "expires": {}"#, u64::MAX)), "cannot be told"),
        ("[".to_owned(), ""),
    ] {
        write(&text);
        let error = services.reload().expect_err(&text).to_string();
        assert!(error.contains(said) && !error.contains("plain text"), "{error}");
        assert!(ask(&services, "nightly", right).await.is_ok(), "what was good stays");
    }
    assert_eq!(services.generation(), 0);

    // The last one is withdrawn.
    write("[]");
    services.reload().unwrap();
    assert_eq!(services.generation(), 1);
    assert!(ask(&services, "nightly", right).await.is_err());
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn only_service_tokens_are_recognized() {
    let services = ServiceTokens::new([ServiceEntry::new("a", weak("b"))]).unwrap();
    assert!(services.recognizes(&credential("a", "b")));
    let token = Credential::Token(Secret::new("a:b"));
    assert!(!services.recognizes(&token));
    let audience = Audience::new(vec!["https://mcp.example".into()]);
    assert!(services.verify(&token, &audience, now()).await.is_err());
    services.reload().unwrap();
}

#[test]
fn secrets_do_not_show() {
    let random = ServiceSecret::generate().unwrap();
    let stored = StoredSecret::parse(random.stored()).unwrap();
    let entry = ServiceEntry::new("nightly", stored);
    let services = ServiceTokens::new([entry.clone()]).unwrap();
    let shown = format!("{random:?} {entry:?} {services:?}");
    assert!(!shown.contains(random.secret().expose()), "{shown}");
    assert!(!format!("{entry:?} {services:?}").contains(&random.stored()[7..]), "{shown}");
    assert_eq!(random.secret().expose().len(), 43);
    assert_ne!(random.stored(), ServiceSecret::generate().unwrap().stored());
}

#[test]
fn values_are_send_and_sync() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<ServiceTokens>();
    assert_send_sync::<ServiceEntry>();
    assert_send_sync::<ServiceSecret>();
    assert_send_sync::<StoredSecret>();
    assert_send_sync::<ServiceTokenError>();
}
