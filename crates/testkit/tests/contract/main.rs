//! The contract suite against a layer that keeps it, and against layers that each break one promise.
//!
//! A test that cannot fail is a defect: for every broken layer the suite has to name the case that it breaks.
#![expect(clippy::unwrap_used, reason = "what a test is made of must not fail")]

mod gate;

use portcullis_core::{BoxError, Kind, Principal};
use portcullis_mcp_jsonrpc::{Message, code};
use portcullis_testkit::contract::{self, BadConfig, Case, Contract, Refuse};
use portcullis_testkit::{Act, Ask, Scripted};

use self::gate::{Defect, Gate, GateLayer};

fn ask(name: &str) -> Ask {
    Ask::tool(name).principal(Principal::new(Kind::User, "alice"))
}

fn no_such_tool() -> Result<(), BoxError> {
    GateLayer::new("", 2)?;
    Ok(())
}

fn taken() -> Result<(), BoxError> {
    Ok(())
}

fn unnamed() -> Result<(), BoxError> {
    Err("wrong".into())
}

fn contract(defect: Defect) -> Contract<impl Fn(Scripted) -> Gate<Scripted>> {
    let build = match defect {
        Defect::TakesBadConfig => taken,
        Defect::NamesNoInput => unnamed,
        _ => no_such_tool,
    };
    Contract {
        layer: "gate",
        wrap: move |inner| GateLayer::new("secret", 2).unwrap().with(defect).layer(inner),
        allow: ask("echo"),
        refuse: Case::Test(Refuse::new(ask("secret"), code::FORBIDDEN)),
        inner_error: Case::Test(()),
        readiness: Case::Test(()),
        missing_principal: Case::Test(code::UNAUTHENTICATED),
        limit: Case::Test(Refuse::new(ask("echo"), code::EXHAUSTED).after([ask("echo"), ask("echo")])),
        bad_config: Case::Test(vec![BadConfig::new("\"\"", build)]),
    }
}

#[test]
fn a_layer_that_keeps_the_contract_passes() {
    contract::check(&contract(Defect::None));
}

#[test]
fn each_broken_promise_is_found() {
    for (defect, case) in [
        (Defect::CallsTwice, "allow"),
        (Defect::LosesExtensions, "allow"),
        (Defect::ChangesTheCall, "allow"),
        (Defect::LosesMessages, "allow"),
        (Defect::ChangesTheId, "allow"),
        (Defect::HoldsTheStream, "stream"),
        (Defect::ReadsAhead, "stream"),
        (Defect::FailsToRefuse, "refuse"),
        (Defect::AsksAllTheSame, "refuse"),
        (Defect::RefusesWithFailure, "refuse"),
        (Defect::RefusesWithoutId, "refuse"),
        (Defect::RefusesWithOtherCode, "refuse"),
        (Defect::LeavesNoTrail, "refuse"),
        (Defect::SignsWithOtherName, "refuse"),
        (Defect::TellsTheDetail, "refuse"),
        (Defect::RefusesForEver, "refuse"),
        (Defect::AnswersFailures, "inner error"),
        (Defect::ChangesFailures, "inner error"),
        (Defect::EndsBrokenStreams, "inner error"),
        (Defect::IsAlwaysReady, "inner not ready"),
        (Defect::ForgetsTheWaker, "inner not ready"),
        (Defect::CallsAClone, "inner not ready"),
        (Defect::HidesUnreadiness, "inner not ready"),
        (Defect::Detaches, "cancel"),
        (Defect::DetachesTheReply, "drop"),
        (Defect::TrustsAnybody, "missing principal"),
        (Defect::HasNoLimit, "limit"),
        (Defect::TakesBadConfig, "bad configuration"),
        (Defect::NamesNoInput, "bad configuration"),
    ] {
        let breaches = contract::breaches(&contract(defect));
        let found = breaches.iter().any(|breach| breach.case == case);
        assert!(found, "{defect:?} should break {case:?}, but the suite found {breaches:?}");
    }
}

#[test]
#[should_panic(expected = "limit: ")]
fn check_panics_with_what_it_found() {
    contract::check(&contract(Defect::HasNoLimit));
}

/// A refusal may also be for what comes back; the call has arrived then.
#[test]
fn answers_can_be_refused() {
    let refuse = |code| Contract {
        limit: Case::Skip("this is about answers"),
        refuse: Case::Test(
            Refuse::new(ask("echo"), code).for_answer(Act::result(r#"{"content":"forbidden"}"#)),
        ),
        ..contract(Defect::None)
    };
    contract::check(&refuse(code::FORBIDDEN));
    let breaches = contract::breaches(&refuse(code::EXHAUSTED));
    assert_eq!(breaches.iter().map(|breach| breach.case).collect::<Vec<_>>(), ["refuse"]);
}

#[test]
fn everything_is_send_and_sync() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Act>();
    assert_send_sync::<Ask>();
    assert_send_sync::<Scripted>();
    assert_send_sync::<portcullis_testkit::Probe>();
    assert_send_sync::<portcullis_testkit::Watch>();
    assert_send_sync::<Message>();
}
