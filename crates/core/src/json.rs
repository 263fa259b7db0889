//! JSON, read in place and changed in place, so that no two parsers can disagree on what a message says.
//!
//! A gateway decides on a message and another program acts on it. Where the two read one document differently, the
//! decision is worth nothing: `{"name": "read", "name": "delete"}` is one tool to the filter and another to the server.
//! Everything in here therefore refuses what parsers are known to read in different ways (members of the same name,
//! halves of surrogate pairs, bytes that are not UTF-8, anything beyond RFC 8259), and changes a document by replacing
//! ranges of bytes, never by writing it anew.
//!
//! | to do this | use |
//! |---|---|
//! | go through a document token by token | [`Reader`] |
//! | go through its strings, to scan them | [`Walker`] |
//! | look at the members or elements of one value | [`members`], [`elements`], [`find`] |
//! | read it into a type | [`from_slice`] |
//! | be sure that all of it is sound | [`check`] |
//! | change it | [`Splice`] |
//!
//! ```
//! use portcullis_core::json::{Splice, Walker};
//!
//! // Redact a word inside a string that holds escapes.
//! let doc = br#"{"text": "user:\tbob", "n": 1.10}"#;
//! let mut splice = Splice::new(doc);
//! let mut walker = Walker::new(doc)?;
//! while let Some(found) = walker.next()? {
//!     if let Some(at) = found.decode().find("bob")
//!         && let Some(range) = found.text().source_range(at..at + 3)
//!     {
//!         splice.replace_text(range, "[name]");
//!     }
//! }
//! assert_eq!(splice.finish()?, r#"{"text": "user:\t[name]", "n": 1.10}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Bounds
//!
//! Nesting is bounded by [`MAX_DEPTH`], memory by the size of the document (a reader holds the names of the objects
//! that are open, nothing else), time by its size too, but for objects of many members, whose names are sorted.

mod error;
mod escape;
mod keys;
mod members;
mod reader;
mod scan;
mod splice;
mod text;
mod typed;
mod walk;

pub use error::{Error, ErrorKind};
pub use escape::{escape_into, quote};
pub use members::{
    Element, Elements, Member, Members, elements, elements_within, find, members, members_within,
};
pub use reader::{MAX_DEPTH, Reader, Token, check};
pub use splice::{Splice, SpliceError};
pub use text::{SourceMap, Text};
pub use typed::{FromSliceError, from_slice};
pub use walk::{Found, Path, Segment, Walker};

#[cfg(test)]
mod tests;
