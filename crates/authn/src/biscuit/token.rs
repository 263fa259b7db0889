//! A token whose signatures hold, and what its checks say.

use std::collections::BTreeSet;
use std::time::Duration;

use biscuit_auth::builder::{AuthorizerBuilder, Policy, PolicyKind, Rule, Term, fact, pred};
use biscuit_auth::datalog::RunLimits;
use biscuit_auth::error::{FailedCheck, Logic, MatchedPolicy, RunLimit, Token as Error};
use biscuit_auth::format::schema::public_key::Algorithm;
use biscuit_auth::{Authorizer, Biscuit, PublicKey, UnverifiedBiscuit};
use portcullis_core::Action;

use super::contents::{Contents, Place};
use super::{Revocations, RootKeys, cost};
use crate::Denial;

/// A block takes one signature to verify, that of an agent two, at some 40 µs each.
pub(super) const MAX_BLOCKS: usize = 16;

/// Names and texts, in all blocks. Each is looked for among all of them.
const MAX_SYMBOLS: usize = 512;

/// A backstop: how much work there can be is known before it begins. It has room for a thread that has to wait.
const MAX_TIME: Duration = Duration::from_millis(100);

/// A token that a root key has signed and nobody has revoked.
#[derive(Debug)]
pub(super) struct Token {
    biscuit: Biscuit,
}

/// What is asked for, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked<'a> {
    /// Nothing but the way in to a service.
    Entry(&'a str),
    /// One operation.
    Operation(Action<'a>),
}

impl Token {
    pub(super) fn verify(bytes: &[u8], roots: &RootKeys, revoked: &Revocations) -> Result<Self, Denial> {
        let unread =
            UnverifiedBiscuit::from(bytes).map_err(|_| Denial::invalid("biscuit: it cannot be read"))?;
        if unread.block_count() > MAX_BLOCKS {
            return Err(Denial::invalid("biscuit: it has too many blocks"));
        }
        let id = unread.root_key_id();
        let root = roots.get(id).ok_or_else(|| {
            Denial::invalid(match id {
                Some(id) => format!("biscuit: there is no root key {id}"),
                None => "biscuit: it names no root key, and none is for such tokens".to_owned(),
            })
        })?;
        let biscuit =
            unread.verify(root.inner()).map_err(|_| Denial::invalid("biscuit: a signature does not hold"))?;
        if biscuit.revocation_identifiers().iter().any(|id| revoked.hold(id)) {
            return Err(Denial::invalid("biscuit: a block is revoked"));
        }
        // Signatures of other algorithms can be rewritten, and with them the identifiers that blocks are revoked by.
        let proto = biscuit.container().to_proto();
        let mut blocks = proto.blocks.iter().chain([&proto.authority]);
        if blocks.any(|block| block.next_key.algorithm != Algorithm::Ed25519 as i32) {
            return Err(Denial::invalid("biscuit: a block is signed with something else than Ed25519"));
        }
        let symbols = (0..biscuit.block_count())
            .map(|block| biscuit.block_symbols(block).map_or(0, |names| names.len()));
        if symbols.sum::<usize>() > MAX_SYMBOLS {
            return Err(Denial::invalid("biscuit: it holds too many names and texts"));
        }
        Ok(Self { biscuit })
    }

    /// The key that a third party has signed each block with.
    pub(super) fn signers(&self) -> Vec<Option<PublicKey>> {
        self.biscuit.external_public_keys()
    }

    /// Gets everything ready to decide on what is asked.
    pub(super) fn prepare(&self, asked: Asked<'_>, second: u64) -> Result<Authorizer, Denial> {
        let failed = |_| Denial::invalid("biscuit: a block cannot be read");
        let limits =
            RunLimits { max_facts: cost::MAX_FACTS, max_iterations: cost::MAX_ROUNDS, max_time: MAX_TIME };
        let anything = Rule::new(pred::<Term>("query", &[]), vec![], vec![], vec![]);
        let mut builder = AuthorizerBuilder::new()
            .set_limits(limits)
            .policy(Policy { kind: PolicyKind::Allow, queries: vec![anything] })
            .and_then(|builder| builder.fact(fact("time", &[Term::Date(second)])))
            .map_err(failed)?;
        let mut state = |name: &str, text: &str| -> Result<(), Denial> {
            let next = std::mem::take(&mut builder).fact(fact(name, &[Term::Str(text.to_owned())]));
            builder = next.map_err(failed)?;
            Ok(())
        };
        match asked {
            Asked::Entry(resource) => state("resource", resource)?,
            Asked::Operation(Action { verb, resource }) => {
                state("method", verb)?;
                state("operation", verb)?;
                if let Some(resource) = resource {
                    state(if verb == "tools/call" { "tool" } else { "resource" }, resource)?;
                }
            }
        }
        builder.build(&self.biscuit).map_err(failed)
    }
}

/// Refuses a token that could keep the engine busy, before the engine sees it.
pub(super) fn bounded(contents: &Contents) -> Result<(), Denial> {
    match cost::stated(contents) < cost::MAX_FACTS && cost::steps(contents) <= cost::MAX_STEPS {
        true => Ok(()),
        false => Err(Denial::invalid("biscuit: its checks could take too much work")),
    }
}

/// Runs the rules and the checks; tells which checks fail.
pub(super) fn failing(mut authorizer: Authorizer) -> Result<BTreeSet<Place>, Denial> {
    match authorizer.authorize() {
        Ok(_) => Ok(BTreeSet::new()),
        Err(Error::FailedLogic(Logic::Unauthorized { policy: MatchedPolicy::Allow(_), checks })) => {
            let places = checks.into_iter().map(|check| match check {
                FailedCheck::Block(block) => Some((block.block_id, block.check_id)),
                FailedCheck::Authorizer(_) => None,
            });
            places.collect::<Option<_>>().ok_or_else(|| Denial::invalid("biscuit: it was not to be decided"))
        }
        Err(Error::RunLimit(RunLimit::Timeout)) => {
            Err(Denial::unavailable(Duration::from_secs(1), "biscuit: its checks took too long"))
        }
        Err(Error::RunLimit(_)) => Err(Denial::invalid("biscuit: its rules have no end, or too many facts")),
        Err(_) => Err(Denial::invalid("biscuit: a check cannot be evaluated")),
    }
}
