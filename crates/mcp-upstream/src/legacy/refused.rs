//! What a response that is no success says, as pure decisions.

use http::StatusCode;
use portcullis_core::json;
use portcullis_mcp_jsonrpc::{Failure, Id, Kind, Message, PROTOCOL_VERSION, code};
use portcullis_mcp_legacy::upstream::ChannelError;

use crate::failure;
use crate::probe;

/// Why a message was not taken.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The session is gone; the message was not looked at.
    Forgotten,
    /// The server speaks 2026-07-28; the message was not looked at.
    Modern,
    /// With an error of JSON-RPC, which is an answer.
    Answer(StatusCode, Message),
    /// Without a word that could be passed on.
    Status(StatusCode),
    /// The exchange failed.
    Failure(Failure),
}

impl Refused {
    /// What a session hears of it.
    pub(crate) fn into_error(self) -> ChannelError {
        match self {
            Self::Forgotten => ChannelError::Forgotten,
            Self::Modern => ChannelError::Failed(modern()),
            Self::Answer(status, _) | Self::Status(status) => {
                ChannelError::Failed(failure::of_status(status))
            }
            Self::Failure(failure) => ChannelError::Failed(failure),
        }
    }

    /// The status, of those that are known by it alone.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Answer(status, _) | Self::Status(status) => Some(*status),
            Self::Forgotten | Self::Modern | Self::Failure(_) => None,
        }
    }

    /// Whether this is how a server of 2024 answers who thinks it is one of 2025 (2025-11-25, Transports, "Backwards
    /// Compatibility").
    pub(crate) fn suggests_sse(&self) -> bool {
        let refusals = [StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
        self.status().is_some_and(|status| refusals.contains(&status))
    }
}

fn modern() -> Failure {
    let text = "the server speaks 2026-07-28 and knows no sessions";
    Failure::new(portcullis_mcp_jsonrpc::FailureKind::Garbage).with_source(text)
}

/// Reads a response to a message that is no success: what it says of the request `id`, if it was one, and of the session,
/// if the message was sent in one.
pub(super) fn read(status: StatusCode, text: &[u8], id: Option<&Id>, in_session: bool) -> Refused {
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return Refused::Status(status);
    }
    let error = Message::parse(bytes::Bytes::copy_from_slice(text)).ok();
    let error = error.filter(|error| error.kind() == Kind::Error);
    if error.as_ref().is_some_and(|error| status.is_client_error() && is_modern(error)) {
        return Refused::Modern;
    }
    let answers = error.as_ref().is_some_and(|error| id.is_some() && error.id() == id);
    let about_the_call = [Some(code::METHOD_NOT_FOUND), Some(code::INVALID_PARAMS)];
    let says_so = answers && about_the_call.contains(&error.as_ref().and_then(Message::error_code));
    if in_session && !says_so && forgets(status, text) {
        return Refused::Forgotten;
    }
    match (error, id) {
        (Some(error), Some(id)) => match with_id(error, id) {
            Some(error) => Refused::Answer(status, error),
            None => Refused::Status(status),
        },
        _ => Refused::Status(status),
    }
}

/// Whether a response says that the session it was asked in is gone.
///
/// By the specification that is 404. Servers built on the examples of the TypeScript SDK, and older ones in Python,
/// answer 400 and a text of their own. One that takes no POST any more has become another server.
pub(crate) fn forgets(status: StatusCode, text: &[u8]) -> bool {
    let text = text.get(..text.len().min(4096)).unwrap_or_default();
    let mentions = |word: &[u8]| text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    match status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => true,
        StatusCode::BAD_REQUEST => mentions(b"session") || mentions(b"not initialized"),
        _ => false,
    }
}

/// Whether an error is one that servers of 2026-07-28 alone give, and says that this version is served.
pub(crate) fn is_modern(error: &Message) -> bool {
    match error.error_code() {
        Some(code::HEADER_MISMATCH | code::MISSING_CAPABILITY) => true,
        Some(code::UNSUPPORTED_VERSION) => probe::supported(error)
            .is_some_and(|versions| versions.iter().any(|version| version == PROTOCOL_VERSION)),
        _ => false,
    }
}

/// An answer that answers this request, whatever id it came with: the response it was in says which request it is for.
pub(super) fn with_id(mut message: Message, id: &Id) -> Option<Message> {
    if message.id().is_some() {
        message.set_id(id);
        return Some(message);
    }
    let text = message.into_text();
    let mut splice = json::Splice::new(&text);
    let id = id.to_json();
    match json::find(&text, &["id"]).ok()? {
        Some(null) => splice.replace(null, id.as_str()),
        None => {
            let start = text.len() - text.trim_ascii_start().len();
            splice.insert_member(start..start + text.trim_ascii().len(), "id", &id)
        }
    };
    Message::parse(splice.finish().ok()?).ok()
}

#[cfg(test)]
mod tests;
