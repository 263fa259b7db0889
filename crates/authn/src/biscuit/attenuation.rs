use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use biscuit_auth::UnverifiedBiscuit;
use biscuit_auth::builder::{
    Binary, BlockBuilder, Check, CheckKind, Expression, Op, Rule, Term, fact, pred, var,
};
use portcullis_core::Secret;

use super::{SigningKey, encoding};

/// What a client does to find its way around, whatever tools it may call.
const HARMLESS: [&str; 5] = ["initialize", "ping", "server/discover", "subscriptions/listen", "tools/list"];

/// A block that narrows a token down. It takes no network, and nobody's leave.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use portcullis_authn::biscuit::{Attenuation, Grant, Mint, SigningKey};
/// use portcullis_core::{Kind, Principal};
///
/// let mint = Mint::new(SigningKey::generate());
/// let alice = Principal::new(Kind::User, "alice");
/// let token = mint.mint(&Grant::new(&alice, "https://mcp.example.com"), SystemTime::now())?;
///
/// // Whoever hands the token to a script lets it read for ten seconds, and lets it hand on nothing.
/// let narrow = Attenuation::new()
///     .tools(["tickets_read"])
///     .expires(SystemTime::now() + Duration::from_secs(10))
///     .sealed()
///     .append(&token)?;
/// assert!(Attenuation::new().append(&narrow).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Attenuation {
    tools: Option<BTreeSet<Term>>,
    methods: Option<BTreeSet<Term>>,
    expires: Option<SystemTime>,
    delegate: Option<String>,
    sealed: bool,
}

impl Attenuation {
    /// A block that restricts nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only these tools, by the names they have where the token is used. Besides calling them, a client can find out what
    /// there is and listen; it cannot read resources, get prompts, or call anything else.
    pub fn tools(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.tools = Some(texts(names));
        self
    }

    /// Only these methods.
    pub fn methods(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.methods = Some(texts(names));
        self
    }

    /// No later than that. A later end than the token's own changes nothing.
    pub fn expires(mut self, at: SystemTime) -> Self {
        self.expires = Some(at);
        self
    }

    /// The agent that the token is handed to. Only an agent can hand on: it takes [`sign`](Self::sign).
    pub fn delegate(mut self, agent: impl Into<String>) -> Self {
        self.delegate = Some(agent.into());
        self
    }

    /// Lets nobody append another block.
    pub fn sealed(mut self) -> Self {
        self.sealed = true;
        self
    }

    /// Appends the block to a token in an agent's name, signed with the agent's key.
    ///
    /// # Errors
    ///
    /// If the text is no token, the token is sealed, or it would grow too long.
    pub fn sign(&self, token: &Secret, agent: &str, key: &SigningKey) -> Result<Secret, AttenuationError> {
        let named = |name: &str, agent: &str| fact(name, &[Term::Str(agent.to_owned())]);
        let mut block = self.block()?.fact(named("agent", agent)).map_err(encode)?;
        if let Some(next) = &self.delegate {
            block = block.fact(named("delegate", next)).map_err(encode)?;
        }
        let token = read(token)?;
        let signed =
            token.third_party_request().and_then(|request| request.create_block(key.private(), block));
        let signed = signed.and_then(|block| block.serialize()).map_err(sealed)?;
        self.finish(token.append_third_party(&signed).map_err(encode)?)
    }

    /// Appends the block to a token in nobody's name: a pure restriction.
    ///
    /// # Errors
    ///
    /// As for [`sign`](Self::sign), and if it says to whom the token is handed.
    pub fn append(&self, token: &Secret) -> Result<Secret, AttenuationError> {
        if self.delegate.is_some() {
            return Err(AttenuationError::Unsigned);
        }
        let appended = read(token)?.append(self.block()?).map_err(sealed)?;
        self.finish(appended)
    }

    fn block(&self) -> Result<BlockBuilder, AttenuationError> {
        let mut block = BlockBuilder::new();
        if let Some(at) = self.expires {
            let at = at.duration_since(UNIX_EPOCH).map_err(|_| AttenuationError::Encode)?.as_secs();
            block = block.fact(fact("expires", &[Term::Date(at)])).map_err(encode)?;
            block = block.check(before(at)).map_err(encode)?;
        }
        if let Some(tools) = &self.tools {
            let notifications = vec![variable(), text("notifications/"), Op::Binary(Binary::Prefix)];
            let queries = vec![
                query("tool", within(tools)),
                query("method", within(&texts(HARMLESS))),
                query("method", notifications),
            ];
            block = block.check(Check { queries, kind: CheckKind::One }).map_err(encode)?;
        }
        if let Some(methods) = &self.methods {
            let queries = vec![query("method", within(methods))];
            block = block.check(Check { queries, kind: CheckKind::One }).map_err(encode)?;
        }
        Ok(block)
    }

    fn finish(&self, token: UnverifiedBiscuit) -> Result<Secret, AttenuationError> {
        let token = if self.sealed { token.seal().map_err(sealed)? } else { token };
        let text = encoding::encode(&token.to_vec().map_err(encode)?);
        match text.len() > encoding::MAX_TEXT {
            true => Err(AttenuationError::Encode),
            false => Ok(Secret::new(text)),
        }
    }
}

/// What a token says, block by block, for people: nothing is verified, and texts in it may hold quotes.
///
/// # Errors
///
/// If the text is no token.
pub fn print(token: &Secret) -> Result<String, AttenuationError> {
    let token = read(token)?;
    let signers = token.external_public_keys();
    let mut printed = String::new();
    for (block, signer) in signers.iter().enumerate() {
        let by = signer.map(|key| format!(", signed by {key}")).unwrap_or_default();
        let source = token.print_block_source(block).map_err(|_| AttenuationError::NoToken)?;
        let _ = writeln!(printed, "// block {block}{by}\n{source}");
    }
    Ok(printed)
}

/// The revocation identifiers of a token's blocks, first block first, as [`Revocations`](super::Revocations) lists them.
///
/// # Errors
///
/// If the text is no token.
pub fn revocation_ids(token: &Secret) -> Result<Vec<String>, AttenuationError> {
    let hex =
        |id: Vec<u8>| id.iter().fold(String::with_capacity(128), |hex, byte| hex + &format!("{byte:02x}"));
    Ok(read(token)?.revocation_identifiers().into_iter().map(hex).collect())
}

/// `check if time($t), $t < end`
pub(super) fn before(end: u64) -> Check {
    let ops = vec![variable(), Op::Value(Term::Date(end)), Op::Binary(Binary::LessThan)];
    Check { queries: vec![query("time", ops)], kind: CheckKind::One }
}

fn read(token: &Secret) -> Result<UnverifiedBiscuit, AttenuationError> {
    let bytes = encoding::decode(token.expose()).ok_or(AttenuationError::NoToken)?;
    UnverifiedBiscuit::from(bytes).map_err(|_| AttenuationError::NoToken)
}

fn texts(names: impl IntoIterator<Item = impl Into<String>>) -> BTreeSet<Term> {
    names.into_iter().map(|name| Term::Str(name.into())).collect()
}

fn variable() -> Op {
    Op::Value(var("x"))
}

fn text(text: &str) -> Op {
    Op::Value(Term::Str(text.to_owned()))
}

/// `{names}.contains($x)`
fn within(names: &BTreeSet<Term>) -> Vec<Op> {
    vec![Op::Value(Term::Set(names.clone())), variable(), Op::Binary(Binary::Contains)]
}

/// `name($x), ops`
fn query(name: &str, ops: Vec<Op>) -> Rule {
    let head = pred::<Term>("query", &[]);
    Rule::new(head, vec![pred(name, &[var("x")])], vec![Expression { ops }], vec![])
}

fn encode(_: biscuit_auth::error::Token) -> AttenuationError {
    AttenuationError::Encode
}

fn sealed(error: biscuit_auth::error::Token) -> AttenuationError {
    match error {
        biscuit_auth::error::Token::AppendOnSealed | biscuit_auth::error::Token::AlreadySealed => {
            AttenuationError::Sealed
        }
        _ => AttenuationError::Encode,
    }
}

/// Why a token cannot be narrowed down. No part of the token is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttenuationError {
    /// The text is no token.
    NoToken,
    /// The token is sealed.
    Sealed,
    /// The block hands the token on, and no agent signs it.
    Unsigned,
    /// The block cannot be encoded, or makes the token too long.
    Encode,
}

impl fmt::Display for AttenuationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoToken => "the text is no Biscuit token",
            Self::Sealed => "the token is sealed, so no block can be appended",
            Self::Unsigned => "only an agent can hand a token on, and no agent signs the block",
            Self::Encode => "the block cannot be encoded, or makes the token too long",
        })
    }
}

impl std::error::Error for AttenuationError {}
