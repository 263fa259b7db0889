use portcullis_core::json;

use crate::Id;

/// Why a text is not a JSON-RPC message.
///
/// The text names the flaw and its place, and quotes nothing of the message.
#[derive(Clone, Debug)]
pub struct MessageError {
    flaw: Flaw,
    id: Option<Id>,
}

/// What is wrong with a text that should have been a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// It is not JSON, or is JSON that two parsers could read differently.
    Json(json::Error),
    /// It is an array: JSON-RPC batches are not part of MCP any more.
    Batch,
    /// It is JSON but breaks the rule named here.
    Shape(&'static str),
}

impl MessageError {
    pub(super) fn new(flaw: Flaw, id: Option<Id>) -> Self {
        Self { flaw, id }
    }

    /// What is wrong.
    #[must_use]
    pub fn flaw(&self) -> &Flaw {
        &self.flaw
    }

    /// The id of the request, if one was read before the flaw was met.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        self.id.as_ref()
    }
}

impl std::fmt::Display for MessageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.flaw {
            Flaw::Json(error) => error.fmt(f),
            Flaw::Batch => f.write_str("a batch of messages is not supported; send each one by itself"),
            Flaw::Shape(rule) => f.write_str(rule),
        }
    }
}

impl std::error::Error for MessageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.flaw {
            Flaw::Json(error) => Some(error),
            Flaw::Batch | Flaw::Shape(_) => None,
        }
    }
}
