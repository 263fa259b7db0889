use portcullis_core::Action;

use super::*;

fn permits(verified: &Verified, verb: &str, resource: Option<&str>) -> bool {
    verified.allowance().expect("limited").permits(Action { verb, resource })
}

#[test]
fn checks_on_operations_are_decided_one_by_one() {
    let world = World::new();
    let token = append(&world.alice(), r#"check if tool($t), {"read", "list"}.contains($t);"#);
    let verified = world.judge(&token).expect("verified");
    for (verb, resource, permit) in [
        ("tools/call", Some("read"), true),
        ("tools/call", Some("list"), true),
        ("tools/call", Some("delete"), false),
        ("tools/call", Some("Read"), false),
        ("tools/call", None, false),
        ("tools/list", None, false),
        ("prompts/get", Some("read"), false),
    ] {
        for _ in 0..2 {
            assert_eq!(permits(&verified, verb, resource), permit, "{verb} {resource:?}");
        }
    }
}

#[test]
fn several_blocks_must_all_agree() {
    let world = World::new();
    let token = append(&world.alice(), r#"check if tool("a") or tool("b");"#);
    let token = append(&token, r#"check if method("tools/call"); reject if tool("a");"#);
    let verified = world.judge(&token).expect("verified");
    assert!(permits(&verified, "tools/call", Some("b")));
    assert!(!permits(&verified, "tools/call", Some("a")));
    assert!(!permits(&verified, "tools/list", Some("b")));
}

#[test]
fn a_reject_that_holds_for_now_is_asked_again() {
    let world = World::new();
    let verified = world.judge(&append(&world.alice(), r#"reject if tool("delete");"#)).expect("verified");
    assert!(permits(&verified, "tools/call", Some("read")));
    assert!(!permits(&verified, "tools/call", Some("delete")));
    assert!(permits(&verified, "tools/list", None));
}

#[test]
fn operations_are_seen_through_rules() {
    let world = World::new();
    let code =
        r#"allowed($t) <- tool($t), $t.starts_with("get_"); fine(true) <- allowed($t); check if fine(true);"#;
    let verified = world.judge(&append(&world.alice(), code)).expect("verified");
    assert!(permits(&verified, "tools/call", Some("get_a")));
    assert!(!permits(&verified, "tools/call", Some("set_a")));
}

#[test]
fn a_block_cannot_tell_an_earlier_check_what_is_asked_for() {
    let world = World::new();
    let token = append(&world.alice(), r#"check if tool("read");"#);
    let token = append(&token, r#"tool("read"); method("x");"#);
    let verified = world.judge(&token).expect("verified");
    assert!(!permits(&verified, "tools/call", Some("delete")));
}

#[test]
fn other_checks_are_not_put_off() {
    let world = World::new();
    for code in [
        r#"check if tool("a"); check if false;"#,
        r#"check if group("none"); check if tool("a");"#,
        r#"check if resource("https://elsewhere.example");"#,
    ] {
        assert!(world.judge(&append(&world.alice(), code)).is_err(), "{code}");
    }
    let verified = world.judge(&append(&world.alice(), r#"check if resource("https://mcp.example.com");"#));
    assert!(verified.expect("verified").allowance().is_none());
}

#[test]
fn the_service_is_no_resource_of_an_operation() {
    let world = World::new();
    let code = r#"check if method("resources/read"), resource($r), $r.starts_with("https://");"#;
    let verified = world.judge(&append(&world.alice(), code)).expect("verified");
    assert!(permits(&verified, "resources/read", Some("https://docs.example/a")));
    assert!(!permits(&verified, "resources/read", Some("file:///etc/passwd")));
    assert!(!permits(&verified, "resources/read", None));
}

#[test]
fn what_cannot_be_evaluated_is_not_allowed() {
    let world = World::new();
    let code = "check if tool($t), $t < 1;";
    let verified = world.judge(&append(&world.alice(), code)).expect("verified");
    assert!(!permits(&verified, "tools/call", Some("a")));
}

#[test]
fn helpers_limit_to_tools_and_methods() {
    let world = World::new();
    let token = Secret::new(text(&world.alice()));
    let narrowed = Attenuation::new().tools(["a"]).append(&token).expect("narrowed");
    let verified = world.judge_text(narrowed.expose(), now()).expect("verified");
    for (verb, resource, permit) in [
        ("tools/call", Some("a"), true),
        ("tools/call", Some("b"), false),
        ("tools/list", None, true),
        ("server/discover", None, true),
        ("notifications/cancelled", None, true),
        ("resources/read", Some("a"), false),
        ("prompts/get", Some("a"), false),
    ] {
        assert_eq!(permits(&verified, verb, resource), permit, "{verb} {resource:?}");
    }
    let narrower = Attenuation::new().methods(["tools/call"]).append(&narrowed).expect("narrowed");
    let verified = world.judge_text(narrower.expose(), now()).expect("verified");
    assert!(permits(&verified, "tools/call", Some("a")) && !permits(&verified, "tools/list", None));
    let nothing = Attenuation::new().tools([""; 0]).append(&token).expect("narrowed");
    let verified = world.judge_text(nothing.expose(), now()).expect("verified");
    assert!(!permits(&verified, "tools/call", Some("a")) && permits(&verified, "ping", None));
}

#[test]
fn memory_is_bounded_and_forgets_nothing_wrongly() {
    let world = World::new();
    let token = append(&world.alice(), r#"check if tool($t), $t.starts_with("a");"#);
    let verified = world.judge(&token).expect("verified");
    for round in 0..2 {
        for number in 0..300 {
            let name = format!("{}{number}", if number % 2 == 0 { "a" } else { "b" });
            assert_eq!(permits(&verified, "tools/call", Some(&name)), number % 2 == 0, "{round} {name}");
        }
    }
    assert!(permits(&verified, "tools/call", Some(&"a".repeat(10_000))));
    assert!(!permits(&verified, "tools/call", Some(&"b".repeat(10_000))));
}
