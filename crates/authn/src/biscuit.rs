//! Biscuit tokens, and agents that act for users with them.
//!
//! A [Biscuit](https://www.biscuitsec.org) is minted by whoever holds a root key, for a user who has proven their
//! identity elsewhere. Whoever holds the token can append blocks that narrow it down, without asking anybody; an agent
//! that does so signs its block, and so each agent in a chain leaves its name. [`BiscuitVerifier`] judges such tokens,
//! [`Mint`] makes them, [`Attenuation`] narrows them down, and [`Exchange`] gives them out for other tokens.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use portcullis_authn::biscuit::{Attenuation, Grant, Mint, SigningKey, print};
//! use portcullis_core::{Kind, Principal};
//!
//! // Where the user is known: a token for one portal, handed to the planner.
//! let now = SystemTime::now();
//! let alice = Principal::new(Kind::User, "alice").with_issuer("https://login.example.com");
//! let mint = Mint::new(SigningKey::generate());
//! let token = mint.mint(&Grant::new(&alice, "https://mcp.example.com").delegate("planner"), now)?;
//!
//! // At the planner, offline: two tools, one minute, and on to the executor.
//! let planner = SigningKey::generate();
//! let narrowed = Attenuation::new()
//!     .tools(["calendar_read", "calendar_write"])
//!     .expires(now + Duration::from_secs(60))
//!     .delegate("executor")
//!     .sign(&token, "planner", &planner)?;
//!
//! let printed = print(&narrowed)?;
//! assert!(printed.contains(r#"user("alice")"#) && printed.contains(r#"agent("planner")"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a token says
//!
//! Who it is stands in the first block, which the root key has signed. Facts of these names in any other block say
//! nothing about the identity, and neither does what rules derive.
//!
//! | fact | meaning |
//! |---|---|
//! | `user("alice")`, `service("batch")` or `agent("crawler")` | whose it is; one of them, once |
//! | `audience("https://mcp.example.com")` | where it is good; at least one, and the service must be among them |
//! | `expires(2026-01-01T00:00:00Z)` | when it ends; required, and any block may state an earlier end |
//! | `issuer("https://login.example.com")` | who vouches for the name |
//! | `issued(date)`, `authenticated(date)` | when it was minted, when the person last signed in |
//! | `group("g")`, `scope("s")`, `attribute("name", "value")` | what is known, any number |
//! | `actor(0, "planner")`, `actor(0, "planner", "https://issuer")` | agents that the token came through before it was minted |
//! | `delegate("planner")` | the agent it is handed to |
//!
//! Every `check` in every block must hold. They are given the time as `time($t)`, and the service's name as
//! `resource("https://mcp.example.com")`. Checks that mention `method($m)`, `operation($o)` or `tool($t)`, be it through
//! rules, are decided for each operation by the [`Allowance`](crate::Allowance) of the verdict: there `method` and
//! `operation` are the verb (`tools/call`), `tool` is the name of the tool, and `resource` whatever else is named.
//!
//! # Agents
//!
//! A block with `agent("planner")` must be a *third-party block*, signed with a key that is registered for that very name.
//! It may say `delegate("executor")`: then the next agent's block must be the executor's, and if there is none, the
//! executor is the caller. A block that names no agent only restricts, and anybody may append one.
//!
//! # What a holder can do, and what not
//!
//! * **Take a block away: no.** Each block is signed with a key that the block before names, and the token carries the
//!   private half of the last. Who cuts a block off lacks the private half for what is left, and a token whose last
//!   key does not fit is refused. A third-party block is signed over the signature before it, so that it fits in no other
//!   place and no other token.
//! * **Use an earlier token it has seen: yes.** An agent that was given a token can use that token, unattenuated. So
//!   attenuate before handing on, not after receiving; [`Attenuation::sealed`] forbids any further block.
//! * **Hide itself: not where it was named.** The token for the planner says `delegate("planner")`, signed by the mint or
//!   by the agent before; cut off or not, the planner is in the chain. An agent that was handed a token *without* such a
//!   word can use it as it is. Name the first agent when the token is minted.
//! * **Name another agent: no**, without that agent's key. But the last name after `delegate` is only that of the agent
//!   to which the token was handed: whoever steals the token is taken for it, as with any bearer token.
//! * **Keep the verifier busy: no.** Size, blocks, names, facts, rounds and the number of matches to try are bounded
//!   before anything is evaluated. Regular expressions must be short literals without `{`.
//!
//! # What it costs
//!
//! Some 80 µs for a plain token and 300 µs for one that two agents have signed, all on the caller's
//! thread; the layer keeps the verdict until it can change, which is at a date that the token names.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use portcullis_core::Principal;
use portcullis_fetch::WatchError;

use self::chain::Voucher;
use self::contents::Contents;
use self::identity::Identity;
use self::listed::Listed;
use self::operations::Operations;
use self::token::{Asked, Token};
use crate::{Audience, BoxFuture, Credential, Denial, Verified, Verifier};

mod attenuation;
mod chain;
mod contents;
mod cost;
mod encoding;
mod exchange;
mod form;
mod identity;
mod keys;
mod listed;
mod lists;
mod mint;
mod operations;
#[cfg(test)]
mod tests;
mod token;

pub use attenuation::{Attenuation, AttenuationError, print, revocation_ids};
pub use exchange::{Exchange, Subject};
pub use keys::{KeyError, PublicKey, SigningKey};
pub use lists::{AgentKeys, ListError, Revocations, RootKeys};
pub use mint::{Grant, Mint, MintError};

/// Judges Biscuit tokens by the keys that may mint them.
///
/// ```
/// use portcullis_authn::biscuit::{AgentKeys, BiscuitVerifier, RootKeys, SigningKey};
///
/// let (root, planner) = (SigningKey::generate(), SigningKey::generate());
/// let roots: RootKeys = format!("1 {}  # since spring", root.public()).parse()?;
/// let agents: AgentKeys = format!("planner {}", planner.public()).parse()?;
/// let verifier = BiscuitVerifier::new(roots).agents(agents);
/// # let _ = verifier;
/// # Ok::<(), portcullis_authn::biscuit::ListError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct BiscuitVerifier {
    roots: Listed<RootKeys>,
    agents: Listed<AgentKeys>,
    revocations: Listed<Revocations>,
    unsigned_agents: bool,
}

impl BiscuitVerifier {
    /// Trusts tokens of these roots, no agent, and has revoked nothing.
    pub fn new(roots: RootKeys) -> Self {
        Self::with(Listed::given(roots))
    }

    /// Trusts tokens of the roots that a file lists: see [`RootKeys`].
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or a line cannot be used.
    pub fn open(roots: impl Into<PathBuf>) -> Result<Self, WatchError> {
        Listed::open(roots).map(Self::with)
    }

    fn with(roots: Listed<RootKeys>) -> Self {
        Self {
            roots,
            agents: Listed::given(AgentKeys::default()),
            revocations: Listed::given(Revocations::default()),
            unsigned_agents: false,
        }
    }

    /// Lets agents with these keys sign for themselves.
    pub fn agents(mut self, agents: AgentKeys) -> Self {
        self.agents = Listed::given(agents);
        self
    }

    /// Lets the agents that a file lists sign for themselves: see [`AgentKeys`].
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or a line cannot be used.
    pub fn agents_file(mut self, path: impl Into<PathBuf>) -> Result<Self, WatchError> {
        self.agents = Listed::open(path)?;
        Ok(self)
    }

    /// Refuses the tokens that hold a block which a file lists: see [`Revocations`].
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or a line cannot be used.
    pub fn revocations_file(mut self, path: impl Into<PathBuf>) -> Result<Self, WatchError> {
        self.revocations = Listed::open(path)?;
        Ok(self)
    }

    /// Takes the names of agents from blocks that nobody has signed for.
    ///
    /// Whoever holds a token can then name any agent, in any order. It is for trying things out, before agents have keys.
    pub fn insecure_accept_unsigned_agents(mut self) -> Self {
        self.unsigned_agents = true;
        self
    }

    /// Looks at its files twice a second from now on.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, if there is a file.
    pub fn watch(self) -> Self {
        self.roots.watch();
        self.agents.watch();
        self.revocations.watch();
        self
    }

    /// Reads its files again, now. What does not read well leaves what was read before in force.
    ///
    /// # Errors
    ///
    /// The first file that cannot be taken over. The others are read all the same.
    pub fn reload(&self) -> Result<(), WatchError> {
        let all = [self.revocations.reload(), self.roots.reload(), self.agents.reload()];
        all.into_iter().collect()
    }

    fn judge(&self, text: &str, audience: &Audience, now: SystemTime) -> Result<Verified, Denial> {
        let bytes = encoding::decode(text)
            .ok_or_else(|| Denial::invalid("biscuit: it is not base64, or longer than the limit"))?;
        let second = identity::second(now)?;
        let token = Token::verify(&bytes, &self.roots.current(), &self.revocations.current())?;

        let entry = audience.names().next().unwrap_or_default();
        let authorizer = token.prepare(Asked::Entry(entry), second)?;
        let contents = Contents::of(&authorizer)?;
        token::bounded(&contents)?;

        let identity = Identity::read(&contents, audience, now)?;
        let end = identity::end(&contents)?;
        if end <= now {
            return Err(Denial::invalid("biscuit: it has expired"));
        }
        let agents = self.agents.current();
        let voucher = match self.unsigned_agents {
            true => Voucher::Nobody,
            false => Voucher::Registered(&agents),
        };
        let chain = chain::follow(&contents, &token.signers(), &voucher, identity.actors, identity.delegate)?;

        let undecided = contents.operation_checks();
        let failing = token::failing(authorizer)?;
        if let Some((block, check)) = failing.difference(&undecided).next() {
            return Err(Denial::invalid(format!("biscuit: check {check} of block {block} fails")));
        }

        let principal = chain.into_iter().fold(identity.principal, Principal::acting_through);
        let mut verified = Verified::new(principal).expires(end);
        if let Some(turn) = contents.next_change(second).and_then(identity::at) {
            verified = verified.expires(turn);
        }
        if let Some(at) = identity.issued {
            verified = verified.issued(at);
        }
        if let Some(at) = identity.authenticated {
            verified = verified.authenticated(at);
        }
        if !undecided.is_empty() {
            verified = verified.limited_by(Arc::new(Operations::new(token, undecided, second)));
        }
        Ok(verified)
    }
}

impl Verifier for BiscuitVerifier {
    fn recognizes(&self, credential: &Credential) -> bool {
        credential.token().is_some_and(encoding::resembles)
    }

    fn verify<'a>(
        &'a self,
        credential: &'a Credential,
        audience: &'a Audience,
        now: SystemTime,
    ) -> BoxFuture<'a, Result<Verified, Denial>> {
        let verdict = match credential.token() {
            Some(text) => self.judge(text, audience, now),
            None => Err(Denial::invalid("biscuit: the credential is no token")),
        };
        Box::pin(std::future::ready(verdict))
    }

    fn generation(&self) -> u64 {
        self.roots.generation() + self.agents.generation() + self.revocations.generation()
    }
}
