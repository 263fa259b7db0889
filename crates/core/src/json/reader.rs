//! The pull reader: one pass over a document that is correct to the last byte, or refused.

use std::ops::Range;

use super::error::{Error, Reason};
use super::keys::Keys;
use super::text::Text;

mod grammar;

pub(super) use grammar::Step;

/// How deep arrays and objects may nest, and the most that [`Reader::max_depth`] allows.
pub const MAX_DEPTH: usize = 128;

/// One step through a document.
#[derive(Clone, Copy, Debug)]
pub enum Token<'a> {
    /// `{`
    BeginObject,
    /// `}`
    EndObject,
    /// `[`
    BeginArray,
    /// `]`
    EndArray,
    /// The name of a member; its value follows.
    Key(Text<'a>),
    /// A string value.
    String(Text<'a>),
    /// A number, as it is spelled.
    Number(&'a str),
    /// `true` or `false`
    Bool(bool),
    /// `null`
    Null,
}

/// Reads one JSON document token by token, in place.
///
/// A document that was read to its end (`Ok(None)`) is exactly what RFC 8259 allows, is valid UTF-8, nests no deeper
/// than [`MAX_DEPTH`], has no two members of the same name in any object (compared after decoding escapes) and no
/// escape that names half of a surrogate pair. Before that, nothing is guaranteed about what was not read yet, and a
/// large object is checked for duplicates only when it ends: **decide after the end, not on the way**.
///
/// After an error the reader returns that error again.
///
/// ```
/// use portcullis_core::json::{Reader, Token};
///
/// let doc = br#"{"method": "ping", "params": {"deep": [1, 2]}}"#;
/// let mut reader = Reader::new(doc)?;
/// let mut params = None;
/// while let Some(token) = reader.next()? {
///     if let Token::Key(key) = token {
///         let is_params = key == "params";
///         reader.skip()?; // goes over the value, and still checks all of it
///         if is_params {
///             params = Some(reader.token_range());
///         }
///     }
/// }
/// assert_eq!(&doc[params.unwrap()], br#"{"deep": [1, 2]}"#);
/// # Ok::<(), portcullis_core::json::Error>(())
/// ```
///
/// # Cost
///
/// One pass over the bytes to check UTF-8, one to read. One allocation of less than 1 KiB for the names of open
/// objects, which grows only with an object of more than some dozens of members; one more if a name has escapes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    /// The part of the document that is read. Offsets in this struct count from its start.
    text: &'a str,
    /// Where `text` starts in the document.
    base: usize,
    /// The end of the last token.
    at: usize,
    /// The start of the last token.
    start: usize,
    state: State,
    /// What follows a value in the container that is open now.
    after: State,
    depth: u32,
    max_depth: u32,
    /// One bit for each open container, innermost lowest: 1 for an object. Holds [`MAX_DEPTH`] of them.
    objects: u128,
    keys: Keys,
    failed: Option<Error>,
}

/// What the reader expects next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Value,
    FirstElement,
    FirstMember,
    Colon,
    AfterElement,
    AfterMember,
    Done,
    Failed,
}

impl<'a> Reader<'a> {
    /// A reader of a whole document.
    ///
    /// # Errors
    ///
    /// If the document is not UTF-8, or is 4 GiB or longer.
    pub fn new(doc: &'a [u8]) -> Result<Self, Error> {
        Self::within(doc, 0..doc.len())
    }

    /// A reader of one value inside a document, for instance of the `params` of a message.
    ///
    /// All ranges and offsets count from the start of the whole document.
    ///
    /// # Errors
    ///
    /// If the range is not inside the document, or its bytes are not UTF-8, or the document is 4 GiB or longer.
    pub fn within(doc: &'a [u8], range: Range<usize>) -> Result<Self, Error> {
        check_length(doc.len())?;
        let base = range.start;
        let bytes = doc.get(range).ok_or(Error::new(Reason::OutOfBounds, base))?;
        let text = simdutf8::basic::from_utf8(bytes).map_err(|_| not_utf8(bytes, base))?;
        Ok(Self {
            text,
            base,
            at: 0,
            start: 0,
            state: State::Value,
            after: State::Done,
            depth: 0,
            max_depth: MAX_DEPTH as u32,
            objects: 0,
            keys: Keys::default(),
            failed: None,
        })
    }

    /// Allows arrays and objects to nest `depth` levels at most. [`MAX_DEPTH`] is the default and the upper bound.
    #[must_use]
    pub fn max_depth(mut self, depth: usize) -> Self {
        self.max_depth = depth.min(MAX_DEPTH) as u32;
        self
    }

    /// The next token; `None` at the end of the document, once all of it has been checked.
    ///
    /// # Errors
    ///
    /// If the document breaks a rule at this place, or an object that ends here has a name twice.
    #[expect(clippy::should_implement_trait, reason = "an iterator would go on after an error, `?` does not")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Token<'a>>, Error> {
        Ok(Some(match self.step()? {
            Step::BeginObject => Token::BeginObject,
            Step::EndObject => Token::EndObject,
            Step::BeginArray => Token::BeginArray,
            Step::EndArray => Token::EndArray,
            Step::Key { escapes } => Token::Key(self.literal(escapes)),
            Step::String { escapes } => Token::String(self.literal(escapes)),
            Step::Number => Token::Number(self.text.get(self.start..self.at).unwrap_or_default()),
            Step::True => Token::Bool(true),
            Step::False => Token::Bool(false),
            Step::Null => Token::Null,
            Step::End => return Ok(None),
        }))
    }

    /// Goes over one value, checking it like any other: the value of the key just read, the next element of an array,
    /// or the whole document.
    ///
    /// [`token_range`](Self::token_range) then covers the whole value.
    ///
    /// # Errors
    ///
    /// If the value breaks a rule, or there is none: the array has ended, or a key must be read first.
    pub fn skip(&mut self) -> Result<(), Error> {
        if matches!(self.state, State::FirstMember | State::AfterMember | State::Done) {
            return Err(self.fail(Reason::NotAtValue, self.at));
        }
        match self.step()? {
            Step::BeginObject | Step::BeginArray => {
                let start = self.start;
                self.leave()?;
                self.start = start;
                Ok(())
            }
            Step::EndArray => Err(self.fail(Reason::NotAtValue, self.start)),
            _ => Ok(()),
        }
    }

    /// Goes to the end of the innermost array or object that is open, checking what is left of it.
    ///
    /// # Errors
    ///
    /// If the rest of it breaks a rule.
    pub fn leave(&mut self) -> Result<(), Error> {
        let inside = self.depth;
        while inside > 0 && self.depth >= inside {
            self.step()?;
        }
        Ok(())
    }

    /// Reads the rest of the document, so that all the guarantees hold.
    ///
    /// # Errors
    ///
    /// If the rest of the document breaks a rule.
    pub fn finish(&mut self) -> Result<(), Error> {
        while self.step()? != Step::End {}
        Ok(())
    }

    /// The end of the last token, counted from the start of the document.
    pub const fn position(&self) -> usize {
        self.base + self.at
    }

    /// The bytes of the last token (quotes and brackets included), or of the value that was skipped.
    ///
    /// The value of an object or array reaches from the start of its first token to the end of its last.
    pub const fn token_range(&self) -> Range<usize> {
        self.base + self.start..self.base + self.at
    }

    /// How many arrays and objects are open.
    pub const fn depth(&self) -> usize {
        self.depth as usize
    }

    #[inline(always)]
    pub(super) fn literal(&self, escapes: bool) -> Text<'a> {
        let raw = self.text.get(self.start + 1..self.at - 1).unwrap_or_default();
        Text::new(raw, self.base + self.start + 1, escapes)
    }
}

/// Offsets are kept in 32 bits, here and there.
fn check_length(length: usize) -> Result<(), Error> {
    match length >= u32::MAX as usize {
        true => Err(Error::new(Reason::TooLarge, u32::MAX as usize)),
        false => Ok(()),
    }
}

#[cold]
fn not_utf8(bytes: &[u8], base: usize) -> Error {
    let valid = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    Error::new(Reason::NotUtf8, base + valid)
}

/// Checks that `doc` is one JSON document with all the guarantees of [`Reader`].
///
/// # Errors
///
/// If it is not.
///
/// ```
/// use portcullis_core::json::{check, ErrorKind};
///
/// assert!(check(br#"{"a": [1, 2.5e3, "\u0000"]}"#).is_ok());
/// assert_eq!(check(b"[01]").unwrap_err().kind(), ErrorKind::Syntax);
/// ```
pub fn check(doc: &[u8]) -> Result<(), Error> {
    Reader::new(doc)?.finish()
}

#[cfg(test)]
mod tests;
