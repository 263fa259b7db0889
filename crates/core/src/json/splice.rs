//! Changes to a document that leave every other byte as it was.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use super::escape;

/// Collects changes to a document, then writes it once.
///
/// A change replaces a range of bytes; what is not changed is copied byte for byte, so that unknown members, number
/// spellings and whitespace survive. Ranges come from a [`Reader`](super::Reader), a [`Walker`](super::Walker) or
/// [`find`](super::find), and count in the *original* document, whatever else changes.
///
/// It does not parse: a replacement must be JSON that fits its place.
///
/// ```
/// use portcullis_core::json::{self, Splice};
///
/// let doc = br#"{"params": {"name": "github__search", "n": 1.0}}"#;
/// let name = json::find(doc, &["params", "name"])?.unwrap();
/// let params = json::find(doc, &["params"])?.unwrap();
///
/// let mut splice = Splice::new(doc);
/// splice.replace(name, r#""search""#).insert_member(params, "user", r#""al""#);
/// assert_eq!(splice.finish()?, r#"{"params": {"name": "search", "n": 1.0,"user":"al"}}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cost
///
/// The output is one allocation of the exact size.
#[derive(Clone, Debug)]
pub struct Splice<'a> {
    doc: &'a [u8],
    edits: Vec<Edit<'a>>,
    /// The first range that was to be an object and is none.
    not_object: Option<Range<usize>>,
}

#[derive(Clone, Debug)]
struct Edit<'a> {
    range: Range<usize>,
    with: Cow<'a, str>,
    comma: Comma,
}

/// When a comma goes before what is put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comma {
    Never,
    Always,
    /// For a member of an object that is empty: unless it is the first new one.
    UnlessFirst,
}

impl<'a> Splice<'a> {
    /// No changes yet.
    #[must_use]
    pub const fn new(doc: &'a [u8]) -> Self {
        Self { doc, edits: Vec::new(), not_object: None }
    }

    /// Whether nothing was changed, so that the original bytes can be used again.
    pub const fn is_empty(&self) -> bool {
        self.edits.is_empty() && self.not_object.is_none()
    }

    /// Puts `raw` (JSON, or a part of it) in the place of a range.
    pub fn replace(&mut self, range: Range<usize>, raw: impl Into<Cow<'a, str>>) -> &mut Self {
        self.edits.push(Edit { range, with: raw.into(), comma: Comma::Never });
        self
    }

    /// Puts `text`, escaped, in the place of a range *between the quotes* of a string literal, such as
    /// [`Text::range`](super::Text::range) or [`Text::source_range`](super::Text::source_range).
    pub fn replace_text(&mut self, range: Range<usize>, text: impl Into<Cow<'a, str>>) -> &mut Self {
        let text = text.into();
        let escaped = match escape::is_plain(&text) {
            true => text,
            false => Cow::Owned(escape::escape(&text)),
        };
        self.replace(range, escaped)
    }

    /// Puts `raw` at an offset. Several insertions at the same offset keep their order; at the start of a replaced
    /// range, they come before the replacement.
    pub fn insert(&mut self, at: usize, raw: impl Into<Cow<'a, str>>) -> &mut Self {
        self.replace(at..at, raw)
    }

    /// Takes a range out.
    pub fn remove(&mut self, range: Range<usize>) -> &mut Self {
        self.replace(range, "")
    }

    /// Adds a member at the end of the object at `object` (its braces included).
    ///
    /// The object must not have a member of that name, or a reader that refuses duplicates will refuse the result.
    /// Whether a comma is needed is decided by the original document: do not also remove all of its members.
    pub fn insert_member(&mut self, object: Range<usize>, key: &str, raw: &str) -> &mut Self {
        let Some([b'{', inside @ .., b'}']) = self.doc.get(object.clone()) else {
            self.not_object.get_or_insert(object);
            return self;
        };
        let comma = match inside.trim_ascii() {
            [] => Comma::UnlessFirst,
            _ => Comma::Always,
        };
        let end = object.end - 1;
        let with = format!("{}:{raw}", escape::quote(key));
        self.edits.push(Edit { range: end..end, with: Cow::Owned(with), comma });
        self
    }

    /// The changed document.
    ///
    /// # Errors
    ///
    /// If a range is outside of the document, cuts a character of UTF-8, overlaps another one, or was to be an object
    /// and is none.
    pub fn finish(&self) -> Result<Bytes, SpliceError> {
        if let Some(range) = &self.not_object {
            return Err(SpliceError::new(Mistake::NotObject, range));
        }
        let mut edits: Vec<_> = self.edits.iter().collect();
        // Stable: insertions at the same offset keep their order.
        edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        let mut pieces = Vec::with_capacity(3 * edits.len() + 1);
        let mut copied = 0;
        let mut last_member = None;
        for edit in edits {
            check(self.doc, &edit.range, copied)?;
            pieces.push(self.doc.get(copied..edit.range.start).unwrap_or_default());
            if edit.comma == Comma::Always
                || edit.comma == Comma::UnlessFirst && last_member == Some(edit.range.start)
            {
                pieces.push(b",");
            }
            if edit.comma != Comma::Never {
                last_member = Some(edit.range.start);
            }
            pieces.push(edit.with.as_bytes());
            copied = edit.range.end;
        }
        pieces.push(self.doc.get(copied..).unwrap_or_default());
        Ok(Bytes::from(pieces.concat()))
    }
}

fn check(doc: &[u8], range: &Range<usize>, copied: usize) -> Result<(), SpliceError> {
    let cuts = |at| doc.get(at).is_some_and(|byte: &u8| byte & 0xC0 == 0x80);
    let mistake = if range.start > range.end || range.end > doc.len() {
        Mistake::OutOfBounds
    } else if range.start < copied {
        Mistake::Overlap
    } else if cuts(range.start) || cuts(range.end) {
        Mistake::CutsCharacter
    } else {
        return Ok(());
    };
    Err(SpliceError::new(mistake, range))
}

/// A change that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpliceError {
    mistake: Mistake,
    range: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    OutOfBounds,
    Overlap,
    CutsCharacter,
    NotObject,
}

impl SpliceError {
    fn new(mistake: Mistake, range: &Range<usize>) -> Self {
        Self { mistake, range: range.clone() }
    }

    /// The range that cannot be changed.
    pub const fn range(&self) -> &Range<usize> {
        &self.range
    }

    /// Whether the range overlaps that of another change.
    pub const fn is_overlap(&self) -> bool {
        matches!(self.mistake, Mistake::Overlap)
    }

    /// Whether the range reaches out of the document.
    pub const fn is_out_of_bounds(&self) -> bool {
        matches!(self.mistake, Mistake::OutOfBounds)
    }
}

impl fmt::Display for SpliceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.mistake {
            Mistake::OutOfBounds => "lies outside of the document",
            Mistake::Overlap => "overlaps another change",
            Mistake::CutsCharacter => "cuts a character",
            Mistake::NotObject => "is not an object",
        };
        write!(f, "the range {}..{} {what}", self.range.start, self.range.end)
    }
}

impl std::error::Error for SpliceError {}

#[cfg(test)]
mod tests;
