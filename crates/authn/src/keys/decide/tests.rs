use super::*;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const GOOD: bool = true;
const FAILED: bool = false;

/// The age of the keys, whether the key is among them, the last fetch, whether one runs.
fn facts(age: Option<u64>, found: bool, last: Option<(u64, bool)>, running: bool) -> Facts {
    let last = last.map(|(since, good)| Last { since: s(since), good });
    Facts { age: age.map(s), found, last, running, waited: false }
}

fn later(seconds: u64) -> Step {
    Step::Refuse(KeysError::Unavailable { retry_after: s(seconds) })
}

const UNKNOWN: Step = Step::Refuse(KeysError::Unknown);

#[test]
fn decides_before_any_wait() {
    let day = 24 * 3600;
    for (name, facts, step) in [
        ("first of all", facts(None, false, None, false), Step::Wait),
        ("with the first", facts(None, false, None, true), Step::Wait),
        ("just failed", facts(None, false, Some((0, FAILED)), false), later(5)),
        ("failed a while ago", facts(None, false, Some((4, FAILED)), false), later(1)),
        ("back-off over", facts(None, false, Some((5, FAILED)), false), Step::Wait),
        ("fresh", facts(Some(0), true, Some((0, GOOD)), false), Step::Serve),
        ("fresh to the end", facts(Some(599), true, Some((599, GOOD)), false), Step::Serve),
        ("due", facts(Some(600), true, Some((600, GOOD)), false), Step::ServeAndRefresh),
        ("due and under way", facts(Some(600), true, Some((600, GOOD)), true), Step::Serve),
        ("due and just failed", facts(Some(700), true, Some((4, FAILED)), false), Step::Serve),
        ("due and failed", facts(Some(700), true, Some((5, FAILED)), false), Step::ServeAndRefresh),
        ("forgotten", facts(Some(1200), true, Some((1200, GOOD)), false), Step::Wait),
        ("forgotten by others", facts(Some(1200), true, Some((1200, GOOD)), true), Step::Wait),
        ("long down", facts(Some(day), true, Some((5, FAILED)), false), Step::ServeAndRefresh),
        ("down, then forgotten", facts(Some(day), true, Some((1200, FAILED)), false), Step::Wait),
        ("last second of grace", facts(Some(day + 599), true, Some((1, FAILED)), false), Step::Serve),
        ("grace over", facts(Some(day + 600), true, Some((1, FAILED)), false), later(4)),
        ("grace over, to be tried", facts(Some(day + 600), true, Some((5, FAILED)), false), Step::Wait),
        ("unknown, below the floor", facts(Some(29), false, Some((29, GOOD)), false), UNKNOWN),
        ("unknown, at the floor", facts(Some(30), false, Some((30, GOOD)), false), Step::Wait),
        ("unknown, one is under way", facts(Some(1), false, Some((1, GOOD)), true), Step::Wait),
        ("unknown, and the issuer down", facts(Some(90), false, Some((10, FAILED)), false), later(20)),
        ("unknown, down for long", facts(Some(90), false, Some((30, FAILED)), false), Step::Wait),
    ] {
        assert_eq!(decide(&facts, &Freshness::new()), step, "{name}");
    }
}

#[test]
fn decides_after_the_wait() {
    for (name, facts, step) in [
        ("there", facts(Some(0), true, Some((0, GOOD)), false), Step::Serve),
        ("not there", facts(Some(0), false, Some((0, GOOD)), false), UNKNOWN),
        ("not there, and another runs", facts(Some(0), false, Some((0, GOOD)), true), UNKNOWN),
        ("old, and down", facts(Some(9000), true, Some((0, FAILED)), false), Step::Serve),
        ("not there, and down", facts(Some(60), false, Some((0, FAILED)), false), later(30)),
        ("none", facts(None, false, Some((0, FAILED)), false), later(5)),
        ("none, and another runs", facts(None, false, Some((0, FAILED)), true), later(5)),
        ("none, nothing recorded", facts(None, false, None, false), later(5)),
    ] {
        assert_eq!(decide(&Facts { waited: true, ..facts }, &Freshness::new()), step, "{name}");
    }
}

#[test]
fn no_setting_overflows_or_floods() {
    let most = Freshness::new().max_age(Duration::MAX).grace(Duration::MAX).backoff(Duration::MAX);
    assert_eq!(decide(&facts(Some(u64::MAX), true, Some((0, FAILED)), false), &most).clone(), {
        Step::Refuse(KeysError::Unavailable { retry_after: most.backoff })
    });
    let least = Freshness::new().refetch_floor(Duration::ZERO).backoff(Duration::ZERO);
    assert_eq!(decide(&facts(Some(0), false, Some((0, GOOD)), false), &least), UNKNOWN);
    assert_eq!(decide(&facts(None, false, Some((0, FAILED)), false), &least), later(1));
}
