//! Which agents a token came through, as far as each of them has signed for it.

use biscuit_auth::PublicKey;
use portcullis_core::Actor;

use super::AgentKeys;
use super::contents::Contents;
use crate::Denial;

/// The longest chain of agents.
pub(super) const MAX_AGENTS: usize = 8;

/// The longest name of one, as of whoever a JWT names.
const MAX_NAME: usize = 512;

/// Names end up in policies and logs, so there is nothing in them that could end a line. Whoever exchanges a token and
/// every agent that hands one on says the name of the next, which need not sign.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME && !text.chars().any(char::is_control)
}

/// Whose word is taken for an agent's name.
#[derive(Debug)]
pub(super) enum Voucher<'a> {
    /// The agent's own, by its signature.
    Registered(&'a AgentKeys),
    /// Anybody's.
    Nobody,
}

/// Adds the agents that the later blocks name to those that the first block names.
///
/// `signers` holds for each block the key that a third party has signed it with.
pub(super) fn follow(
    contents: &Contents,
    signers: &[Option<PublicKey>],
    voucher: &Voucher<'_>,
    mut chain: Vec<Actor>,
    mut awaited: Option<String>,
) -> Result<Vec<Actor>, Denial> {
    for block in 1..contents.blocks().len() {
        let malformed = || Denial::invalid(format!("biscuit: block {block} names its agent in no known way"));
        let (mut agent, mut delegate) = (None, None);
        for fact in contents.facts(block) {
            let told = match fact.name() {
                "agent" => &mut agent,
                "delegate" => &mut delegate,
                _ => continue,
            };
            let name = fact.values().and_then(|[value]| value.text()).ok_or_else(malformed)?;
            if told.replace(name).is_some() {
                return Err(malformed());
            }
        }
        let Some(agent) = agent else {
            // Only an agent hands on; otherwise whoever holds a token could name whom it likes.
            if delegate.is_some() {
                return Err(malformed());
            }
            continue;
        };
        if let Voucher::Registered(keys) = voucher {
            let signer = signers.get(block).copied().flatten();
            if !signer.is_some_and(|signer| keys.holds(agent, &signer)) {
                return Err(Denial::invalid(format!(
                    "biscuit: block {block} says it is of the agent {agent:?}, whose key did not sign it"
                )));
            }
        }
        if awaited.as_deref().is_some_and(|awaited| awaited != agent) {
            return Err(Denial::invalid(format!(
                "biscuit: block {block} is of the agent {agent:?}, and the token was handed to another"
            )));
        }
        chain.push(Actor::new(agent));
        awaited = delegate.map(str::to_owned);
    }
    chain.extend(awaited.map(Actor::new));
    if !chain.iter().all(|agent| is_name(agent.subject())) {
        return Err(Denial::invalid(
            "biscuit: the name of an agent is too long, or holds control characters",
        ));
    }
    match chain.len() > MAX_AGENTS {
        true => Err(Denial::invalid("biscuit: it came through too many agents")),
        false => Ok(chain),
    }
}
