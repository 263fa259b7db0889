use std::error::Error;
use std::fmt;

use http::HeaderName;
use portcullis_core::json::{self, Text};

use super::MAX_HEADER_PARAMS;
use crate::header::InvalidHeaderValue;

/// Why the `x-mcp-header` annotations of a tool cannot be used, so that the tool must be left out.
///
/// The text says where (as a JSON Pointer into the schema) and what rule is broken: fit for the warning that the
/// spec asks clients to log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidHeaderParams {
    flaw: Flaw,
    at: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    Json(json::Error),
    NotAnObject,
    Name,
    Repeated,
    Type,
    Place,
    TooMany,
}

/// How much of a path an error text shows; the schema is somebody else's, and may have names of any length.
const MAX_SHOWN: usize = 200;

impl InvalidHeaderParams {
    pub(super) fn new(flaw: Flaw, path: &[Text<'_>]) -> Self {
        let mut at = String::new();
        for key in path {
            at.push('/');
            at.push_str(&key.decode().replace('~', "~0").replace('/', "~1"));
            if at.len() > MAX_SHOWN {
                at = at.chars().take(MAX_SHOWN).chain(['…']).collect();
                break;
            }
        }
        Self { flaw, at }
    }
}

impl From<json::Error> for InvalidHeaderParams {
    fn from(error: json::Error) -> Self {
        Self { flaw: Flaw::Json(error), at: String::new() }
    }
}

impl fmt::Display for InvalidHeaderParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = match self.flaw {
            Flaw::Json(_) => return f.write_str("the input schema is not strict JSON"),
            Flaw::NotAnObject => return f.write_str("the input schema is not an object"),
            Flaw::Name => "x-mcp-header must be a header name of 1 to 256 characters",
            Flaw::Repeated => "another x-mcp-header has the same name",
            Flaw::Type => "x-mcp-header needs a property of type string, integer or boolean",
            Flaw::Place => {
                "x-mcp-header may only stand on a property that is reached through `properties` alone"
            }
            Flaw::TooMany => {
                return write!(f, "the input schema has more than {MAX_HEADER_PARAMS} x-mcp-header");
            }
        };
        // Debug form: the path may hold line breaks, and this is meant for logs.
        write!(f, "at {:?}: {rule}", self.at)
    }
}

impl Error for InvalidHeaderParams {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.flaw {
            Flaw::Json(error) => Some(error),
            _ => None,
        }
    }
}

/// Why no headers can be made from the arguments of a call. The text never repeats a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfitArguments {
    kind: Unfit,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Unfit {
    Json(json::Error),
    Value(HeaderName, Misfit),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit {
    Structure,
    Number,
}

impl UnfitArguments {
    pub(super) fn json(error: json::Error) -> Self {
        Self { kind: Unfit::Json(error) }
    }

    pub(super) fn value(name: &HeaderName, misfit: Misfit) -> Self {
        Self { kind: Unfit::Value(name.clone(), misfit) }
    }
}

impl fmt::Display for UnfitArguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Unfit::Json(_) => f.write_str("the arguments are not strict JSON"),
            Unfit::Value(name, Misfit::Structure) => {
                write!(f, "the argument for {name} is an object or an array, which no header can mirror")
            }
            Unfit::Value(name, Misfit::Number) => {
                write!(f, "the argument for {name} is not an integer between -(2^53 - 1) and 2^53 - 1")
            }
        }
    }
}

impl Error for UnfitArguments {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            Unfit::Json(error) => Some(error),
            Unfit::Value(..) => None,
        }
    }
}

/// The headers of a call say something else than its arguments: HTTP 400, JSON-RPC code -32020.
///
/// The text names the header and fits an error message for the client. It never repeats a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderMismatch {
    kind: Conflict,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Conflict {
    Json(json::Error),
    Header(HeaderName, Mismatch),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mismatch {
    Missing,
    Unexpected,
    Repeated,
    Malformed(InvalidHeaderValue),
    Different,
    Unfit,
}

impl HeaderMismatch {
    pub(super) fn json(error: json::Error) -> Self {
        Self { kind: Conflict::Json(error) }
    }

    pub(super) fn header(name: &HeaderName, mismatch: Mismatch) -> Self {
        Self { kind: Conflict::Header(name.clone(), mismatch) }
    }

    /// The header at fault; `None` if the arguments could not be read at all.
    #[must_use]
    pub fn name(&self) -> Option<&HeaderName> {
        match &self.kind {
            Conflict::Header(name, _) => Some(name),
            Conflict::Json(_) => None,
        }
    }
}

impl fmt::Display for HeaderMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, mismatch) = match &self.kind {
            Conflict::Json(_) => return f.write_str("header mismatch: the arguments are not strict JSON"),
            Conflict::Header(name, mismatch) => (name, mismatch),
        };
        let what = match mismatch {
            Mismatch::Missing => "is missing",
            Mismatch::Unexpected => "is sent, but its argument is absent or null",
            Mismatch::Repeated => "is sent more than once",
            Mismatch::Malformed(_) => "is malformed",
            Mismatch::Different => "does not match the argument",
            Mismatch::Unfit => "stands for an argument that no header can mirror",
        };
        write!(f, "header mismatch: {name} {what}")
    }
}

impl Error for HeaderMismatch {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            Conflict::Json(error) => Some(error),
            Conflict::Header(_, Mismatch::Malformed(error)) => Some(error),
            Conflict::Header(..) => None,
        }
    }
}
