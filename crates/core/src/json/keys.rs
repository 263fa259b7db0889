//! Finds duplicate member names, in any object that is still open.

use std::cmp::Ordering;

use super::text::Text;

/// Objects up to this size compare each new name with all before it; larger ones sort once, when they end.
const LINEAR: usize = 16;

/// The names of the members of all open objects, innermost last.
///
/// One buffer for the whole document: an object takes its names off when it ends. There is no hash table, so there is
/// nothing to flood; the worst case is a sort.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    entries: Vec<Entry>,
    /// Where the names of the innermost object start.
    base: usize,
    /// The names that were written with escapes, decoded.
    decoded: String,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The length and the first bytes of the name: different tags mean different names. In the entry that opens an
    /// object: the base of the object around it.
    tag: u64,
    /// Where the name stands in the text. In the entry that opens an object: the length of `decoded`.
    start: u32,
    /// The length of the name, decoded.
    length: u32,
    /// Where the name stands in `decoded`, if it was written with escapes.
    decoded: Option<u32>,
}

/// How many bytes of a name its tag holds.
const TAGGED: usize = 7;

#[inline(always)]
fn tag(name: &[u8], length: usize) -> u64 {
    let word = match name.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => name.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    let kept = (1 << (8 * length.min(TAGGED))) - 1;
    (word & kept) | (length.min(0xFF) as u64) << 56
}

impl Keys {
    /// An object begins.
    #[inline(always)]
    pub(super) fn open(&mut self) {
        if self.entries.capacity() == 0 {
            self.entries.reserve(2 * LINEAR);
        }
        let outer =
            Entry { tag: self.base as u64, start: self.decoded.len() as u32, length: 0, decoded: None };
        self.entries.push(outer);
        self.base = self.entries.len();
    }

    /// Adds a name to the innermost object: the `length` bytes from `start` on.
    ///
    /// # Errors
    ///
    /// If the object is small and has the name already.
    #[inline(always)]
    pub(super) fn add(&mut self, text: &str, start: usize, length: usize) -> Result<(), Duplicate> {
        let tag = tag(text.as_bytes().get(start..).unwrap_or_default(), length);
        self.push(text, Entry { tag, start: start as u32, length: length as u32, decoded: None })
    }

    /// Adds a name that is written with escapes.
    #[cold]
    pub(super) fn add_escaped(&mut self, text: &str, name: Text<'_>) -> Result<(), Duplicate> {
        let at = self.decoded.len();
        name.append_to(&mut self.decoded);
        let decoded = self.decoded.as_bytes().get(at..).unwrap_or_default();
        let (tag, length) = (tag(decoded, decoded.len()), decoded.len() as u32);
        self.push(text, Entry { tag, start: name.range().start as u32, length, decoded: Some(at as u32) })
    }

    #[inline(always)]
    fn push(&mut self, text: &str, new: Entry) -> Result<(), Duplicate> {
        let siblings = self.entries.get(self.base..).unwrap_or_default();
        if siblings.len() < LINEAR {
            for sibling in siblings {
                if sibling.tag == new.tag && self.name(text, sibling) == self.name(text, &new) {
                    return Err(Duplicate { at: new.start as usize });
                }
            }
        }
        self.entries.push(new);
        Ok(())
    }

    /// The innermost object ends.
    ///
    /// # Errors
    ///
    /// If the object is large and has a name twice.
    #[inline(always)]
    pub(super) fn close(&mut self, text: &str) -> Result<(), Duplicate> {
        if self.entries.len() - self.base > LINEAR {
            self.sort(text)?;
        }
        self.entries.truncate(self.base);
        if let Some(outer) = self.entries.pop() {
            self.base = outer.tag as usize;
            if self.decoded.len() > outer.start as usize {
                self.decoded.truncate(outer.start as usize);
            }
        }
        Ok(())
    }

    #[inline(never)]
    fn sort(&mut self, text: &str) -> Result<(), Duplicate> {
        // Taken out for the time being, so that the comparison can look names up.
        let mut entries = std::mem::take(&mut self.entries);
        let names = entries.get_mut(self.base..).unwrap_or_default();
        names.sort_unstable_by(|a, b| match a.tag.cmp(&b.tag) {
            Ordering::Equal => self.name(text, a).cmp(self.name(text, b)),
            different => different,
        });
        let duplicate = names.windows(2).find_map(|pair| match pair {
            [a, b] if a.tag == b.tag && self.name(text, a) == self.name(text, b) => {
                Some(Duplicate { at: a.start.max(b.start) as usize })
            }
            _ => None,
        });
        self.entries = entries;
        duplicate.map_or(Ok(()), Err)
    }

    #[inline(always)]
    fn name<'t>(&'t self, text: &'t str, entry: &Entry) -> &'t [u8] {
        let (source, start) = match entry.decoded {
            Some(at) => (self.decoded.as_bytes(), at as usize),
            None => (text.as_bytes(), entry.start as usize),
        };
        source.get(start..start + entry.length as usize).unwrap_or_default()
    }
}

/// A name that its object has already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Duplicate {
    /// Where the second one stands in the text.
    pub(super) at: usize,
}
