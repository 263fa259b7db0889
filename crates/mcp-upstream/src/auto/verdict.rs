//! What an answer says of the era of whoever gave it, as pure decisions.

use http::StatusCode;
use portcullis_core::json;
use portcullis_mcp_jsonrpc::{Failure, Kind, Message, PROTOCOL_VERSION, Reply, code};

use crate::legacy;

/// What the answer to `server/discover` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Modern,
    /// A session is worth a try.
    Legacy,
    /// Nothing.
    Undecided,
}

/// The revisions that know sessions.
const LEGACY_VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// Judges the answer to `server/discover` (2026-07-28, Streamable HTTP, "Backward Compatibility"). Without a message there
/// is only the status, and without a status there was no response.
pub(super) fn of_discover(status: Option<StatusCode>, answer: Option<&Message>) -> Verdict {
    match answer {
        Some(message) if message.kind() == Kind::Result => of_versions(listed(message).as_deref()),
        Some(error) => match error.error_code() {
            Some(code::HEADER_MISMATCH | code::MISSING_CAPABILITY) => Verdict::Modern,
            Some(code::UNSUPPORTED_VERSION) => match legacy::supported(error) {
                Some(versions) => of_versions(Some(&versions)),
                None => Verdict::Legacy,
            },
            _ if status.is_some_and(|status| status.is_server_error()) => Verdict::Undecided,
            _ => Verdict::Legacy,
        },
        None => match status {
            // They are about the gateway, its load or its patience, and not about the method.
            Some(
                StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
                | StatusCode::PROXY_AUTHENTICATION_REQUIRED
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::TOO_MANY_REQUESTS,
            ) => Verdict::Undecided,
            Some(status) if status.is_client_error() => Verdict::Legacy,
            _ => Verdict::Undecided,
        },
    }
}

fn listed(message: &Message) -> Option<Vec<String>> {
    let result = message.result()?;
    let range = json::find(result, &["supportedVersions"]).ok()??;
    json::from_slice(result.get(range)?).ok()
}

/// A server that speaks this version is asked in it. One that speaks other new ones only is asked in it too, and says no
/// in its own words.
fn of_versions(versions: Option<&[String]>) -> Verdict {
    let lists =
        |version: &str| versions.is_some_and(|versions| versions.iter().any(|listed| listed == version));
    if !lists(PROTOCOL_VERSION) && LEGACY_VERSIONS.iter().any(|version| lists(version)) {
        return Verdict::Legacy;
    }
    Verdict::Modern
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
        Some(code::UNSUPPORTED_VERSION) => {
            legacy::supported(error).is_some_and(|versions| of_versions(Some(&versions)) == Verdict::Legacy)
        }
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
