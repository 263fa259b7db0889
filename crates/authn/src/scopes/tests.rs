use portcullis_core::Kind;
use proptest::prelude::*;

use super::*;

fn scopes() -> Scopes {
    Scopes::new()
        .base(["mcp", "mcp", "profile"])
        .and_then(|scopes| scopes.method("tools/call", ["call", "mcp"]))
        .and_then(|scopes| scopes.method("resources/read", ["read"]))
        .and_then(|scopes| scopes.tool("*", ["any"]))
        .and_then(|scopes| scopes.tool("github_*", ["repo:read", "call"]))
        .and_then(|scopes| scopes.tool("github_admin_*", ["repo:admin"]))
        .and_then(|scopes| scopes.tool("gitlab_*", ["lab"]))
        .and_then(|scopes| scopes.tool("github_admin_list", ["repo:list"]))
        .and_then(|scopes| scopes.tool("github_*", ["repo:more"]))
        .unwrap()
}

fn holder(held: &[&str]) -> Principal {
    held.iter().fold(Principal::new(Kind::User, "alice"), |alice, &scope| alice.with_scope(scope))
}

#[test]
fn an_operation_needs_the_sum_of_its_lists_each_scope_once() {
    let scopes = scopes();
    for (method, tool, needed) in [
        (None, None, "mcp profile"),
        (Some("ping"), None, "mcp profile"),
        (Some("resources/read"), None, "mcp profile read"),
        (Some("tools/call"), None, "mcp profile call"),
        (Some("tools/call"), Some("weather"), "mcp profile call any"),
        (Some("tools/call"), Some("github_diff"), "mcp profile call repo:read repo:more"),
        (Some("tools/call"), Some("github_"), "mcp profile call repo:read repo:more"),
        (Some("tools/call"), Some("github"), "mcp profile call any"),
        (Some("tools/call"), Some("gitlab_x"), "mcp profile call lab"),
        // The longest beginning beats the shorter, and the full name beats both.
        (Some("tools/call"), Some("github_admin_drop"), "mcp profile call repo:admin"),
        (Some("tools/call"), Some("github_admin_list"), "mcp profile call repo:list"),
        (Some("tools/call"), Some("GitHub_diff"), "mcp profile call any"),
        (Some("tools/call"), Some(""), "mcp profile call any"),
        (Some("Tools/Call"), None, "mcp profile"),
    ] {
        let found = scopes.needed(method, tool).collect::<Vec<_>>().join(" ");
        assert_eq!(found, needed, "{method:?} {tool:?}");
    }
}

#[test]
fn the_order_of_rules_does_not_matter() {
    for patterns in [["a*", "ab*", "*"], ["*", "ab*", "a*"], ["ab*", "*", "a*"]] {
        let scopes = patterns
            .iter()
            .try_fold(Scopes::new(), |scopes, pattern| scopes.tool(pattern, [pattern]))
            .unwrap();
        for (tool, rule) in [("abc", "ab*"), ("ac", "a*"), ("c", "*")] {
            assert_eq!(scopes.needed(None, Some(tool)).collect::<Vec<_>>(), [rule]);
        }
    }
}

#[test]
fn missing_is_what_is_not_held() {
    let scopes = scopes();
    let call = (Some("tools/call"), Some("github_admin_list"));
    for (held, missing) in [
        (&[][..], "mcp profile call repo:list"),
        (&["mcp", "profile"], "call repo:list"),
        (&["mcp", "profile", "call", "repo:list"], ""),
        (&["MCP", "profile", "call", "repo:lis", "repo:list2"], "mcp repo:list"),
        // Without a hierarchy a broader word is just another word.
        (&["mcp", "profile", "call", "repo:admin"], "repo:list"),
    ] {
        let alice = holder(held);
        let found = scopes.missing(call.0, call.1, &alice).collect::<Vec<_>>().join(" ");
        assert_eq!(found, missing, "{held:?}");
    }
}

#[test]
fn a_broader_scope_stands_for_the_narrower_ones() {
    let scopes = Scopes::new()
        .base(["read"])
        .and_then(|scopes| scopes.method("tools/call", ["write"]))
        .and_then(|scopes| scopes.implies("write", ["read"]))
        // Said in the wrong order, in circles and of itself.
        .and_then(|scopes| scopes.implies("owner", ["admin", "owner"]))
        .and_then(|scopes| scopes.implies("admin", ["write", "audit"]))
        .and_then(|scopes| scopes.implies("audit", ["admin"]))
        .unwrap();
    for (held, missing) in [
        (&["read"][..], "write"),
        (&["write"], ""),
        (&["admin"], ""),
        (&["owner"], ""),
        (&["audit"], ""),
        (&["ownership"], "read write"),
        (&[], "read write"),
    ] {
        let alice = holder(held);
        let found = scopes.missing(Some("tools/call"), None, &alice).collect::<Vec<_>>().join(" ");
        assert_eq!(found, missing, "{held:?}");
    }
    // What is implied is not asked for by another name.
    assert_eq!(scopes.needed(Some("tools/call"), None).collect::<Vec<_>>(), ["read", "write"]);
    // Circles among three, where only one is needed.
    let circle = Scopes::new()
        .base(["c"])
        .and_then(|scopes| scopes.implies("a", ["b"]))
        .and_then(|scopes| scopes.implies("b", ["c"]))
        .and_then(|scopes| scopes.implies("c", ["a"]))
        .unwrap();
    for held in ["a", "b", "c"] {
        assert_eq!(circle.missing(None, None, &holder(&[held])).count(), 0, "{held}");
    }
}

#[test]
fn supported_is_the_base_and_what_was_added() {
    let scopes = scopes().also_supported(["mcp", "repo:read"]).unwrap();
    assert_eq!(scopes.supported().collect::<Vec<_>>(), ["mcp", "profile", "repo:read"]);
    assert_eq!(Scopes::new().supported().count(), 0);
}

#[test]
fn messages_matter_only_if_operations_differ() {
    assert!(scopes().per_operation());
    assert!(Scopes::new().method("ping", ["a"]).unwrap().per_operation());
    assert!(Scopes::new().tool("a", ["a"]).unwrap().per_operation());
    assert!(Scopes::new().tool("a*", ["a"]).unwrap().per_operation());
    assert!(!Scopes::new().base(["a"]).unwrap().per_operation());
    assert!(!Scopes::new().implies("a", ["b"]).unwrap().per_operation());
}

#[test]
fn refuses_what_no_token_could_hold() {
    const NONE: [&str; 0] = [];
    let new = Scopes::new;
    let long = "a".repeat(257);
    let many: Vec<_> = (0..65).map(|number| number.to_string()).collect();
    for (result, text) in [
        (new().base(NONE), "base scopes \"\" are an empty list"),
        (new().method("tools/call", NONE), "scopes of method \"tools/call\" are an empty list"),
        (new().tool("x*", NONE), "scopes of tool \"x*\" are an empty list"),
        (new().implies("admin", NONE), "scopes implied by \"admin\" are an empty list"),
        (new().also_supported(NONE), "supported scopes \"\" are an empty list"),
        (new().base([""]), "scope \"\" is empty"),
        (new().base(["a b"]), "scope \"a b\" holds a space"),
        (new().base(["a\"b"]), "scope \"a\\\"b\" holds"),
        (new().base(["a\\b"]), "holds a space, a quote, a backslash"),
        (new().base(["é"]), "scope \"é\" holds"),
        (new().base(["a\nb"]), "scope \"a\\nb\" holds"),
        (new().base([&long]), "is longer than 256 bytes"),
        (new().base(&many), "scope \"64\" is one more than the 64"),
        (new().also_supported(["offline_access"]), "scope \"offline_access\" asks the issuer"),
        (new().implies("a b", ["c"]), "scope \"a b\" holds"),
        (new().implies("a", ["b c"]), "scope \"b c\" holds"),
        (new().method("", ["a"]), "method \"\" is not the full name"),
        (new().method("tools/*", ["a"]), "method \"tools/*\" is not the full name"),
        (new().method("tools call", ["a"]), "is not the full name"),
        (new().tool("", ["a"]), "tool \"\" is empty"),
        (new().tool("git*hub", ["a"]), "tool \"git*hub\" has a * before its end"),
        (new().tool("**", ["a"]), "tool \"**\" has a * before its end"),
    ] {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(text), "{error} / {text}");
    }
}

proptest! {
    #[test]
    fn needed_never_repeats_and_missing_is_part_of_it(
        lists in proptest::collection::vec(proptest::collection::vec("[a-d]", 1..4), 4),
        edges in proptest::collection::vec(("[a-d]", "[a-d]"), 0..6),
        held in proptest::collection::vec("[a-d]", 0..3),
    ) {
        let [base, method, tool, all] = <[_; 4]>::try_from(lists).unwrap();
        let mut scopes = Scopes::new().base(base).unwrap().method("m", method).unwrap()
            .tool("t", tool).unwrap().tool("*", all).unwrap();
        for (broad, narrow) in &edges {
            scopes = scopes.implies(broad, [narrow]).unwrap();
        }
        let alice = holder(&held.iter().map(String::as_str).collect::<Vec<_>>());
        // The plain way to say what is held: add what is implied until nothing is new.
        let mut reach = held.clone();
        for _ in 0..8 {
            for (broad, narrow) in &edges {
                if reach.contains(broad) && !reach.contains(narrow) {
                    reach.push(narrow.clone());
                }
            }
        }
        for tool in ["t", "u"] {
            let needed: Vec<_> = scopes.needed(Some("m"), Some(tool)).collect();
            let mut unique = needed.clone();
            unique.sort_unstable();
            unique.dedup();
            prop_assert_eq!(unique.len(), needed.len());
            let missing: Vec<_> = scopes.missing(Some("m"), Some(tool), &alice).collect();
            let expected: Vec<_> =
                needed.into_iter().filter(|scope| !reach.iter().any(|held| held == scope)).collect();
            prop_assert_eq!(missing, expected);
        }
    }
}

#[test]
fn is_send_and_sync() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Scopes>();
}
