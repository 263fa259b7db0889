//! What an answer says of the era of whoever gave it, as pure decisions.

use http::StatusCode;
use portcullis_mcp_jsonrpc::{Failure, Kind, Message, Reply, code};

use crate::probe::{self, Verdict};

/// Judges the answer to `server/discover` (2026-07-28, Streamable HTTP, "Backward Compatibility"). Without a message there
/// is only the status, and without a status there was no response.
pub(super) fn of_discover(status: Option<StatusCode>, answer: Option<&Message>) -> Verdict {
    match answer {
        Some(message) => match probe::of_answer(message) {
            // An error that any server may give, and at such a time.
            Verdict::Legacy if status.is_some_and(|status| status.is_server_error()) => Verdict::Undecided,
            verdict => verdict,
        },
        None => match status {
            Some(status) if status.is_client_error() && !is_undecided(status) => Verdict::Legacy,
            _ => Verdict::Undecided,
        },
    }
}

/// Whether a status is about the gateway, its load or its patience, or of a server that fails, and not about the method.
pub(super) fn is_undecided(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
                | StatusCode::PROXY_AUTHENTICATION_REQUIRED
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::TOO_MANY_REQUESTS
        )
}

/// Whether an answer to a modern call is one that no modern server gives. It may be a slip all the same, so it is a
/// reason to ask and no more.
pub(super) fn casts_doubt(status: Option<StatusCode>, outcome: &Result<Reply, Failure>) -> bool {
    let refused = matches!(
        status,
        Some(StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)
    );
    let Ok(reply) = outcome else { return refused };
    let Some(error) = reply.as_single().filter(|message| message.kind() == Kind::Error) else { return false };
    match error.error_code() {
        Some(code::UNSUPPORTED_VERSION) => probe::supported(error)
            .is_some_and(|versions| probe::of_versions(Some(&versions)) == Verdict::Legacy),
        Some(code::METHOD_NOT_FOUND) => true,
        Some(code::HEADER_MISMATCH | code::MISSING_CAPABILITY | code::INVALID_PARAMS | code::PARSE_ERROR) => {
            false
        }
        _ => refused,
    }
}

/// Whether every server has this method, or a reason to say which methods it has. A gateway asks for
/// `subscriptions/listen` of its own accord, and modern servers are known that have none.
pub(super) fn is_core(method: &str) -> bool {
    matches!(
        method,
        "server/discover"
            | "tools/list"
            | "tools/call"
            | "prompts/list"
            | "prompts/get"
            | "resources/list"
            | "resources/templates/list"
            | "resources/read"
            | "completion/complete"
    )
}

#[cfg(test)]
mod tests;
