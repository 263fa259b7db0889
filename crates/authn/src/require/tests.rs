#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use portcullis_core::Principal;

use super::*;
use crate::DenialKind;

const HOUR: Duration = Duration::from_secs(3600);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn alice() -> Principal {
    Principal::new(Kind::User, "alice")
        .with_issuer("https://login.example")
        .with_group("finance")
        .with_group("staff")
        .with_attribute("amr", "pwd mfa")
        .with_attribute("acr", "silver")
        .with_attribute("device_compliant", "true")
}

fn verified() -> Verified {
    Verified::new(alice()).issued(now() - Duration::from_secs(60)).authenticated(now() - HOUR)
}

fn through(actors: &[(&str, Option<&str>)]) -> Verified {
    let actor = |(subject, issuer): &(&str, Option<&str>)| match issuer {
        Some(issuer) => Actor::new(*subject).with_issuer(*issuer),
        None => Actor::new(*subject),
    };
    Verified::new(actors.iter().map(actor).fold(alice(), Principal::acting_through))
}

type Row = (&'static str, Result<Require, RequireError>, Verified, Option<DenialKind>);

#[test]
fn every_condition_allows_and_refuses() {
    use DenialKind::{Forbid, Invalid, StepUp};
    let new = Require::new;
    let nobody = || Verified::new(Principal::new(Kind::Service, "x"));
    let rows: Vec<Row> = vec![
        ("nothing asked", Ok(new()), nobody(), None),
        ("one group", new().any_group(["audit", "finance"]), verified(), None),
        ("no group", new().any_group(["audit", "Finance"]), verified(), Some(Forbid)),
        ("all groups", new().all_groups(["staff", "finance"]), verified(), None),
        ("not all groups", new().all_groups(["staff", "audit"]), verified(), Some(Forbid)),
        ("one method", new().amr_any(["hwk", "mfa"]), verified(), None),
        ("part of a method", new().amr_any(["mf", "fa"]), verified(), Some(StepUp)),
        ("other methods", new().amr_any(["hwk"]), verified(), Some(StepUp)),
        ("unknown methods", new().amr_any(["mfa"]), nobody(), Some(StepUp)),
        ("class", new().acr_any(["gold", "silver"]), verified(), None),
        ("another class", new().acr_any(["gold"]), verified(), Some(StepUp)),
        ("unknown class", new().acr_any(["gold"]), nobody(), Some(StepUp)),
        ("attribute", new().attribute("device_compliant", ["true", "yes"]), verified(), None),
        ("another value", new().attribute("device_compliant", ["1"]), verified(), Some(Forbid)),
        ("unknown attribute", new().attribute("device_managed", ["true"]), verified(), Some(Forbid)),
        ("network", new().networks(["lab", "office"]), verified(), None),
        ("another network", new().networks(["lab"]), verified(), Some(Forbid)),
        ("token age", new().max_token_age(Duration::from_secs(61)), verified(), None),
        ("just too old", new().max_token_age(Duration::from_secs(60)), verified(), Some(Invalid)),
        ("unknown age", new().max_token_age(HOUR), nobody(), Some(Forbid)),
        ("endless age", new().max_token_age(Duration::MAX), verified(), Some(Invalid)),
        ("authentication age", new().max_authentication_age(2 * HOUR), verified(), None),
        ("just too long ago", new().max_authentication_age(HOUR), verified(), Some(StepUp)),
        ("never", new().max_authentication_age(HOUR), nobody(), Some(StepUp)),
        ("kind", new().kinds([Kind::User, Kind::Agent]), verified(), None),
        ("another kind", new().kinds([Kind::User]), nobody(), Some(Forbid)),
        ("issuer", new().issuers(["https://login.example"]), verified(), None),
        ("another issuer", new().issuers(["https://login.example/"]), verified(), Some(Forbid)),
        ("no issuer", new().issuers(["https://login.example"]), nobody(), Some(Forbid)),
        ("no agents", new().max_actors(0), verified(), None),
        ("an agent too many", new().max_actors(1), through(&[("a", None), ("b", None)]), Some(Forbid)),
        ("known agents", new().actors_from([Actor::new("a")]), through(&[("a", None)]), None),
        (
            "a known agent by its issuer",
            new().actors_from([Actor::new("a")]),
            through(&[("a", Some("https://login.example"))]),
            None,
        ),
        (
            "an agent of that name elsewhere",
            new().actors_from([Actor::new("a")]),
            through(&[("a", Some("https://evil.example"))]),
            Some(Forbid),
        ),
        (
            "an agent named with its issuer",
            new().actors_from([Actor::new("a").with_issuer("https://agents.example")]),
            through(&[("a", Some("https://agents.example"))]),
            None,
        ),
        (
            "the same name of the caller's issuer",
            new().actors_from([Actor::new("a").with_issuer("https://agents.example")]),
            through(&[("a", None)]),
            Some(Forbid),
        ),
        (
            "an unknown agent in the middle",
            new().actors_from([Actor::new("a")]),
            through(&[("a", None), ("x", None), ("a", None)]),
            Some(Forbid),
        ),
    ];
    for (name, require, verified, expected) in rows {
        let verdict = require.expect(name).check(&verified, Some("office"), now());
        assert_eq!(verdict.err().map(|denial| denial.kind()), expected, "{name}");
    }
}

#[test]
fn an_unknown_network_is_none() {
    let require = Require::new().networks(["office"]).unwrap();
    let denial = require.check(&verified(), None, now()).unwrap_err();
    assert_eq!((denial.kind(), denial.detail()), (DenialKind::Forbid, "not met: networks [\"office\"]"));
    assert_eq!(require.networks_named().collect::<Vec<_>>(), ["office"]);
}

#[test]
fn it_holds_until_the_first_condition_ends() {
    let require = Require::new().any_group(["staff"]).unwrap();
    assert_eq!(require.check(&verified(), None, now()), Ok(None));
    let require = require.max_token_age(HOUR).unwrap();
    assert_eq!(require.check(&verified(), None, now()), Ok(Some(now() + Duration::from_secs(3540))));
    let require = require.max_authentication_age(HOUR + Duration::from_secs(1)).unwrap();
    let end = now() + Duration::from_secs(1);
    assert_eq!(require.check(&verified(), None, now()), Ok(Some(end)));
    assert!(require.check(&verified(), None, end).is_err());
}

#[test]
fn a_step_up_tells_all_that_is_wanted() {
    let require = Require::new()
        .acr_any(["gold", "silver"])
        .unwrap()
        .max_authentication_age(Duration::from_secs(300))
        .unwrap();
    let denial = require.check(&verified(), None, now()).unwrap_err();
    let wanted = denial.wanted().unwrap();
    assert_eq!((wanted.acr_values(), wanted.max_age_seconds()), (Some("gold silver"), Some(300)));
    assert_eq!(denial.detail(), "not met: max_authentication_age 300s");
}

#[test]
fn nobody_is_sent_to_log_in_for_nothing() {
    let require = Require::new().amr_any(["hwk"]).unwrap().any_group(["audit"]).unwrap();
    assert_eq!(require.check(&verified(), None, now()).unwrap_err().kind(), DenialKind::Forbid);
}

#[test]
fn mistakes_are_told() {
    let new = Require::new;
    for (result, said) in [
        (new().any_group([]), "any_group has an empty list"),
        (new().all_groups([]), "all_groups has an empty list"),
        (new().amr_any([]), "amr_any has an empty list"),
        (new().acr_any([]), "acr_any has an empty list"),
        (new().attribute("x", []), "attribute has an empty list"),
        (new().networks([]), "networks has an empty list"),
        (new().kinds([]), "kinds has an empty list"),
        (new().issuers([]), "issuers has an empty list"),
        (new().actors_from([]), "actors_from has an empty list"),
        (new().any_group([""]), "any_group has \"\""),
        (new().attribute("", ["x"]), "attribute has \"\""),
        (new().amr_any(["pwd mfa"]), "amr_any cannot be met by \"pwd mfa\""),
        (new().acr_any(["a\"b"]), "acr_any cannot be met by"),
        (new().max_token_age(Duration::ZERO), "max_token_age of 0ns can never hold"),
        (new().max_authentication_age(Duration::from_millis(999)), "can never hold"),
        (new().networks(["a"]).unwrap().networks(["b"]), "networks is there twice"),
        (new().attribute("a", ["b"]).unwrap().attribute("a", ["c"]), "attribute is there twice"),
    ] {
        let error = result.expect_err(said).to_string();
        assert!(error.contains(said), "{error:?} lacks {said:?}");
    }
    // Facts of which there are several can be asked for several times.
    let both = new().any_group(["staff"]).unwrap().any_group(["audit"]).unwrap();
    assert!(both.check(&verified(), None, now()).is_err());
    assert!(new().attribute("a", ["b"]).unwrap().attribute("c", ["d"]).is_ok());
    assert_eq!(new().kinds([]).unwrap_err().condition(), "kinds");
}

#[test]
fn values_are_send_and_sync() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Require>();
    assert_send_sync::<RequireError>();
    assert_send_sync::<StepUp>();
}
