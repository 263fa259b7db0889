//! Which server has a name or URI, going by what the servers list. No waiting in here.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::catalogue::{Catalogue, Detail};
use crate::kind::Kind;
use crate::merge::Rules;
use crate::template::Match;
use crate::{Collision, Namespace};

/// Where a bare name or a URI leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// To the server of this index.
    Server(usize),
    /// To these, and so nowhere.
    Ambiguous(Vec<usize>),
    /// Nowhere: nobody lists it.
    Nobody,
}

/// Who has a bare name or a URI.
pub(crate) fn of(kind: Kind, rules: Rules, parts: &[Option<Arc<Catalogue>>], key: &str) -> Owner {
    let has = |part: &Option<Arc<Catalogue>>| part.as_ref().is_some_and(|part| part.get(key).is_some());
    let mut owners = parts.iter().enumerate().filter(|(_, part)| has(part)).map(|(server, _)| server);
    let Some(first) = owners.next() else { return Owner::Nobody };
    let first_takes_it =
        !kind.is_named() || rules.namespace == Namespace::Never && rules.collision == Collision::First;
    if first_takes_it {
        return Owner::Server(first);
    }
    let all: Vec<_> = std::iter::once(first).chain(owners).collect();
    if all.len() == 1 { Owner::Server(first) } else { Owner::Ambiguous(all) }
}

/// Who has a tool whose user interface is at a URI.
pub(crate) fn by_interface(tools: &[Option<Arc<Catalogue>>], uri: &str) -> Option<usize> {
    tools.iter().position(|part| part.as_ref().is_some_and(|part| part.has_interface(uri)))
}

/// Who has a template that can have made a URI: the first whose template matches exactly, else loosely.
pub(crate) fn by_template(parts: &[Option<Arc<Catalogue>>], uri: &str) -> Option<usize> {
    let matches = |how| {
        parts.iter().position(|part| {
            part.iter().flat_map(|part| part.items()).any(|item| match &item.detail {
                Detail::Template(template) => template.matches(uri, how),
                _ => false,
            })
        })
    };
    matches(Match::Exact).or_else(|| matches(Match::Loose))
}
