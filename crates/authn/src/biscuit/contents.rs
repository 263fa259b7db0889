//! What the blocks of a token say, as data: never as text, which a crafted string could break out of.

use std::collections::BTreeSet;

use biscuit_auth::Authorizer;
use biscuit_auth::datalog::SymbolTable;
use biscuit_auth::format::schema::{Expression, Op, Predicate, Rule, SnapshotBlock, Term, map_key, op, term};

use crate::Denial;

/// The facts that only a message can tell: what is asked for.
const OPERATION: [&str; 3] = ["method", "operation", "tool"];

/// The blocks of a token, the authority's first.
#[derive(Debug)]
pub(super) struct Contents {
    symbols: SymbolTable,
    blocks: Vec<SnapshotBlock>,
}

/// A fact as it stands in a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fact<'a> {
    contents: &'a Contents,
    predicate: &'a Predicate,
}

/// The place of a check: its block, and its number within the block.
pub(super) type Place = (u32, u32);

impl Contents {
    /// Takes the blocks out of an authorizer, which has put the names of all blocks into one table.
    pub(super) fn of(authorizer: &Authorizer) -> Result<Self, Denial> {
        let unreadable = |_| Denial::invalid("biscuit: a block names what is in no table");
        let world = authorizer.snapshot().map_err(unreadable)?.world;
        let symbols = SymbolTable::from(world.symbols).map_err(unreadable)?;
        Ok(Self { symbols, blocks: world.blocks })
    }

    pub(super) fn blocks(&self) -> &[SnapshotBlock] {
        &self.blocks
    }

    /// The facts that a block states. What its rules derive is not among them.
    pub(super) fn facts(&self, block: usize) -> impl Iterator<Item = Fact<'_>> {
        let facts = self.blocks.get(block).map(|block| &*block.facts).unwrap_or_default();
        facts.iter().map(|fact| Fact { contents: self, predicate: &fact.predicate })
    }

    pub(super) fn text(&self, symbol: u64) -> &str {
        self.symbols.get_symbol(symbol).unwrap_or_default()
    }

    /// The first second after `now` at which any rule or check may turn out otherwise than it does at `now`.
    ///
    /// Datalog can compare dates with each other and do nothing else with them: there is no arithmetic on dates, and
    /// nothing turns one into something else. So the time matters only in so far as it is before, at or after one of the
    /// dates that the token itself names, whatever form its checks have. Facts that no rule and no check asks for, such
    /// as when the token was issued, do not matter.
    pub(super) fn next_change(&self, now: u64) -> Option<u64> {
        let mut next = u64::MAX;
        let mut visit = |content: &term::Content| {
            if let term::Content::Date(date) = content {
                let after = [*date, date.saturating_add(1)].into_iter().find(|second| *second > now);
                next = next.min(after.unwrap_or(u64::MAX));
            }
        };
        let asked: BTreeSet<u64> =
            self.rules().flat_map(|rule| &rule.body).map(|predicate| predicate.name).collect();
        for fact in self.blocks.iter().flat_map(|block| &block.facts) {
            if asked.contains(&fact.predicate.name) {
                in_terms(&fact.predicate.terms, &mut visit);
            }
        }
        self.rules().for_each(|rule| in_rule(rule, &mut visit));
        (next < u64::MAX).then_some(next)
    }

    /// The rules, and the queries of the checks, which have the same form.
    fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.blocks
            .iter()
            .flat_map(|block| block.rules.iter().chain(block.checks.iter().flat_map(|check| &check.queries)))
    }

    /// The checks that depend on what is asked for, be it through rules.
    pub(super) fn operation_checks(&self) -> BTreeSet<Place> {
        let rules = || self.blocks.iter().flat_map(|block| &block.rules);
        let mut names: BTreeSet<&str> = OPERATION.into();
        let depends = |rule: &Rule, names: &BTreeSet<&str>| {
            rule.body.iter().any(|predicate| names.contains(self.text(predicate.name)))
        };
        // Each round but the last adds a name, so there are no more rounds than rules.
        loop {
            let before = names.len();
            for rule in rules() {
                if depends(rule, &names) {
                    names.insert(self.text(rule.head.name));
                }
            }
            if names.len() == before {
                break;
            }
        }
        let blocks = (0..).zip(&self.blocks);
        blocks
            .flat_map(|(block, content)| {
                (0..).zip(&content.checks).map(move |(check, one)| ((block, check), one))
            })
            .filter(|(_, check)| check.queries.iter().any(|query| depends(query, &names)))
            .map(|(place, _)| place)
            .collect()
    }

    /// Shows every value in every block, those within collections too.
    pub(super) fn each_term(&self, visit: &mut impl FnMut(&term::Content)) {
        for fact in self.blocks.iter().flat_map(|block| &block.facts) {
            in_terms(&fact.predicate.terms, visit);
        }
        self.rules().for_each(|rule| in_rule(rule, visit));
    }
}

impl<'a> Fact<'a> {
    pub(super) fn name(&self) -> &'a str {
        self.contents.text(self.predicate.name)
    }

    /// Its values, if there are exactly so many.
    pub(super) fn values<const N: usize>(&self) -> Option<[Value<'a>; N]> {
        let terms: &'a [Term; N] = self.predicate.terms.as_slice().try_into().ok()?;
        let contents = self.contents;
        Some(terms.each_ref().map(|term| Value { contents, term }))
    }
}

/// A value of a fact.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    contents: &'a Contents,
    term: &'a Term,
}

impl<'a> Value<'a> {
    /// The text, unless it is empty or something else.
    pub(super) fn text(self) -> Option<&'a str> {
        self.any_text().filter(|text| !text.is_empty())
    }

    /// The text, even if it is empty.
    pub(super) fn any_text(self) -> Option<&'a str> {
        match self.term.content {
            Some(term::Content::String(symbol)) => Some(self.contents.text(symbol)),
            _ => None,
        }
    }

    /// The seconds since 1970.
    pub(super) fn date(self) -> Option<u64> {
        match self.term.content {
            Some(term::Content::Date(date)) => Some(date),
            _ => None,
        }
    }

    pub(super) fn integer(self) -> Option<i64> {
        match self.term.content {
            Some(term::Content::Integer(integer)) => Some(integer),
            _ => None,
        }
    }
}

fn in_rule(rule: &Rule, visit: &mut impl FnMut(&term::Content)) {
    for predicate in rule.body.iter().chain([&rule.head]) {
        in_terms(&predicate.terms, visit);
    }
    for Expression { ops } in &rule.expressions {
        in_ops(ops, visit);
    }
}

/// Nesting is bounded by the decoder of the format, which gives up at a depth of 100.
fn in_ops(ops: &[Op], visit: &mut impl FnMut(&term::Content)) {
    for op in ops {
        match &op.content {
            Some(op::Content::Value(term)) => in_terms(std::slice::from_ref(term), visit),
            Some(op::Content::Closure(closure)) => in_ops(&closure.ops, visit),
            Some(op::Content::Unary(_) | op::Content::Binary(_)) | None => {}
        }
    }
}

pub(super) fn in_terms(terms: &[Term], visit: &mut impl FnMut(&term::Content)) {
    for content in terms.iter().filter_map(|term| term.content.as_ref()) {
        visit(content);
        match content {
            term::Content::Set(set) => in_terms(&set.set, visit),
            term::Content::Array(array) => in_terms(&array.array, visit),
            term::Content::Map(map) => {
                for entry in &map.entries {
                    match entry.key.content {
                        Some(map_key::Content::String(symbol)) => visit(&term::Content::String(symbol)),
                        Some(map_key::Content::Integer(integer)) => visit(&term::Content::Integer(integer)),
                        None => {}
                    }
                    in_terms(std::slice::from_ref(&entry.value), visit);
                }
            }
            _ => {}
        }
    }
}
