use std::collections::HashMap;

use biscuit_auth::builder::Term;

use super::*;

/// Whether the verdict of each second is the verdict of the layer, which keeps what it was told until its end.
#[track_caller]
fn cached_verdicts_are_right(world: &World, token: &Biscuit) {
    let mut kept: Option<SystemTime> = None;
    let seconds = [0, 1, 9, 10, 11, 12, 59, 60, 61, 62, 299, 300];
    for half in seconds.into_iter().flat_map(|second: u64| [2 * second, 2 * second + 1]) {
        let at = after(0) + Duration::from_millis(half * 500);
        let fresh = world.judge_at(token, at).map(|verified| verified.end().expect("an end"));
        if let Some(end) = kept
            && at < end
        {
            assert!(fresh.is_ok(), "kept until {end:?}, and refused at {at:?}");
        }
        kept = fresh.ok();
        assert!(kept.is_none_or(|end| end > at));
    }
}

#[test]
fn a_tighter_end_counts_to_the_second() {
    let world = World::new();
    let token = append(&world.alice(), "check if time($t), $t < {soon};");
    assert_eq!(world.judge(&token).expect("verified").end(), Some(after(10)));
    assert!(world.judge_at(&token, after(10) - Duration::from_millis(1)).is_ok());
    assert!(world.judge_at(&token, after(10)).is_err());

    // The usual form includes the second that it names.
    let token = append(&world.alice(), "check if time($t), $t <= {soon};");
    assert_eq!(world.judge(&token).expect("verified").end(), Some(after(10)));
    let last = world.judge_at(&token, after(10)).expect("verified");
    assert_eq!(last.end(), Some(after(11)));
    assert!(world.judge_at(&token, after(11)).is_err());
}

#[test]
fn a_token_is_dead_when_it_expires() {
    let world = World::new();
    let token = world.token(r#"user("a"); audience("https://mcp.example.com"); expires({soon});"#);
    assert!(world.judge_at(&token, after(10) - Duration::from_millis(1)).is_ok());
    for at in [after(10), after(11), after(1_000_000)] {
        assert_eq!(world.judge_at(&token, at).expect_err("refused").detail(), "biscuit: it has expired");
    }
    let token = append(&world.alice(), "expires({soon});");
    assert_eq!(world.judge(&token).expect("verified").end(), Some(after(10)));
    assert!(world.judge_at(&token, after(10)).is_err());
}

#[test]
fn every_way_to_tell_an_end_counts_in_time() {
    let world = World::new();
    for code in [
        "check if time($t), $t < {soon};",
        "check if time($t), $t <= {soon};",
        "check if time($t), {soon} > $t;",
        "check if time($t), !($t >= {soon});",
        "check if time($t), $t < {soon} or time($t), $t > {later};",
        "check if time($t), $t > {now} && $t < {later} || $t == {later};",
        "check if time($now), until($end), $now < $end; until({soon});",
        "check if fresh(true); fresh(true) <- time($t), $t < {soon};",
        "check if old($t), $t < {soon}; old($t) <- time($t);",
        "check all time($t), $t < {later};",
        "reject if time($t), $t >= {soon};",
        "reject if time({later});",
        "check if time($t), {{soon}, {later}}.all($d -> $t < $d);",
        "check if time($t), [{soon}, {later}].any($d -> $t < $d);",
        "check if time($t), !{{soon}, {later}}.contains($t);",
        "check if time($t), $t != {soon};",
    ] {
        cached_verdicts_are_right(&world, &append(&world.alice(), code));
    }
}

#[test]
fn dates_beyond_all_clocks_do_no_harm() {
    let world = World::new();
    let far = |date: u64| {
        let params = HashMap::from([("far".to_owned(), Term::Date(date))]);
        let code = r#"user("a"); audience("https://mcp.example.com"); expires({far}); check if time($t), $t <= {far};"#;
        let token = Biscuit::builder().code_with_params(code, params, HashMap::new()).expect("datalog");
        token.build(&world.root).expect("a token")
    };
    assert!(world.judge(&far(u64::MAX)).is_err());
    assert!(world.judge(&far(i64::MAX.unsigned_abs())).is_ok());
    assert_eq!(world.flaw(&far(0)), "biscuit: it has expired");
    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    assert!(world.judge_at(&world.alice(), before).is_err());
}
