//! Merged lists and composed pages, kept by what they were made of.
//!
//! The key is the version of every part, and never a caller: two callers share a page exactly if they were given the
//! same parts.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portcullis_mcp_jsonrpc::{Fragment, MessageError};

use super::{Envelope, Merged};
use crate::catalogue::Catalogue;
use crate::kind::Kind;

/// How many merged lists of one kind are kept.
const MAX_LISTS: usize = 64;

/// How many bytes of composed pages of one kind are kept.
const MAX_BYTES: usize = 64 << 20;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Merges {
    kinds: [Mutex<VecDeque<Made>>; 4],
}

#[derive(Debug)]
struct Made {
    versions: Vec<u64>,
    merged: Arc<Merged>,
    pages: Vec<(usize, Envelope, Fragment)>,
}

/// The version of each part, zero for one that is missing.
fn versions(parts: &[Option<Arc<Catalogue>>]) -> Vec<u64> {
    parts.iter().map(|part| part.as_ref().map_or(0, |part| part.version())).collect()
}

impl Merges {
    #[expect(clippy::indexing_slicing, reason = "there is one place for each of the four kinds")]
    fn made(&self, kind: Kind) -> MutexGuard<'_, VecDeque<Made>> {
        self.kinds[kind.index()].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The list that was made of these parts, made now if there is none. The second is true if it was.
    pub(crate) fn get(
        &self,
        kind: Kind,
        parts: Vec<Option<Arc<Catalogue>>>,
        make: impl FnOnce(Vec<Option<Arc<Catalogue>>>) -> Merged,
    ) -> (Arc<Merged>, bool) {
        let versions = versions(&parts);
        let found = |made: &VecDeque<Made>| {
            made.iter().rev().find(|made| made.versions == versions).map(|made| Arc::clone(&made.merged))
        };
        if let Some(merged) = found(&self.made(kind)) {
            return (merged, false);
        }
        // Made outside of the lock: two callers may do it at once, and nobody waits for either.
        let merged = Arc::new(make(parts));
        let mut made = self.made(kind);
        if let Some(merged) = found(&made) {
            return (merged, false);
        }
        made.push_back(Made { versions, merged: Arc::clone(&merged), pages: Vec::new() });
        if made.len() > MAX_LISTS {
            made.pop_front();
        }
        (merged, true)
    }

    /// A page of a list, composed now if it was not before.
    pub(crate) fn page(
        &self,
        kind: Kind,
        merged: &Arc<Merged>,
        start: usize,
        envelope: Envelope,
        compose: impl FnOnce(&Envelope) -> Result<Fragment, MessageError>,
    ) -> Result<Fragment, MessageError> {
        let of_list = |made: &&mut Made| Arc::ptr_eq(&made.merged, merged);
        if let Some(made) = self.made(kind).iter_mut().find(of_list)
            && let Some((.., page)) =
                made.pages.iter().find(|(at, like, _)| *at == start && *like == envelope)
        {
            return Ok(page.clone());
        }
        let page = compose(&envelope)?;
        let mut all = self.made(kind);
        if let Some(made) = all.iter_mut().find(of_list) {
            made.pages.retain(|(at, ..)| *at != start);
            made.pages.push((start, envelope, page.clone()));
        }
        let size = |made: &Made| made.pages.iter().map(|(.., page)| page.text().len()).sum::<usize>();
        let mut bytes: usize = all.iter().map(size).sum();
        while bytes > MAX_BYTES
            && let Some(oldest) = all.pop_front()
        {
            bytes -= size(&oldest);
        }
        Ok(page)
    }
}
