//! What a document can get wrong.

use std::fmt;

/// Why a document was refused, and where.
///
/// The text names the mistake and the byte offset, never the content: a refused document may hold a secret, and
/// error texts end up in logs.
///
/// ```
/// use portcullis_core::json::{self, ErrorKind};
///
/// let error = json::check(br#"{"a":1,"\u0061":2}"#).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::DuplicateKey);
/// assert_eq!(error.offset(), 7);
/// assert_eq!(error.to_string(), "the object has two members of the same name at byte 7");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    reason: Reason,
    offset: usize,
}

/// The class of a mistake, for whoever answers differently to each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is not JSON as RFC 8259 writes it.
    Syntax,
    /// An object names a member twice, so two readers could see different values.
    DuplicateKey,
    /// Arrays and objects are nested deeper than the reader allows.
    TooDeep,
    /// The text is not UTF-8, or an escape names half of a surrogate pair.
    NotUnicode,
    /// The document is too long to be addressed with 32 bits.
    TooLarge,
    /// The text is JSON, but not the kind of value, or not the place, that was asked for.
    Unexpected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    ByteOrderMark,
    ColonExpected,
    CommaOrEndExpected,
    ControlCharacter,
    DuplicateKey,
    EndOfDocument,
    Escape,
    KeyExpected,
    Literal,
    LoneSurrogate,
    NotArray,
    NotAtValue,
    NotObject,
    NotUtf8,
    Number,
    OutOfBounds,
    ReservedKey,
    TooDeep,
    TooLarge,
    TrailingData,
    ValueExpected,
}

impl Error {
    pub(super) const fn new(reason: Reason, offset: usize) -> Self {
        Self { reason, offset }
    }

    /// The same error in a document that starts `base` bytes earlier.
    pub(super) const fn moved(self, base: usize) -> Self {
        Self { reason: self.reason, offset: self.offset + base }
    }

    /// The class of the mistake.
    pub const fn kind(&self) -> ErrorKind {
        match self.reason {
            Reason::ByteOrderMark
            | Reason::ColonExpected
            | Reason::CommaOrEndExpected
            | Reason::ControlCharacter
            | Reason::EndOfDocument
            | Reason::Escape
            | Reason::KeyExpected
            | Reason::Literal
            | Reason::Number
            | Reason::TrailingData
            | Reason::ValueExpected => ErrorKind::Syntax,
            Reason::DuplicateKey => ErrorKind::DuplicateKey,
            Reason::TooDeep => ErrorKind::TooDeep,
            Reason::LoneSurrogate | Reason::NotUtf8 => ErrorKind::NotUnicode,
            Reason::TooLarge => ErrorKind::TooLarge,
            Reason::NotArray
            | Reason::NotAtValue
            | Reason::NotObject
            | Reason::OutOfBounds
            | Reason::ReservedKey => ErrorKind::Unexpected,
        }
    }

    /// Where in the document the mistake is: the byte it was noticed at.
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.reason {
            Reason::ByteOrderMark => "the document starts with a byte order mark",
            Reason::ColonExpected => "a colon is missing",
            Reason::CommaOrEndExpected => "a comma or a closing bracket is missing",
            Reason::ControlCharacter => "a string holds a control character that is not escaped",
            Reason::DuplicateKey => "the object has two members of the same name",
            Reason::EndOfDocument => "the document ends too early",
            Reason::Escape => "a string holds an escape that JSON does not know",
            Reason::KeyExpected => "the name of a member is missing",
            Reason::Literal => "a literal is neither true, false nor null",
            Reason::LoneSurrogate => "an escape names half of a surrogate pair",
            Reason::NotArray => "the value is not an array",
            Reason::NotAtValue => "there is no value here to skip",
            Reason::NotObject => "the value is not an object",
            Reason::NotUtf8 => "the document is not UTF-8",
            Reason::Number => "a number is malformed",
            Reason::OutOfBounds => "the range lies outside of the document",
            Reason::ReservedKey => "a member has a name that the JSON library reserves for itself",
            Reason::TooDeep => "arrays and objects are nested too deeply",
            Reason::TooLarge => "the document is too large",
            Reason::TrailingData => "data follows the end of the document",
            Reason::ValueExpected => "a value is missing",
        };
        write!(f, "{what} at byte {}", self.offset)
    }
}

impl std::error::Error for Error {}
