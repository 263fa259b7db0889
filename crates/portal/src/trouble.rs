//! What went wrong when the portal asked a server something, in a form that many waiting callers can share.

use std::sync::Arc;

use bytes::Bytes;
use portcullis_mcp_jsonrpc::{Failure, FailureKind, Id, Message, code};

/// Why a server gave no list or description.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// It could not be asked, or its answer could not be understood.
    Failure(FailureKind, Arc<str>),
    /// It said no: an error of its own.
    Answer(Arc<Message>),
}

impl Trouble {
    pub(crate) fn new(kind: FailureKind, text: impl Into<Arc<str>>) -> Self {
        Self::Failure(kind, text.into())
    }

    pub(crate) fn garbage(text: impl std::fmt::Display) -> Self {
        Self::new(FailureKind::Garbage, text.to_string())
    }

    /// Whether any other caller would meet with the same, whatever their credentials.
    pub(crate) fn is_everyones(&self) -> bool {
        match self {
            Self::Failure(kind, _) => matches!(
                kind,
                FailureKind::Unreachable
                    | FailureKind::Timeout
                    | FailureKind::Overload
                    | FailureKind::Close
                    | FailureKind::Oversize
            ),
            Self::Answer(_) => false,
        }
    }

    /// Whether the server does not know the method.
    pub(crate) fn is_unknown_method(&self) -> bool {
        matches!(self, Self::Answer(message) if message.error_code() == Some(code::METHOD_NOT_FOUND))
    }

    /// The failure to report, if this was one.
    pub(crate) fn to_failure(&self, server: &str) -> Failure {
        match self {
            Self::Failure(kind, text) => Failure::new(*kind).with_source(format!("{server}: {text}")),
            Self::Answer(message) => {
                let code = message.error_code().unwrap_or_default();
                Failure::new(FailureKind::Garbage).with_source(format!("{server}: answered error {code}"))
            }
        }
    }

    /// The server's own error, given to another request.
    pub(crate) fn to_answer(&self, id: &Id) -> Option<Message> {
        let Self::Answer(message) = self else { return None };
        let mut text = format!(r#"{{"jsonrpc":"2.0","id":{},"error":"#, id.to_json()).into_bytes();
        text.extend_from_slice(message.error()?);
        text.push(b'}');
        Message::parse(Bytes::from(text)).ok()
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::new(failure.kind(), failure.to_string())
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failure(_, text) => f.write_str(text),
            Self::Answer(message) => write!(f, "error {}", message.error_code().unwrap_or_default()),
        }
    }
}
