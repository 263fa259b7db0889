//! What one server lists of one kind: the items as raw bytes, and what routing has to know of them.

mod fetch;
pub(crate) mod page;

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use portcullis_mcp_jsonrpc::header::HeaderParams;

pub(crate) use self::fetch::fetch;
#[cfg(test)]
use crate::kind::Kind;
use crate::shelf::Keep;
use crate::template::Template;

/// One list of one server.
#[derive(Debug)]
pub(crate) struct Catalogue {
    version: u64,
    offered: bool,
    truncated: bool,
    items: Vec<Item>,
    places: HashMap<Arc<str>, usize>,
    /// The user interfaces that tools name, and that hosts read whether or not they are listed (MCP Apps).
    interfaces: HashSet<Arc<str>>,
    weight: usize,
}

/// One thing that a server lists.
#[derive(Debug)]
pub(crate) struct Item {
    /// The object, as the server wrote it.
    pub(crate) raw: Bytes,
    /// The name or URI, decoded.
    pub(crate) key: Arc<str>,
    /// Where the name or URI stands in `raw`, between its quotes.
    pub(crate) key_at: Range<usize>,
    pub(crate) detail: Detail,
    /// The URI of the user interface that a tool names.
    pub(crate) interface: Option<Arc<str>>,
}

/// What routing has to know of an item besides its key.
#[derive(Debug)]
pub(crate) enum Detail {
    None,
    /// The arguments that a tool wants mirrored into headers.
    Params(Box<HeaderParams>),
    /// The URIs that a resource template makes.
    Template(Box<Template>),
}

impl Catalogue {
    fn new(items: Vec<Item>, offered: bool, truncated: bool) -> Self {
        // Tells apart what was made of two catalogues; a restart starts anew, and so does every cache of it.
        static VERSIONS: AtomicU64 = AtomicU64::new(1);
        let mut places = HashMap::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            places.entry(Arc::clone(&item.key)).or_insert(place);
        }
        let interfaces: HashSet<_> = items.iter().filter_map(|item| item.interface.clone()).collect();
        let weight = items.iter().map(|item| item.raw.len() + item.key.len() + size_of::<Item>()).sum();
        let version = VERSIONS.fetch_add(1, Ordering::Relaxed);
        Self { version, offered, truncated, items, places, interfaces, weight }
    }

    /// What a server lists that does not know the method: nothing, and not even that.
    fn not_offered() -> Self {
        Self::new(Vec::new(), false, false)
    }

    /// A list of things that are nothing but a name or URI.
    #[cfg(test)]
    pub(crate) fn of_keys(kind: Kind, keys: &[&str]) -> Self {
        let item = |key: &&str| {
            let template = Template::parse(key).filter(|_| kind == Kind::Templates);
            Item {
                raw: format!(r#"{{"{}":"{key}"}}"#, kind.key()).into(),
                key: Arc::from(*key),
                key_at: kind.key().len() + 5..kind.key().len() + 5 + key.len(),
                interface: None,
                detail: template.map_or(Detail::None, |one| Detail::Template(Box::new(one))),
            }
        };
        Self::new(keys.iter().map(item).collect(), true, false)
    }

    /// A number that no other catalogue has unless it says the same.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Whether the server knows lists of this kind at all.
    pub(crate) fn is_offered(&self) -> bool {
        self.offered
    }

    /// Whether the server had more than the portal was willing to read.
    pub(crate) fn is_truncated(&self) -> bool {
        self.truncated
    }

    pub(crate) fn items(&self) -> &[Item] {
        &self.items
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Item> {
        self.items.get(*self.places.get(key)?)
    }

    /// Whether a tool names this URI as its user interface.
    pub(crate) fn has_interface(&self, uri: &str) -> bool {
        self.interfaces.contains(uri)
    }

    /// What the tool `name` wants mirrored into headers; none for a tool that is not listed or wants nothing.
    pub(crate) fn params(&self, name: &str) -> Option<&HeaderParams> {
        match &self.get(name)?.detail {
            Detail::Params(params) => Some(params),
            _ => None,
        }
    }

    /// Whether any tool wants arguments mirrored.
    pub(crate) fn has_params(&self) -> bool {
        self.items.iter().any(|item| matches!(item.detail, Detail::Params(_)))
    }
}

impl Keep for Catalogue {
    fn weight(&self) -> usize {
        self.weight
    }

    fn says_the_same(&self, other: &Self) -> bool {
        let flags = |one: &Self| (one.offered, one.truncated, one.items.len(), one.weight);
        flags(self) == flags(other)
            && self.items.iter().zip(&other.items).all(|(one, other)| one.raw == other.raw)
    }
}
