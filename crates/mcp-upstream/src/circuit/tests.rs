use std::sync::Arc;

use portcullis_mcp_jsonrpc::FailureKind;
use tokio::time::{Instant, advance};

use super::machine::{Admission, Machine, Outcome, Phase};
use super::*;
use crate::health::HealthState;

const SECOND: Duration = Duration::from_secs(1);

/// Plays what happens to a circuit, one letter each: a call comes (`a`), the newest call turns out good, bad or unknown
/// (`g`, `b`, `u`), the first call does (`G`, `B`), a second passes (`.`).
fn play(script: &str) -> (Vec<Admission>, Phase) {
    let mut now = Instant::now();
    let start = now;
    let mut machine = Machine::new(Circuit::new(3, 10 * SECOND), now);
    let (mut admissions, mut epochs) = (Vec::new(), Vec::new());
    for step in script.chars() {
        let newest = epochs.last().copied().unwrap_or_default();
        let first = epochs.first().copied().unwrap_or_default();
        match step {
            'a' => {
                admissions.push(machine.admit(now));
                epochs.push(machine.epoch());
            }
            'g' => machine.settle(newest, Outcome::Good, now),
            'b' => machine.settle(newest, Outcome::Bad, now),
            'u' => machine.settle(newest, Outcome::Unknown, now),
            'G' => machine.settle(first, Outcome::Good, now),
            'B' => machine.settle(first, Outcome::Bad, now),
            '.' => now += SECOND,
            _ => panic!("{step}"),
        }
    }
    let phase = match machine.phase() {
        Phase::Open { until } => Phase::Open { until: until.map(|until| start + (until - now)) },
        phase => phase,
    };
    (admissions, phase)
}

#[test]
fn transitions() {
    use Admission::{Pass, Probe, Refuse};
    let closed = |failures| Phase::Closed { failures };
    let table: [(&str, &str, &[Admission], Option<Phase>); 16] = [
        ("nothing is known at first", "", &[], Some(Phase::Untried)),
        ("calls pass before anything is known", "aa", &[Pass, Pass], Some(Phase::Untried)),
        ("the first answer closes", "ag", &[Pass], Some(closed(0))),
        ("failures are counted", "abab", &[Pass, Pass], Some(closed(2))),
        ("an answer forgives them", "ababag", &[Pass, Pass, Pass], Some(closed(0))),
        ("a call given up is no failure", "ababau", &[Pass, Pass, Pass], Some(closed(2))),
        ("three in a row open", "abababa", &[Pass, Pass, Pass, Refuse], None),
        ("open until the time is over", "ababab.........a", &[Pass, Pass, Pass, Refuse], None),
        (
            "then one probe passes",
            "ababab..........aa",
            &[Pass, Pass, Pass, Probe, Refuse],
            Some(Phase::Probing),
        ),
        ("a good probe closes", "ababab..........aga", &[Pass, Pass, Pass, Probe, Pass], Some(closed(0))),
        ("a bad probe opens again", "ababab..........ab.........a", &[Pass, Pass, Pass, Probe, Refuse], None),
        (
            "and another follows",
            "ababab..........ab..........a",
            &[Pass, Pass, Pass, Probe, Probe],
            Some(Phase::Probing),
        ),
        (
            "a probe given up lets the next one through",
            "ababab..........aua",
            &[Pass, Pass, Pass, Probe, Probe],
            Some(Phase::Probing),
        ),
        ("a late answer does not close", "abababGa", &[Pass, Pass, Pass, Refuse], None),
        (
            "a late failure does not fail the probe",
            "ababab..........aB",
            &[Pass, Pass, Pass, Probe],
            Some(Phase::Probing),
        ),
        (
            "nor does it count after the probe",
            "ababab..........agB",
            &[Pass, Pass, Pass, Probe],
            Some(closed(0)),
        ),
    ];
    for (name, script, admissions, phase) in table {
        let (got, ended) = play(script);
        assert_eq!(got, admissions, "{name}");
        match phase {
            Some(phase) => assert_eq!(ended, phase, "{name}"),
            None => assert!(matches!(ended, Phase::Open { .. }), "{name}: {ended:?}"),
        }
    }
}

#[test]
fn one_that_never_opens_counts_on() {
    let now = Instant::now();
    let mut machine = Machine::new(Circuit::always_closed(), now);
    (0..1_000).for_each(|_| machine.settle(0, Outcome::Bad, now));
    assert_eq!(machine.phase(), Phase::Closed { failures: 1_000 });
    assert_eq!(machine.admit(now), Admission::Pass);
}

#[test]
fn a_circuit_open_for_ever_stays_open() {
    let now = Instant::now();
    let mut machine = Machine::new(Circuit::new(1, Duration::MAX), now);
    machine.settle(0, Outcome::Bad, now);
    assert_eq!(machine.phase(), Phase::Open { until: None });
    assert_eq!(machine.admit(now + SECOND), Admission::Refuse);
}

#[test]
fn only_a_server_in_trouble_counts() {
    let table = [
        (200, true, false),
        (202, false, false),
        (302, false, false),
        (400, true, false),
        (401, false, false),
        (403, false, false),
        (404, false, false),
        (429, false, false),
        (500, true, false),
        (500, false, true),
        (501, false, true),
        (502, true, true),
        (503, true, true),
        (503, false, true),
        (504, true, true),
    ];
    for (status, is_json, wanted) in table {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(is_trouble(status, is_json), wanted, "{status} {is_json}");
    }
}

#[tokio::test(start_paused = true)]
async fn permits_drive_the_circuit_and_health_tells_of_it() {
    let breaker = Arc::new(Breaker::new(Circuit::new(2, 10 * SECOND)));
    assert_eq!(breaker.health().state(), HealthState::Unknown);

    breaker.admit().unwrap().succeed();
    assert_eq!(breaker.health().state(), HealthState::Up);

    breaker.admit().unwrap().fail(FailureKind::Timeout);
    advance(SECOND).await;
    let health = breaker.health();
    assert_eq!((health.state(), health.failures_in_a_row()), (HealthState::Degraded, 1));
    assert_eq!(health.since(), SECOND);
    assert_eq!(health.last_failure(), Some((FailureKind::Timeout, SECOND)));

    // Dropping a permit says nothing.
    drop(breaker.admit());
    breaker.admit().unwrap().fail(FailureKind::Unreachable);
    assert_eq!(breaker.health().state(), HealthState::Open);
    assert!(breaker.admit().is_none());

    advance(10 * SECOND).await;
    let probe = breaker.admit().unwrap();
    assert_eq!(breaker.health().state(), HealthState::Probing);
    assert!(breaker.admit().is_none());
    drop(probe);

    // A probe that begins to be answered lets the others in, and may still fail like any other call.
    let mut probe = breaker.admit().unwrap();
    probe.begin();
    assert_eq!(breaker.health().state(), HealthState::Up);
    assert!(breaker.admit().is_some());
    probe.fail(FailureKind::Close);
    assert_eq!(breaker.health().failures_in_a_row(), 1);
    assert_eq!(breaker.health().last_failure(), Some((FailureKind::Close, Duration::ZERO)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_begins_forgives_nothing_yet() {
    let breaker = Arc::new(Breaker::new(Circuit::new(2, 10 * SECOND)));
    for _ in 0..2 {
        let mut permit = breaker.admit().unwrap();
        permit.begin();
        permit.fail(FailureKind::Close);
    }
    assert_eq!(breaker.health().state(), HealthState::Open);
}
