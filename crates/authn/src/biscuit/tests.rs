use std::time::Duration;

use biscuit_auth::builder::{BiscuitBuilder, BlockBuilder};
use biscuit_auth::{Biscuit, KeyPair};
use portcullis_core::{Kind, Principal, Secret};

use super::*;
use crate::DenialKind;

mod attacks;
mod chains;
mod files;
mod limits;
mod operations;
mod time;

pub(super) const SERVICE: &str = "https://mcp.example.com";

/// A time with a fraction, as clocks tell it.
pub(super) fn now() -> SystemTime {
    identity::at(1_800_000_000).expect("a time") + Duration::from_millis(250)
}

pub(super) fn after(seconds: u64) -> SystemTime {
    identity::at(1_800_000_000 + seconds).expect("a time")
}

pub(super) fn audience() -> Audience {
    Audience::new(vec![SERVICE.to_owned(), "api://finance".to_owned()])
}

/// A root, two agents that are registered, and one that is not.
pub(super) struct World {
    pub(super) root: KeyPair,
    pub(super) planner: SigningKey,
    pub(super) executor: SigningKey,
    pub(super) stranger: SigningKey,
    pub(super) verifier: BiscuitVerifier,
}

impl World {
    pub(super) fn new() -> Self {
        let [key, planner, executor, stranger] = std::array::from_fn(|_| SigningKey::generate());
        let roots = key.public().to_string().parse().expect("a list");
        let agents = format!("planner {}\nexecutor {}", planner.public(), executor.public());
        let verifier = BiscuitVerifier::new(roots).agents(agents.parse().expect("a list"));
        Self { root: key.pair(), planner, executor, stranger, verifier }
    }

    /// A token of the root whose first block is this and nothing else.
    pub(super) fn token(&self, code: &str) -> Biscuit {
        builder(code).build(&self.root).expect("a token")
    }

    /// A token for alice that is good for five minutes, with more in its first block.
    pub(super) fn alice_with(&self, more: &str) -> Biscuit {
        self.token(&format!("{ALICE}{more}"))
    }

    pub(super) fn alice(&self) -> Biscuit {
        self.alice_with("")
    }

    pub(super) fn judge(&self, token: &Biscuit) -> Result<Verified, Denial> {
        self.judge_text(&text(token), now())
    }

    pub(super) fn judge_at(&self, token: &Biscuit, at: SystemTime) -> Result<Verified, Denial> {
        self.judge_text(&text(token), at)
    }

    pub(super) fn judge_text(&self, text: &str, at: SystemTime) -> Result<Verified, Denial> {
        self.verifier.judge(text, &audience(), at)
    }

    /// Why the token is refused.
    pub(super) fn flaw(&self, token: &Biscuit) -> String {
        let denial = self.judge(token).expect_err("refused");
        assert_eq!(denial.kind(), DenialKind::Invalid);
        denial.detail().to_owned()
    }
}

pub(super) const ALICE: &str = r#"
    user("alice"); issuer("https://login.example.com"); audience("https://mcp.example.com");
    group("finance"); scope("read"); scope("write"); attribute("device", "managed");
    expires({end}); check if time($t), $t < {end};
"#;

/// Puts dates in: at the test's time, and so many seconds after it.
fn dated(code: &str) -> String {
    let dates = [("{now}", "00:00"), ("{soon}", "00:10"), ("{later}", "01:00"), ("{end}", "05:00")];
    dates.iter().fold(code.to_owned(), |code, (name, at)| code.replace(name, &format!("2027-01-15T08:{at}Z")))
}

fn builder(code: &str) -> BiscuitBuilder {
    Biscuit::builder().code(dated(code)).expect("datalog")
}

pub(super) fn block(code: &str) -> BlockBuilder {
    BlockBuilder::new().code(dated(code)).expect("datalog")
}

pub(super) fn append(token: &Biscuit, code: &str) -> Biscuit {
    token.append(block(code)).expect("appended")
}

/// Appends a block that a third party signs.
pub(super) fn sign(token: &Biscuit, key: &SigningKey, code: &str) -> Biscuit {
    let request = token.third_party_request().expect("a request");
    let signed = request.create_block(key.private(), block(code)).expect("a block");
    token.append_third_party(key.pair().public(), signed).expect("appended")
}

pub(super) fn text(token: &Biscuit) -> String {
    encoding::encode(&token.to_vec().expect("bytes"))
}

pub(super) fn actors(verified: &Verified) -> Vec<&str> {
    verified.principal().actors().iter().map(portcullis_core::Actor::subject).collect()
}

#[test]
fn reads_who_it_is_from_the_first_block() {
    let world = World::new();
    let token = world
        .alice_with(r#"issued({now}); authenticated({now}); actor(1, "b", "https://i"); actor(0, "a");"#);
    let verified = world.judge(&token).expect("verified");
    let principal = verified.principal();
    assert_eq!((principal.kind(), principal.subject()), (Kind::User, "alice"));
    assert_eq!(principal.issuer(), Some("https://login.example.com"));
    assert_eq!(principal.groups().collect::<Vec<_>>(), ["finance"]);
    assert_eq!(principal.scopes().collect::<Vec<_>>(), ["read", "write"]);
    assert_eq!(principal.attribute("device"), Some("managed"));
    assert_eq!(actors(&verified), ["a", "b"]);
    assert_eq!(principal.actors()[1].issuer(), Some("https://i"));
    assert_eq!(verified.end(), Some(after(300)));
    assert_eq!((verified.issued, verified.authenticated), (Some(after(0)), Some(after(0))));
    assert!(verified.allowance().is_none());
}

#[test]
fn knows_services_and_agents() {
    let world = World::new();
    for (fact, kind) in [("service", Kind::Service), ("agent", Kind::Agent)] {
        let token = world.token(&format!(r#"{fact}("x"); audience("api://finance"); expires({{end}});"#));
        assert_eq!(*world.judge(&token).expect("verified").principal(), Principal::new(kind, "x"));
    }
}

#[test]
fn refuses_what_the_first_block_does_not_say_or_says_twice() {
    let world = World::new();
    let rest = r#"audience("https://mcp.example.com"); expires({end});"#;
    for (code, told) in [
        (rest.to_owned(), "biscuit: the first block states no user, service or agent"),
        (
            format!(r#"user("a"); user("b"); {rest}"#),
            r#"biscuit: the fact "user" is malformed or there twice"#,
        ),
        (
            format!(r#"user("a"); service("a"); {rest}"#),
            r#"biscuit: the fact "service" is malformed or there twice"#,
        ),
        (format!(r#"user(""); {rest}"#), r#"biscuit: the fact "user" is malformed or there twice"#),
        (format!(r#"user(1); {rest}"#), r#"biscuit: the fact "user" is malformed or there twice"#),
        (format!(r#"user("a", "b"); {rest}"#), r#"biscuit: the fact "user" is malformed or there twice"#),
        (
            format!(r#"user("a"); issuer(1); {rest}"#),
            r#"biscuit: the fact "issuer" is malformed or there twice"#,
        ),
        (format!(r#"user("a"); group(1); {rest}"#), r#"biscuit: a fact "group" is malformed"#),
        (
            format!(r#"user("a"); attribute("n", "1"); attribute("n", "2"); {rest}"#),
            r#"biscuit: a fact "attribute" is malformed"#,
        ),
        (
            format!(r#"user("a"); actor("b"); {rest}"#),
            r#"biscuit: the fact "actor" is malformed or there twice"#,
        ),
        (r#"user("a"); expires({end});"#.into(), "biscuit: the first block states no audience"),
        (
            r#"user("a"); audience("https://other.example.com"); expires({end});"#.into(),
            "biscuit: it is for another audience",
        ),
        (
            r#"user("a"); audience("https://mcp.example.com");"#.into(),
            r#"biscuit: the first block states no "expires""#,
        ),
        (format!(r#"user("a"); {rest} issued({{later}});"#), "biscuit: it was issued in the future"),
        (
            format!(r#"user("a"); {rest} authenticated({{later}});"#),
            "biscuit: its user has authenticated in the future",
        ),
        // What rules derive is nobody's word.
        (
            format!(r#"name("a"); user($n) <- name($n); {rest}"#),
            "biscuit: the first block states no user, service or agent",
        ),
    ] {
        assert_eq!(world.flaw(&world.token(&code)), told, "{code}");
    }
}

#[test]
fn recognizes_its_own_and_leaves_others_alone() {
    let world = World::new();
    let shown = |text: &str| world.verifier.recognizes(&Credential::Token(Secret::new(text)));
    let token = text(&world.alice());
    let numbered = text(&builder(ALICE).root_key_id(70_000).build(&world.root).expect("a token"));
    for text in [&token, &numbered, &format!("biscuit:{token}"), token.trim_end_matches('='), "biscuit:"] {
        assert!(shown(text), "{text}");
    }
    for text in [
        "",
        "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl",
        "opaque-token-of-some-other-issuer-0123456789",
        &token[..20],
        &"A".repeat(400),
        &token.replacen(&token[..8], "\u{e9}\u{e9}\u{e9}\u{e9}", 1),
    ] {
        assert!(!shown(text), "{text}");
    }
    assert!(world.judge_text(&format!("biscuit:{token}"), now()).is_ok());
    assert!(world.judge_text(token.trim_end_matches('='), now()).is_ok());
}

#[tokio::test]
async fn judges_through_the_trait() {
    let world = World::new();
    let credential = Credential::Token(Secret::new(text(&world.alice())));
    assert!(world.verifier.verify(&credential, &audience(), now()).await.is_ok());
    let other = Credential::ServiceToken { id: "a".into(), secret: Secret::new("b") };
    assert!(!world.verifier.recognizes(&other));
    assert!(world.verifier.verify(&other, &audience(), now()).await.is_err());
}

#[test]
fn what_is_public_is_send_sync_and_shows_no_secret() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<(BiscuitVerifier, Mint, Attenuation, Exchange, SigningKey, Subject<'_>)>();
    let key = SigningKey::generate();
    let digits = key.to_text().expose().trim_start_matches("ed25519-private/").to_owned();
    let mint = Mint::new(key);
    assert!(!format!("{mint:?} {:?}", Exchange::new(mint.clone())).contains(&digits));
    let alice = Principal::new(Kind::User, "alice");
    assert!(!format!("{:?}", Subject::new(&alice, "s3cr3t", None)).contains("s3cr3t"));
}
