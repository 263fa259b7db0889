//! The words in which a request is refused before it becomes a call.

use http::StatusCode;
use portcullis_mcp_jsonrpc::{PROTOCOL_VERSION, Rejection, code};

use super::batch::Unreadable;

/// What SDKs know as "Session not found".
const SESSION_NOT_FOUND: i64 = -32001;

/// A session id that opens nothing, for whatever reason: whoever guesses learns nothing.
pub(super) fn no_such_session() -> Rejection {
    Rejection::new(StatusCode::NOT_FOUND, "Session not found").with_code(SESSION_NOT_FOUND, None)
}

pub(super) fn no_session() -> Rejection {
    bad(format!(
        "Mcp-Session-Id is missing: begin with initialize, or send MCP-Protocol-Version: {PROTOCOL_VERSION}."
    ))
}

pub(super) fn repeated(error: &portcullis_mcp_jsonrpc::header::RepeatedHeader) -> Rejection {
    bad(error.to_string())
}

pub(super) fn initialize_in_session() -> Rejection {
    bad("initialize begins a session and must not be sent in one.")
}

pub(super) fn initialize_in_batch() -> Rejection {
    bad("initialize must not be part of a batch.")
}

pub(super) fn no_batches() -> Rejection {
    bad("The revision of this session has no batches.")
}

pub(super) fn modern_in_batch() -> Rejection {
    bad(format!("MCP {PROTOCOL_VERSION} has no batches."))
}

pub(super) fn answer_to_nothing() -> Rejection {
    bad("No request of this session waits for this answer.")
}

pub(super) fn event_never_sent() -> Rejection {
    bad("Last-Event-ID names no event of this session, or one that is no longer kept.")
}

pub(super) fn wants_no_events() -> Rejection {
    Rejection::new(StatusCode::NOT_ACCEPTABLE, "Accept must list text/event-stream.")
}

impl From<Unreadable> for Rejection {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Message(error) => error.into(),
            other => bad(other.to_string()),
        }
    }
}

fn bad(text: impl Into<std::borrow::Cow<'static, str>>) -> Rejection {
    Rejection::new(StatusCode::BAD_REQUEST, text).with_code(code::INVALID_REQUEST, None)
}
