//! A string literal of a document, not yet decoded.

use std::borrow::Cow;
use std::ops::Range;

use super::{escape, scan};

/// A string literal: what stands between its quotes, decoded only when asked.
///
/// Most strings hold no escapes and are read in place; [`Text::decode`] then borrows.
///
/// ```
/// use portcullis_core::json::{Reader, Token};
///
/// let doc = br#"["tab:\there"]"#;
/// let mut reader = Reader::new(doc)?;
/// reader.next()?;
/// let Some(Token::String(text)) = reader.next()? else { unreachable!() };
///
/// assert_eq!(text.raw(), r"tab:\there");
/// assert_eq!(text.decode(), "tab:\there");
/// assert!(text == *"tab:\there");
/// assert_eq!(&doc[text.range()], br"tab:\there");
/// // "here" of the decoded text, found again in the document:
/// assert_eq!(text.source_range(5..9), Some(8..12));
/// # Ok::<(), portcullis_core::json::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    raw: &'a str,
    /// Where `raw` starts in the document; the lowest bit says whether it holds escapes.
    ///
    /// Packed so that a text is three whole words, and a token is written and read back in words, not in parts of them.
    place: u64,
}

/// A stretch of a literal that decodes as one.
enum Piece<'a> {
    Plain(&'a str),
    /// One escape (or escaped surrogate pair): the character and the length of its source.
    Escape(char, usize),
}

impl<'a> Text<'a> {
    #[inline(always)]
    pub(super) const fn new(raw: &'a str, start: usize, escapes: bool) -> Self {
        Self { raw, place: (start as u64) << 1 | escapes as u64 }
    }

    /// The literal as the document spells it, without the quotes.
    #[inline]
    pub const fn raw(&self) -> &'a str {
        self.raw
    }

    /// Whether the literal holds escapes, and so whether [`decode`](Self::decode) allocates.
    #[inline]
    pub const fn has_escapes(&self) -> bool {
        self.place & 1 == 1
    }

    #[inline(always)]
    const fn start(&self) -> usize {
        (self.place >> 1) as usize
    }

    /// The bytes between the quotes, counted from the start of the document.
    pub const fn range(&self) -> Range<usize> {
        self.start()..self.start() + self.raw.len()
    }

    /// The text the literal stands for.
    pub fn decode(&self) -> Cow<'a, str> {
        if !self.has_escapes() {
            return Cow::Borrowed(self.raw);
        }
        let mut decoded = String::new();
        self.append_to(&mut decoded);
        Cow::Owned(decoded)
    }

    /// The text the literal stands for, written to `scratch` only if it holds escapes.
    ///
    /// For loops over many strings: one buffer serves them all.
    #[inline]
    pub fn decode_in<'s>(&self, scratch: &'s mut String) -> &'s str
    where
        'a: 's,
    {
        if !self.has_escapes() {
            return self.raw;
        }
        scratch.clear();
        self.append_to(scratch);
        scratch
    }

    pub(super) fn append_to(&self, out: &mut String) {
        // Decoding never makes a literal longer.
        out.reserve(self.raw.len());
        for piece in self.pieces() {
            match piece {
                Piece::Plain(plain) => out.push_str(plain),
                Piece::Escape(character, _) => out.push(character),
            }
        }
    }

    /// The bytes of the document that a range of the *decoded* text was written as.
    ///
    /// Escapes count as a whole: the result can be replaced without leaving half of one behind. `None` if the range
    /// is outside of the decoded text, ends before it starts, or cuts a character. To map many ranges of one literal,
    /// use [`source_map`](Self::source_map).
    pub fn source_range(&self, decoded: Range<usize>) -> Option<Range<usize>> {
        self.source_map().range(decoded)
    }

    /// A cursor that maps ranges of the decoded text to the document.
    ///
    /// Ranges asked in ascending order cost one pass over the literal in total.
    pub const fn source_map(&self) -> SourceMap<'a> {
        SourceMap { text: *self, decoded: 0, source: 0 }
    }

    fn pieces(self) -> Pieces<'a> {
        Pieces { rest: self.raw }
    }
}

struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    #[inline]
    fn next(&mut self) -> Option<Piece<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let bytes = self.rest.as_bytes();
        if bytes.first() == Some(&b'\\') {
            // The reader checked every escape before it made the text.
            let (character, length) = escape::read(bytes)?;
            self.rest = self.rest.get(length..)?;
            return Some(Piece::Escape(character, length));
        }
        // Of the bytes that end a plain run, only the backslash can stand inside a literal.
        let end = scan::plain(bytes, 0);
        let (plain, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(Piece::Plain(plain))
    }
}

/// Compares the decoded text, without allocating.
impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        if !self.has_escapes() {
            return self.raw == other;
        }
        let mut rest = other;
        for piece in self.pieces() {
            let stripped = match piece {
                Piece::Plain(plain) => rest.strip_prefix(plain),
                Piece::Escape(character, _) => rest.strip_prefix(character),
            };
            match stripped {
                Some(tail) => rest = tail,
                None => return false,
            }
        }
        rest.is_empty()
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

/// Maps ranges of a decoded text to the document; made by [`Text::source_map`].
#[derive(Clone, Debug)]
pub struct SourceMap<'a> {
    text: Text<'a>,
    /// A boundary between two pieces: its offset in the decoded text, and in the raw one.
    decoded: usize,
    source: usize,
}

impl SourceMap<'_> {
    /// The bytes of the document that a range of the decoded text was written as, as
    /// [`Text::source_range`] has it.
    ///
    /// Any order is allowed; a range that starts before the last one starts over.
    pub fn range(&mut self, decoded: Range<usize>) -> Option<Range<usize>> {
        let start = self.boundary(decoded.start)?;
        if decoded.end < decoded.start {
            return None;
        }
        let end = self.boundary(decoded.end)?;
        Some(self.text.start() + start..self.text.start() + end)
    }

    fn boundary(&mut self, at: usize) -> Option<usize> {
        if !self.text.has_escapes() {
            return self.text.raw.is_char_boundary(at).then_some(at);
        }
        if at < self.decoded {
            (self.decoded, self.source) = (0, 0);
        }
        for piece in (Pieces { rest: self.text.raw.get(self.source..)? }) {
            let ahead = at - self.decoded;
            let (decoded, source) = match piece {
                Piece::Plain(plain) if ahead < plain.len() => {
                    return plain.is_char_boundary(ahead).then_some(self.source + ahead);
                }
                Piece::Escape(character, _) if ahead < character.len_utf8() => {
                    return (ahead == 0).then_some(self.source);
                }
                Piece::Plain(plain) => (plain.len(), plain.len()),
                Piece::Escape(character, length) => (character.len_utf8(), length),
            };
            self.decoded += decoded;
            self.source += source;
        }
        (at == self.decoded).then_some(self.source)
    }
}

#[cfg(test)]
mod tests;
