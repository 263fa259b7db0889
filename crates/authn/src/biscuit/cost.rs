//! How much work a token can make, found out before any of it is done.
//!
//! The engine's own limits are looked at between rounds, and one round can take for ever: a check over ten predicates
//! with a hundred facts each has 100^10 matches to try. Everybody who holds a token can append such a check. So the work
//! is bounded from above first, by multiplication, and a token that could exceed the limit is refused unseen.

use std::collections::HashMap;

use biscuit_auth::format::schema::{Op, Predicate, Rule, op, op_binary, op_unary, term};

use super::contents::{Contents, in_terms};

#[cfg(test)]
mod tests;

/// Rounds of the engine, and so the longest chain of rules.
pub(super) const MAX_ROUNDS: u64 = 16;

/// Facts, those that rules derive included.
pub(super) const MAX_FACTS: u64 = 512;

/// Steps, of some ten nanoseconds each: a token of the usual kind takes a few hundred.
pub(super) const MAX_STEPS: u64 = 50_000;

/// The longest regular expression.
const MAX_PATTERN: usize = 128;

/// What does not depend on the rule.
struct Sizes<'a> {
    contents: &'a Contents,
    /// How many facts of a name there can be.
    facts: HashMap<u64, u64>,
    /// All facts there can be.
    all: u64,
    /// All values, which no collection has more of.
    values: u64,
    /// All bytes of all texts, which no text has more of.
    bytes: u64,
}

/// An upper bound of the steps it takes to evaluate all rules and checks.
pub(super) fn steps(contents: &Contents) -> u64 {
    let sizes = Sizes::of(contents);
    let rules = contents.blocks().iter().flat_map(|block| &block.rules);
    let queries = contents.blocks().iter().flat_map(|block| &block.checks).flat_map(|check| &check.queries);
    let rules = rules.fold(0_u64, |sum, rule| sum.saturating_add(sizes.rule(rule)));
    queries.fold(rules.saturating_mul(MAX_ROUNDS), |sum, query| sum.saturating_add(sizes.rule(query)))
}

/// How many facts the blocks state.
pub(super) fn stated(contents: &Contents) -> u64 {
    contents.blocks().iter().map(|block| block.facts.len() as u64).sum()
}

impl<'a> Sizes<'a> {
    fn of(contents: &'a Contents) -> Self {
        let (mut values, mut bytes) = (0_u64, 0_u64);
        contents.each_term(&mut |content| {
            values += 1;
            bytes += match content {
                term::Content::String(symbol) => contents.text(*symbol).len() as u64,
                term::Content::Bytes(bytes) => bytes.len() as u64,
                _ => 0,
            };
        });
        let mut sizes = Self { contents, facts: HashMap::new(), all: 0, values, bytes };
        let mut stated: HashMap<u64, u64> = HashMap::new();
        for fact in contents.blocks().iter().flat_map(|block| &block.facts) {
            *stated.entry(fact.predicate.name).or_default() += 1;
        }
        sizes.facts.clone_from(&stated);
        // What a round derives follows from what the round before it had; the engine stops at the limit of facts.
        for _ in 0..MAX_ROUNDS {
            let mut next = stated.clone();
            for rule in contents.blocks().iter().flat_map(|block| &block.rules) {
                let derived = sizes.matches(&rule.body);
                let count = next.entry(rule.head.name).or_default();
                *count = count.saturating_add(derived).min(MAX_FACTS);
            }
            if next == sizes.facts {
                break;
            }
            sizes.facts = next;
        }
        // Besides, there are the time, and what is asked for.
        sizes.all = sizes.facts.values().fold(4, |sum: u64, count| sum.saturating_add(*count));
        sizes
    }

    /// Facts that a predicate can match. One more may be provided under any name.
    fn candidates(&self, predicate: &Predicate) -> u64 {
        self.facts.get(&predicate.name).copied().unwrap_or_default() + 1
    }

    fn matches(&self, body: &[Predicate]) -> u64 {
        body.iter().fold(1_u64, |product, predicate| product.saturating_mul(self.candidates(predicate)))
    }

    /// For each partial match the engine goes through all facts, and for each whole match through the expressions.
    fn rule(&self, rule: &Rule) -> u64 {
        let (mut matches, mut steps) = (1_u64, 1_u64);
        for predicate in &rule.body {
            steps = steps.saturating_add(matches.saturating_mul(self.all));
            matches = matches.saturating_mul(self.candidates(predicate));
        }
        let ops = rule.expressions.iter().fold(0, |sum: u64, one| sum.saturating_add(self.ops(&one.ops)));
        steps.saturating_add(matches.saturating_mul(ops))
    }

    fn ops(&self, ops: &[Op]) -> u64 {
        let adds = ops.iter().filter(|op| binary(op) == Some(op_binary::Kind::Add)).count() as u64;
        // Each sum of texts can be longer than the last, and all are kept.
        let joined = (adds * adds).saturating_mul((self.bytes + self.values) / 16);
        let mut before = None;
        let mut steps = joined;
        for op in ops {
            let one = match &op.content {
                Some(op::Content::Value(value)) => {
                    let mut size = 0;
                    in_terms(std::slice::from_ref(value), &mut |_| size += 1);
                    match value.content {
                        Some(term::Content::Variable(_)) => 1 + self.values / 8,
                        _ => size,
                    }
                }
                Some(op::Content::Unary(unary)) if unary.kind != op_unary::Kind::Ffi as i32 => 1,
                Some(op::Content::Closure(closure)) if closure.params.is_empty() => self.ops(&closure.ops),
                Some(op::Content::Closure(closure)) => {
                    self.ops(&closure.ops).saturating_mul(self.values.saturating_add(1))
                }
                Some(op::Content::Binary(_)) => self.binary(op, before),
                Some(op::Content::Unary(_)) | None => u64::MAX,
            };
            steps = steps.saturating_add(one);
            before = Some(op);
        }
        steps
    }

    fn binary(&self, op: &Op, before: Option<&Op>) -> u64 {
        use op_binary::Kind;
        match binary(op) {
            // Functions of the embedding program, of which there are none, and kinds this code does not know.
            None | Some(Kind::Ffi) => u64::MAX,
            Some(Kind::Regex) => self.pattern(before).unwrap_or(u64::MAX),
            Some(Kind::Union | Kind::Intersection | Kind::Equal | Kind::NotEqual | Kind::Contains) => {
                1 + self.values / 8
            }
            Some(_) => 1,
        }
    }

    /// A regular expression is compiled at each use. It must stand there as it is, be short, and count nothing: what
    /// `((a{99}){99}){99}` comes to is known only when it is too late.
    fn pattern(&self, before: Option<&Op>) -> Option<u64> {
        let Some(op::Content::Value(value)) = before?.content.as_ref() else { return None };
        let Some(term::Content::String(symbol)) = value.content else { return None };
        let pattern = self.contents.text(symbol);
        let fits = pattern.len() <= MAX_PATTERN && !pattern.contains('{');
        fits.then_some(200 * (pattern.len() as u64 + 1))
    }
}

fn binary(op: &Op) -> Option<op_binary::Kind> {
    match op.content.as_ref()? {
        op::Content::Binary(binary) => op_binary::Kind::from_i32(binary.kind),
        _ => None,
    }
}
