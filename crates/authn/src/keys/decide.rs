//! What to do for somebody who needs a key.

use std::time::Duration;

use super::{Freshness, KeysError};

/// What is known at the moment somebody asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// How old the keys in memory are, if there are any.
    pub(super) age: Option<Duration>,
    /// Whether the key asked for is among them.
    pub(super) found: bool,
    /// The last fetch that ended, if any did.
    pub(super) last: Option<Last>,
    /// Whether one is under way.
    pub(super) running: bool,
    /// Whether this caller has waited for one already.
    pub(super) waited: bool,
}

/// A fetch that ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    pub(super) since: Duration,
    pub(super) good: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The key in memory serves.
    Serve,
    /// It serves, and a fetch is started.
    ServeAndRefresh,
    /// Wait for the fetch that is under way, or start one, and ask again.
    Wait,
    Refuse(KeysError),
}

pub(super) fn decide(facts: &Facts, rules: &Freshness) -> Step {
    match facts.age {
        Some(age) if age < rules.max_age + rules.grace => match facts.found {
            true => known(age, facts, rules),
            false => unknown(facts, rules),
        },
        _ => nothing(facts, rules),
    }
}

/// Whether keys that are due may be fetched now.
pub(super) fn may_refresh(facts: &Facts, rules: &Freshness) -> bool {
    !facts.running && facts.last.is_none_or(|last| last.good || last.since >= rules.backoff)
}

fn known(age: Duration, facts: &Facts, rules: &Freshness) -> Step {
    // Not asked for so long, the issuer may well be up and the key withdrawn long ago.
    let forgotten = facts.last.is_none_or(|last| last.since >= 2 * rules.max_age);
    if age < rules.max_age || facts.waited {
        Step::Serve
    } else if forgotten {
        Step::Wait
    } else if may_refresh(facts, rules) {
        Step::ServeAndRefresh
    } else {
        Step::Serve
    }
}

fn unknown(facts: &Facts, rules: &Freshness) -> Step {
    let is_due = facts.last.is_none_or(|last| last.since >= rules.refetch_floor);
    if !facts.waited && (facts.running || is_due) {
        return Step::Wait;
    }
    match facts.last {
        // The key may have been added since, and an issuer that is down cannot say.
        Some(last) if !last.good => Step::Refuse(unavailable(rules.refetch_floor, last)),
        _ => Step::Refuse(KeysError::Unknown),
    }
}

fn nothing(facts: &Facts, rules: &Freshness) -> Step {
    match facts.last {
        _ if !facts.waited && (facts.running || may_refresh(facts, rules)) => Step::Wait,
        Some(last) => Step::Refuse(unavailable(rules.backoff, last)),
        None => Step::Refuse(KeysError::Unavailable { retry_after: rules.backoff }),
    }
}

fn unavailable(wait: Duration, last: Last) -> KeysError {
    KeysError::Unavailable { retry_after: wait.saturating_sub(last.since).max(Duration::from_secs(1)) }
}

#[cfg(test)]
mod tests;
