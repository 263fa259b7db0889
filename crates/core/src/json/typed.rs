//! From a document to a type of yours, by way of `serde_json`.

use std::fmt;

use serde::de::DeserializeOwned;

use super::error::{Error, Reason};
use super::reader::{Reader, Token};

/// Names with this start make `serde_json` read an object as something else: the *text* of a string as JSON, say,
/// which nothing has checked. Which of them it knows depends on features that any crate of a build can switch on.
const RESERVED: &str = "$serde_json::private::";

/// Reads `doc` into a `T`, after checking it with [`Reader`].
///
/// `serde_json` alone takes the last of two members of the same name, or the first, depending on the type; the server
/// behind a policy may take the other. And it gives meaning to member names of its own (`$serde_json::private::…`),
/// which no other parser does. Both are refused here, so a policy that reads with this function decides on what
/// everybody else will read.
///
/// # Errors
///
/// If the document breaks a rule, uses a reserved name, or does not have the shape of a `T`.
///
/// ```
/// use std::collections::HashMap;
/// use portcullis_core::json;
///
/// let ages: HashMap<String, u8> = json::from_slice(br#"{"ann": 41}"#)?;
/// assert_eq!(ages["ann"], 41);
///
/// assert!(json::from_slice::<HashMap<String, u8>>(br#"{"ann": 41, "ann": 1}"#).is_err());
/// # Ok::<(), json::FromSliceError>(())
/// ```
pub fn from_slice<T: DeserializeOwned>(doc: &[u8]) -> Result<T, FromSliceError> {
    check(doc).map_err(Cause::Document)?;
    Ok(serde_json::from_slice(doc).map_err(Cause::Shape)?)
}

fn check(doc: &[u8]) -> Result<(), Error> {
    let mut reader = Reader::new(doc)?;
    while let Some(token) = reader.next()? {
        if let Token::Key(key) = token
            && key.decode().starts_with(RESERVED)
        {
            return Err(Error::new(Reason::ReservedKey, reader.token_range().start));
        }
    }
    Ok(())
}

/// Why a document could not be read into a type.
#[derive(Debug)]
pub struct FromSliceError {
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Document(Error),
    Shape(serde_json::Error),
}

impl FromSliceError {
    /// What is wrong with the document itself; `None` if it is sound but has another shape than the type.
    pub const fn document(&self) -> Option<&Error> {
        match &self.cause {
            Cause::Document(error) => Some(error),
            Cause::Shape(_) => None,
        }
    }

    /// How the document differs from the type, in the words of `serde_json`. **They may quote the document.**
    pub const fn shape(&self) -> Option<&serde_json::Error> {
        match &self.cause {
            Cause::Document(_) => None,
            Cause::Shape(error) => Some(error),
        }
    }
}

impl From<Cause> for FromSliceError {
    fn from(cause: Cause) -> Self {
        Self { cause }
    }
}

/// Says where the document does not fit, without echoing what it holds.
impl fmt::Display for FromSliceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Document(error) => error.fmt(f),
            Cause::Shape(error) => {
                let (line, column) = (error.line(), error.column());
                write!(
                    f,
                    "the document does not have the shape that was asked for at line {line} column {column}"
                )
            }
        }
    }
}

impl std::error::Error for FromSliceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Document(error) => Some(error),
            // Its text quotes the document, so it must not end up in a chain that is logged.
            Cause::Shape(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
