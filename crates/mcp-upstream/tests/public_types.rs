//! What every public type promises: it can be sent and shared, and shows no secret.

use std::time::Duration;

use portcullis_core::Secret;
use portcullis_mcp_upstream::{
    BuildError, Circuit, ClientCredentials, ClientKey, Credentials, Health, HealthState, HttpUpstream,
    HttpUpstreamBuilder, HttpVersion, IdJag, OAuthClient, Retries, SecretSource, TokenEndpoint,
    TokenExchange, TokenType, UpstreamFuture,
};

#[test]
fn are_send_and_sync() {
    fn assert_send<T: Send>() {}
    fn assert_send_sync<T: Send + Sync>() {}
    fn assert_clone<T: Clone>() {}
    assert_send_sync::<HttpUpstream>();
    assert_clone::<HttpUpstream>();
    assert_send_sync::<HttpUpstreamBuilder>();
    assert_send_sync::<BuildError>();
    assert_send_sync::<Circuit>();
    assert_send_sync::<ClientCredentials>();
    assert_send_sync::<ClientKey>();
    assert_send_sync::<Credentials>();
    assert_send_sync::<IdJag>();
    assert_send_sync::<OAuthClient>();
    assert_send_sync::<SecretSource>();
    assert_send_sync::<TokenEndpoint>();
    assert_send_sync::<TokenExchange>();
    assert_send_sync::<TokenType>();
    assert_send_sync::<Health>();
    assert_send_sync::<HealthState>();
    assert_send_sync::<HttpVersion>();
    assert_send_sync::<Retries>();
    assert_send::<UpstreamFuture>();
}

#[tokio::test]
async fn show_no_secret() {
    let builder = HttpUpstream::builder("http://127.0.0.1:3000/mcp?key=s3cr3t")
        .and_then(|builder| builder.bearer(Secret::new("s3cr3t")))
        .and_then(|builder| builder.header("x-api-key", Secret::new("s3cr3t")))
        .unwrap();
    let shown = format!("{builder:?}");
    assert!(shown.contains("x-api-key") && !shown.contains("s3cr3t"), "{shown}");
    let upstream = builder.build().unwrap();
    let shown = format!("{upstream:?}");
    assert!(shown.contains("x-api-key") && shown.contains("127.0.0.1:3000"), "{shown}");
    assert!(!shown.contains("s3cr3t"), "{shown}");
}

#[test]
fn a_token_is_one_word() {
    for token in ["", "two words", "line\nbreak", "tab\t"] {
        let builder = HttpUpstream::builder("http://127.0.0.1:3000/mcp").unwrap();
        assert!(builder.bearer(Secret::new(token)).is_err(), "{token:?}");
    }
}

#[test]
fn limits_that_let_nothing_through_are_refused() {
    type Set = fn(HttpUpstreamBuilder) -> HttpUpstreamBuilder;
    let table: [(&str, Set); 10] = [
        ("connect_timeout", |builder| builder.connect_timeout(Duration::ZERO)),
        ("head_timeout", |builder| builder.head_timeout(Duration::ZERO)),
        ("idle_timeout", |builder| builder.idle_timeout(Duration::ZERO)),
        ("listen_idle_timeout", |builder| builder.listen_idle_timeout(Duration::ZERO)),
        ("total_timeout", |builder| builder.total_timeout(Duration::ZERO)),
        ("max_answer", |builder| builder.max_answer(0)),
        ("max_event", |builder| builder.max_event(0)),
        ("circuit", |builder| builder.circuit(Circuit::new(0, Duration::from_secs(1)))),
        ("circuit", |builder| builder.circuit(Circuit::new(1, Duration::ZERO))),
        ("retries", |builder| builder.retries(Retries::new(11))),
    ];
    for (setting, set) in table {
        let built = set(HttpUpstream::builder("http://127.0.0.1:3000/mcp").unwrap()).build();
        let error = built.expect_err(setting);
        assert!(error.to_string().starts_with(setting), "{setting}: {error}");
    }
}
