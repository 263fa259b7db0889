//! Tokens that would keep the engine busy.

use super::*;

const TOO_MUCH: &str = "biscuit: its checks could take too much work";

#[test]
fn datalog_without_end() {
    let world = World::new();
    let values: String = (0..40).map(|number| format!("n({number});")).collect();
    let sets = format!("{{{}}}", (0..60).map(|number| number.to_string()).collect::<Vec<_>>().join(", "));
    let names: String = (0..200).map(|number| format!("e({number}, {});", number + 1)).collect();
    for code in [
        // Each fact with each.
        format!("{values} check if n($a), n($b), n($c), n($d), $a + $b + $c + $d == -1;"),
        format!("{values} p($a, $b, $c, $d) <- n($a), n($b), n($c), n($d);"),
        // Rules that feed each other.
        format!("{names} r($a, $b) <- e($a, $b); r($a, $c) <- r($a, $b), r($b, $c);"),
        "a(1); b($x) <- a($x); b($y) <- a($x), b($y), b($x); check if b($u), b($v), b($w), b($x), b($y);"
            .to_owned(),
        // Loops in loops.
        format!("check if {sets}.all($a -> {sets}.all($b -> {sets}.all($c -> $a + $b + $c > -1)));"),
        // Expressions that take long to compile, or come from elsewhere.
        r#"check if "a".matches("((((a{99}){99}){99}){99})");"#.to_owned(),
        r#"p("(a+)+"); check if p($p), "a".matches($p);"#.to_owned(),
        format!(r#"check if "a".matches("{}");"#, "a?".repeat(100)),
        // Texts that grow.
        format!(r#"p("{}"); check if p($p), ($p{}).length() > 0;"#, "x".repeat(4000), " + $p".repeat(100)),
        // Functions that only the embedding program could have.
        r#"check if "a".extern::run("b");"#.to_owned(),
        format!("{} check if true;", (0..600).map(|number| format!("n({number});")).collect::<String>()),
    ] {
        let token = append(&world.alice(), &code);
        let begin = std::time::Instant::now();
        assert_eq!(world.flaw(&token), TOO_MUCH, "{code}");
        assert!(begin.elapsed() < Duration::from_secs(2), "{code}");
    }
}

#[test]
fn rules_that_run_out_of_rounds() {
    let world = World::new();
    let steps: String = (0..20).map(|number| format!("e({number}, {});", number + 1)).collect();
    let token = append(&world.alice(), &format!("{steps} r(0); r($b) <- r($a), e($a, $b);"));
    let told = world.flaw(&token);
    assert!(told == "biscuit: its rules have no end, or too many facts" || told == TOO_MUCH, "{told}");
}

#[test]
fn usual_tokens_are_far_from_the_limits() {
    let world = World::new();
    let tools: Vec<String> = (0..200).map(|number| format!(r#""tool_{number}""#)).collect();
    let token = append(&world.alice(), &format!("check if tool($t), {{{}}}.contains($t);", tools.join(", ")));
    assert!(world.judge(&token).is_ok());
    let token = append(&world.alice(), r#"check if tool($t), $t.matches("^(get|list)_[a-z]+$");"#);
    assert!(world.judge(&token).is_ok());
    let groups: String = (0..100).map(|number| format!(r#"group("g{number}");"#)).collect();
    let token =
        world.alice_with(&format!(r#"{groups} check if group($g), $g == "g99"; in($g) <- group($g);"#));
    assert!(world.judge(&token).is_ok());
    let token = append(&token, r#"check if {"a", "b"}.any($p -> "abc".starts_with($p)) && true;"#);
    assert!(world.judge(&token).is_ok());
}
