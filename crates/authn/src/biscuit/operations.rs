//! The operations that a token was narrowed down to.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use portcullis_core::Action;

use super::contents::Place;
use super::token::{Asked, Token, failing};
use crate::Allowance;

/// Decisions in memory, per token.
const MAX_REMEMBERED: usize = 256;

/// A resource that is longer is decided on each time anew.
const MAX_NAME: usize = 512;

/// Decides on operations by the checks that mention them.
///
/// The other checks were decided when the token came in, and that verdict ends before any of them can turn.
#[derive(Debug)]
pub(super) struct Operations {
    token: Token,
    checks: BTreeSet<Place>,
    second: u64,
    hasher: RandomState,
    remembered: Mutex<HashMap<u64, Decision>>,
}

#[derive(Debug)]
struct Decision {
    verb: Box<str>,
    resource: Option<Box<str>>,
    permit: bool,
}

impl Operations {
    pub(super) fn new(token: Token, checks: BTreeSet<Place>, second: u64) -> Self {
        Self { token, checks, second, hasher: RandomState::new(), remembered: Mutex::default() }
    }

    fn decide(&self, action: Action<'_>) -> bool {
        let decided = self.token.prepare(Asked::Operation(action), self.second).and_then(failing);
        decided.is_ok_and(|failing| failing.is_disjoint(&self.checks))
    }
}

impl Allowance for Operations {
    fn permits(&self, action: Action<'_>) -> bool {
        if action.verb.len() + action.resource.map_or(0, str::len) > MAX_NAME {
            return self.decide(action);
        }
        let key = self.hasher.hash_one(action);
        // What a panicking thread could leave behind is a whole map still.
        let lock = || self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(decision) = lock().get(&key)
            && *decision.verb == *action.verb
            && decision.resource.as_deref() == action.resource
        {
            return decision.permit;
        }
        let permit = self.decide(action);
        let decision =
            Decision { verb: action.verb.into(), resource: action.resource.map(Into::into), permit };
        let mut remembered = lock();
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(key, decision);
        permit
    }
}
