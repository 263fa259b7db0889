//! Every string of a document, with the path that leads to it.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::error::Error;
use super::reader::{Reader, Step};
use super::text::Text;

/// Goes through the strings of a document, or of a part of it.
///
/// This is how content is scanned: nothing is parsed into a tree, a string without escapes is read in place, and
/// each one comes with its path and its place in the document. The document is checked on the way, as by [`Reader`]:
/// **judge what was found only once the walk has ended well**.
///
/// ```
/// use portcullis_core::json::{self, Walker};
///
/// let doc = br#"{"id": "1", "result": {"content": [{"type": "text", "text": "see \u0040bob"}]}}"#;
/// let result = json::find(doc, &["result"])?.unwrap();
///
/// let mut seen = Vec::new();
/// let mut walker = Walker::within(doc, result)?;
/// while let Some(found) = walker.next()? {
///     seen.push(format!("{} = {}", found.path(), found.decode()));
/// }
/// assert_eq!(seen, ["/content/0/type = text", "/content/0/text = see @bob"]);
/// # Ok::<(), json::Error>(())
/// ```
///
/// # Cost
///
/// What [`Reader`] costs, and one small buffer for the path. A string with escapes is decoded only when asked, by
/// [`Found::decode`], or into a buffer of yours by [`Text::decode_in`].
#[derive(Clone, Debug)]
pub struct Walker<'a> {
    reader: Reader<'a>,
    path: Vec<Segment<'a>>,
    keys: bool,
}

/// One step of a path.
#[derive(Clone, Copy, Debug)]
pub enum Segment<'a> {
    /// Into the member of this name.
    Key(Text<'a>),
    /// Into the element at this index.
    Index(usize),
}

impl Segment<'_> {
    /// Whether this is the member `name`.
    pub fn is_key(&self, name: &str) -> bool {
        matches!(self, Self::Key(key) if *key == *name)
    }
}

/// The way from the walked value to a string. Displays as a JSON Pointer (RFC 6901).
#[derive(Clone, Copy, Debug)]
pub struct Path<'w, 'a> {
    segments: &'w [Segment<'a>],
}

impl<'w, 'a> Path<'w, 'a> {
    /// The steps, outermost first.
    pub const fn segments(&self) -> &'w [Segment<'a>] {
        self.segments
    }

    /// Whether the path goes through exactly these names; `"*"` stands for any one step, array indices included.
    ///
    /// ```
    /// # use portcullis_core::json::Walker;
    /// let mut walker = Walker::new(br#"{"content": [{"text": "hi"}]}"#)?;
    /// let found = walker.next()?.unwrap();
    /// assert!(found.path().matches(&["content", "*", "text"]));
    /// assert!(!found.path().matches(&["content", "*"]));
    /// # Ok::<(), portcullis_core::json::Error>(())
    /// ```
    pub fn matches(&self, pattern: &[&str]) -> bool {
        self.segments.len() == pattern.len()
            && self.segments.iter().zip(pattern).all(|(segment, name)| *name == "*" || segment.is_key(name))
    }
}

impl fmt::Display for Path<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in self.segments {
            match segment {
                Segment::Index(index) => write!(f, "/{index}")?,
                Segment::Key(key) => write!(f, "/{}", key.decode().replace('~', "~0").replace('/', "~1"))?,
            }
        }
        Ok(())
    }
}

/// A string the walker came to.
#[derive(Clone, Copy, Debug)]
pub struct Found<'w, 'a> {
    text: Text<'a>,
    path: Path<'w, 'a>,
    key: bool,
}

impl<'w, 'a> Found<'w, 'a> {
    /// The string.
    pub const fn text(&self) -> Text<'a> {
        self.text
    }

    /// What the string says; borrowed unless it holds escapes.
    pub fn decode(&self) -> Cow<'a, str> {
        self.text.decode()
    }

    /// The way to the string. For the name of a member it ends in that member.
    pub const fn path(&self) -> Path<'w, 'a> {
        self.path
    }

    /// The bytes between the quotes, counted from the start of the document.
    pub const fn range(&self) -> Range<usize> {
        self.text.range()
    }

    /// Whether the string is the name of a member rather than a value.
    pub const fn is_key(&self) -> bool {
        self.key
    }
}

impl<'a> Walker<'a> {
    /// Walks a whole document.
    ///
    /// # Errors
    ///
    /// As [`Reader::new`].
    pub fn new(doc: &'a [u8]) -> Result<Self, Error> {
        Self::within(doc, 0..doc.len())
    }

    /// Walks the value at `range` of a document. Paths start there; ranges count from the start of the document.
    ///
    /// # Errors
    ///
    /// As [`Reader::within`].
    pub fn within(doc: &'a [u8], range: Range<usize>) -> Result<Self, Error> {
        Ok(Self { reader: Reader::within(doc, range)?, path: Vec::new(), keys: false })
    }

    /// Stops at the names of members as well as at values.
    #[must_use]
    pub const fn with_keys(mut self) -> Self {
        self.keys = true;
        self
    }

    /// The next string; `None` at the end, once everything has been checked.
    ///
    /// # Errors
    ///
    /// If the document breaks a rule of [`Reader`].
    #[expect(clippy::should_implement_trait, reason = "the path is lent, which an iterator cannot do")]
    pub fn next(&mut self) -> Result<Option<Found<'_, 'a>>, Error> {
        loop {
            let step = self.reader.step()?;
            match step {
                Step::End => return Ok(None),
                Step::Key { escapes } => {
                    let key = self.reader.literal(escapes);
                    if let Some(last) = self.path.last_mut() {
                        *last = Segment::Key(key);
                    }
                    if self.keys {
                        return Ok(Some(self.found(key, true)));
                    }
                    continue;
                }
                Step::EndObject | Step::EndArray => {
                    self.path.pop();
                    continue;
                }
                _ => {}
            }
            // A value: the next element, if an array is open.
            if let Some(Segment::Index(index)) = self.path.last_mut() {
                *index = index.wrapping_add(1);
            }
            match step {
                // The first element turns this into 0; the first key replaces it.
                Step::BeginObject | Step::BeginArray => self.path.push(Segment::Index(usize::MAX)),
                Step::String { escapes } => {
                    let text = self.reader.literal(escapes);
                    return Ok(Some(self.found(text, false)));
                }
                _ => {}
            }
        }
    }

    #[inline(always)]
    fn found(&self, text: Text<'a>, key: bool) -> Found<'_, 'a> {
        Found { text, path: Path { segments: &self.path }, key }
    }
}

#[cfg(test)]
mod tests;
