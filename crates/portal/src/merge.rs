//! The lists of all servers as one: which item has which name, and who owns a name. A pure function of what was
//! listed, remembered until something else is listed.

mod cache;
mod compose;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

pub(crate) use self::cache::Merges;
pub(crate) use self::compose::{Envelope, Frame, coarse, compose, hints, list, server_info};
use crate::catalogue::{Catalogue, Item};
use crate::cursor::{Position, digest};
use crate::kind::Kind;
use crate::{Collision, Namespace, names};

/// How a portal names things.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) namespace: Namespace,
    pub(crate) collision: Collision,
}

/// One list, merged over all servers.
#[derive(Debug)]
pub(crate) struct Merged {
    /// What each server lists; none for one that could not be asked.
    parts: Vec<Option<Arc<Catalogue>>>,
    /// What clients see, by server in configured order, then in the server's own order.
    shown: Vec<Shown>,
    collisions: Vec<Shared>,
}

/// An item that clients see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    server: usize,
    item: usize,
    prefixed: bool,
}

/// Who has a name or URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    One(usize),
    /// An index into the collisions.
    Many(usize),
}

/// A name or URI that more than one server has.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) key: Arc<str>,
    pub(crate) servers: Vec<usize>,
}

impl Merged {
    /// Merges what the servers list. `ids` are their ids, in the order of `parts`.
    pub(crate) fn new(kind: Kind, rules: Rules, ids: &[&str], parts: Vec<Option<Arc<Catalogue>>>) -> Self {
        let always = kind.is_named() && rules.namespace == Namespace::Always;
        let (owners, collisions) = if always { Default::default() } else { find_owners(&parts) };
        let mut merged = Self { parts, shown: Vec::new(), collisions };
        let mut shown = Vec::new();
        for (server, item, key) in merged.all() {
            let owner = owners.get(key).copied().unwrap_or(Owner::One(server));
            let prefixed = kind.is_named()
                && match rules.namespace {
                    Namespace::Always => true,
                    Namespace::WhenNeeded => {
                        matches!(owner, Owner::Many(_)) || names::looks_prefixed(key, ids)
                    }
                    Namespace::Never => false,
                };
            if prefixed || merged.keeps(kind, rules, owner) == Some(server) {
                shown.push(Shown { server, item, prefixed });
            }
        }
        merged.shown = shown;
        merged
    }

    /// Every item of every server: the server, its place in the server's list, its name or URI.
    fn all(&self) -> impl Iterator<Item = (usize, usize, &str)> {
        self.parts.iter().enumerate().flat_map(|(server, part)| {
            let items = part.iter().flat_map(|part| part.items());
            items.enumerate().map(move |(place, item)| (server, place, &*item.key))
        })
    }

    /// Who may use a key that has these owners, where it is not prefixed.
    fn keeps(&self, kind: Kind, rules: Rules, owner: Owner) -> Option<usize> {
        match owner {
            Owner::One(server) => Some(server),
            // A URI is the same thing wherever it is listed, so one of them is always right.
            Owner::Many(at) if !kind.is_named() || rules.collision == Collision::First => {
                self.collisions.get(at)?.servers.first().copied()
            }
            Owner::Many(_) => None,
        }
    }

    /// How many items clients see.
    pub(crate) fn len(&self) -> usize {
        self.shown.len()
    }

    /// What more than one server has.
    pub(crate) fn collisions(&self) -> &[Shared] {
        &self.collisions
    }

    /// The item that clients see at `index`, its server, and whether its name is prefixed.
    fn item(&self, index: usize) -> Option<(usize, &Item, bool)> {
        let shown = self.shown.get(index)?;
        let item = self.parts.get(shown.server)?.as_ref()?.items().get(shown.item)?;
        Some((shown.server, item, shown.prefixed))
    }

    /// The place of an item, for a cursor.
    fn position(&self, index: usize, ids: &[&str]) -> Option<Position> {
        let (server, item, _) = self.item(index)?;
        let offset = index - self.first_of(server);
        Some(Position {
            server: digest(ids.get(server)?),
            key: digest(&item.key),
            offset: u32::try_from(offset).ok()?,
        })
    }

    /// The index of the item that comes after a place. `None` if the place is at no server of this portal.
    pub(crate) fn after(&self, position: Position, ids: &[&str]) -> Option<usize> {
        let server = ids.iter().position(|id| digest(id) == position.server)?;
        let (first, end) = (self.first_of(server), self.first_of(server + 1));
        let is_last =
            |index: &usize| self.item(*index).is_some_and(|(_, item, _)| digest(&item.key) == position.key);
        let guess = first + position.offset as usize;
        let found = Some(guess).filter(|guess| (first..end).contains(guess) && is_last(guess));
        let found = found.or_else(|| (first..end).find(is_last));
        // Without the last item, what followed it has moved up to its place.
        Some(found.map_or(guess.min(end), |index| index + 1))
    }

    /// The index of the first item of a server, or of those after it if it has none.
    fn first_of(&self, server: usize) -> usize {
        self.shown.partition_point(|shown| shown.server < server)
    }
}

/// Who has each name or URI, and which of them more than one server has.
fn find_owners(parts: &[Option<Arc<Catalogue>>]) -> (HashMap<Arc<str>, Owner>, Vec<Shared>) {
    let (mut owners, mut collisions) = (HashMap::new(), Vec::<Shared>::new());
    for (server, part) in parts.iter().enumerate() {
        for item in part.iter().flat_map(|part| part.items()) {
            let mut owner = match owners.entry(Arc::clone(&item.key)) {
                Entry::Vacant(place) => {
                    place.insert(Owner::One(server));
                    continue;
                }
                Entry::Occupied(owner) => owner,
            };
            match *owner.get() {
                Owner::One(first) => {
                    owner.insert(Owner::Many(collisions.len()));
                    collisions.push(Shared { key: Arc::clone(&item.key), servers: vec![first, server] });
                }
                Owner::Many(at) => {
                    collisions.get_mut(at).into_iter().for_each(|one| one.servers.push(server))
                }
            }
        }
    }
    (owners, collisions)
}
