use super::super::SigningKey;
use super::*;

fn key() -> PublicKey {
    SigningKey::generate().public()
}

fn flaw<T: FromStr<Err = ListError>>(text: &str) -> String {
    text.parse::<T>().err().expect("refused").to_string()
}

#[test]
fn roots_are_found_by_their_number() {
    let (one, two) = (key(), key());
    let roots: RootKeys = format!("# ours\n\n7 {one} # new\n  {two}\n").parse().expect("a list");
    assert_eq!(roots.get(Some(7)), Some(&one));
    assert_eq!(roots.get(None), Some(&two));
    assert_eq!(roots.get(Some(8)), None);
}

#[test]
fn roots_that_cannot_be_used_are_told_with_their_line() {
    let key = key();
    for (text, told) in [
        (String::new(), "line 1: there is no key at all, so every token would be refused"),
        ("# none".into(), "line 1: there is no key at all, so every token would be refused"),
        (format!("\n-1 {key}"), "line 2: names no number below 2^32"),
        (format!("4294967296 {key}"), "line 1: names no number below 2^32"),
        (format!("1 {key}\n1 {key}"), "line 2: gives a number that another line gave"),
        ("ed25519/00".into(), "line 1: holds no ed25519 public key"),
        (format!("secp256r1/02{}", "11".repeat(32)), "line 1: holds no ed25519 public key"),
        (format!("{key}00"), "line 1: holds no ed25519 public key"),
    ] {
        assert_eq!(flaw::<RootKeys>(&text), told, "{text}");
    }
}

#[test]
fn an_agent_may_have_several_keys_and_a_key_one_agent() {
    let (one, two, other) = (key(), key(), key());
    let agents: AgentKeys =
        format!("planner {one}\nplanner\t{two}\nexecutor {other}").parse().expect("a list");
    assert!(agents.holds("planner", &one.inner()) && agents.holds("planner", &two.inner()));
    assert!(!agents.holds("planner", &other.inner()) && !agents.holds("Planner", &one.inner()));
    assert_eq!(
        flaw::<AgentKeys>(&format!("a {one}\nb {one}")),
        "line 2: holds a key that another line holds"
    );
    assert_eq!(flaw::<AgentKeys>("planner"), "line 1: is not a name and a key");
    assert_eq!(flaw::<AgentKeys>("planner x"), "line 1: holds no ed25519 public key");
}

#[test]
fn a_revocation_is_a_whole_identifier() {
    let id = "aB".repeat(64);
    let revoked: Revocations = format!("{id} # stolen\n").parse().expect("a list");
    assert!(revoked.hold(&[0xab; 64]) && !revoked.hold(&[0xab; 63]));
    assert!("".parse::<Revocations>().is_ok());
    for (text, told) in [
        (&id[2..], "line 1: is not of 128 digits, so it would revoke nothing"),
        ("abc", "line 1: is not hexadecimal"),
        ("zz", "line 1: is not hexadecimal"),
        ("\u{e9}\u{e9}", "line 1: is not hexadecimal"),
        ("+1", "line 1: is not hexadecimal"),
    ] {
        assert_eq!(flaw::<Revocations>(text), told, "{text}");
    }
}
