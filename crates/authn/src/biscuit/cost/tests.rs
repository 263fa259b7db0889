use biscuit_auth::builder::{AuthorizerBuilder, BlockBuilder};
use biscuit_auth::{Biscuit, KeyPair};

use super::*;

fn steps_of(code: &str) -> u64 {
    let token = Biscuit::builder().merge(BlockBuilder::new().code(code).expect("datalog"));
    let token = token.build(&KeyPair::new()).expect("a token");
    steps(&Contents::of(&AuthorizerBuilder::new().build(&token).expect("built")).expect("read"))
}

#[test]
fn grows_with_what_there_is_to_try() {
    let facts = |count: u64| (0..count).map(|number| format!("n({number});")).collect::<String>();
    let checked = |count: u64| steps_of(&format!("{} check if n($a), n($b), $a == $b;", facts(count)));
    assert!(checked(5) < checked(10) && checked(10) < checked(20));
    assert!(checked(20) > 20 * 20, "each with each");
    assert!(checked(20) < MAX_STEPS && checked(100) > MAX_STEPS);
}

#[test]
fn never_wraps() {
    let facts = (0..200).map(|number| format!("n({number});")).collect::<String>();
    let body = (0..40).map(|number| format!("n($v{number})")).collect::<Vec<_>>().join(", ");
    assert_eq!(steps_of(&format!("{facts} check if {body};")), u64::MAX);
    assert_eq!(steps_of(&format!("{facts} n($v0) <- {body};")), u64::MAX);
}

#[test]
fn counts_what_rules_derive() {
    let plain = steps_of("check if b($x), b($y), b($z);");
    let derived = steps_of("a(1); a(2); a(3); b($x) <- a($x); check if b($x), b($y), b($z);");
    assert!(derived > plain + 4 * 4 * 4, "{plain} {derived}");
    assert!(derived < MAX_STEPS);
}
