use super::*;

fn budget(retries: Retries, random: u64) -> Budget {
    Budget::new(retries, Random(std::sync::Arc::new(move || random)))
}

#[test]
fn only_what_cannot_have_had_an_effect_is_asked_twice() {
    let table = [
        // method, unconnected, untrusted, broken, late
        ("server/discover", [true, false, true, false]),
        ("tools/list", [true, false, true, false]),
        ("prompts/list", [true, false, true, false]),
        ("resources/list", [true, false, true, false]),
        ("resources/templates/list", [true, false, true, false]),
        ("resources/read", [true, false, true, false]),
        ("prompts/get", [true, false, true, false]),
        ("completion/complete", [true, false, true, false]),
        ("tools/call", [true, false, false, false]),
        ("subscriptions/listen", [true, false, false, false]),
        ("notifications/cancelled", [true, false, false, false]),
        ("acme/list", [true, false, false, false]),
        ("", [true, false, false, false]),
    ];
    let losses = [Loss::Unconnected, Loss::Untrusted, Loss::Broken, Loss::Late];
    for (method, wanted) in table {
        assert_eq!(losses.map(|loss| is_safe(loss, effect(method))), wanted, "{method}");
    }
}

#[test]
fn waits_double_up_to_the_longest_and_half_of_each_is_random() {
    let retries = Retries::new(9).back_off(Duration::from_millis(100), Duration::from_millis(500));
    let millis = |retry, random| retries.wait(retry, random).as_millis();
    assert_eq!([0, 1, 2, 3, 9].map(|retry| millis(retry, 0)), [50, 100, 200, 250, 250]);
    assert_eq!([0, 1, 2, 3, 9].map(|retry| millis(retry, u64::MAX)), [99, 199, 399, 499, 499]);
    assert_eq!(millis(0, u64::MAX / 2), 74);
    assert_eq!(millis(255, 0), 250);
    let wild = Retries::new(1).back_off(Duration::MAX, Duration::MAX);
    assert!(wild.wait(200, u64::MAX) > Duration::from_secs(1 << 30));
}

#[test]
fn a_call_gets_no_more_retries_than_it_may_have() {
    let budget = budget(Retries::new(2), 0);
    assert!(budget.spend(Loss::Unconnected, Effect::Any, 0).is_some());
    assert!(budget.spend(Loss::Unconnected, Effect::Any, 1).is_some());
    assert!(budget.spend(Loss::Unconnected, Effect::Any, 2).is_none());
    assert!(
        Budget::new(Retries::none(), Random::of_the_system())
            .spend(Loss::Unconnected, Effect::Read, 0)
            .is_none()
    );
}

#[test]
fn without_savings_nothing_is_tried_again_until_calls_have_earned_it() {
    let budget = budget(Retries::new(1).budget_percent(50), 0);
    let granted =
        |times| (0..times).filter(|_| budget.spend(Loss::Broken, Effect::Read, 0).is_some()).count();
    assert_eq!(granted(100), 10);
    budget.earn();
    assert_eq!(granted(100), 0);
    budget.earn();
    assert_eq!(granted(100), 1);
    (0..10_000).for_each(|_| budget.earn());
    assert_eq!(granted(100), 10);
}

#[test]
fn what_is_not_safe_costs_nothing() {
    let budget = budget(Retries::new(1), 0);
    assert!(budget.spend(Loss::Broken, Effect::Any, 0).is_none());
    assert_eq!(budget.saved.load(Ordering::Relaxed), Budget::FULL);
}

#[test]
fn the_system_is_random() {
    let Random(random) = Random::of_the_system();
    assert_ne!(random(), random());
}
