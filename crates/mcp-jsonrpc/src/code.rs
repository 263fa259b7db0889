//! The error table: which JSON-RPC code and which HTTP status say what went wrong.
//!
//! Codes up to -32000 are JSON-RPC's and MCP's own (2026-07-28, Base Protocol, "Error Codes"). MCP asks everyone else to
//! stay out of that range, so the gateway's own codes are the HTTP status that says the same, taken from -31000:
//! `-31504` is what a gateway calls `504`.
//!
//! Most errors leave with status 200. A client's SDK reads the body of a 200 and shows the error to the model, while it
//! reports any other status as a broken connection. The exceptions are those the Streamable HTTP page demands, and the
//! few that a client must act on below the protocol: `401`, and `403` where another token would help (2026-07-28,
//! Authorization, "Runtime Insufficient Scope Errors"). A plain no stays a `200`: no token would change it, and the model
//! should read it.

use http::StatusCode;
use portcullis_core::Reason;

use crate::failure::FailureKind;

/// The text is not JSON.
pub const PARSE_ERROR: i64 = -32700;
/// The text is not a JSON-RPC message.
pub const INVALID_REQUEST: i64 = -32600;
/// Nobody implements the method.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// The params are wrong; also: no such tool, prompt or resource.
pub const INVALID_PARAMS: i64 = -32602;
/// Something broke that should not have.
pub const INTERNAL_ERROR: i64 = -32603;
/// A header does not say what the body says.
pub const HEADER_MISMATCH: i64 = -32020;
/// The request needs a capability that the client did not declare.
pub const MISSING_CAPABILITY: i64 = -32021;
/// The protocol version is not served here.
pub const UNSUPPORTED_VERSION: i64 = -32022;

/// Nobody verified who is asking.
pub const UNAUTHENTICATED: i64 = -31401;
/// Policy says no.
pub const FORBIDDEN: i64 = -31403;
/// A message is over its size limit.
pub const OVERSIZE: i64 = -31413;
/// A budget or a rate is used up.
pub const EXHAUSTED: i64 = -31429;
/// The server behind the gateway answered something that is not MCP, or broke off.
pub const BAD_ANSWER: i64 = -31502;
/// The server behind the gateway, or something a decision depends on, cannot be reached.
pub const UNAVAILABLE: i64 = -31503;
/// The server behind the gateway did not answer in time.
pub const TIMED_OUT: i64 = -31504;

pub(crate) fn of_reason(reason: Reason) -> i64 {
    match reason {
        Reason::Authenticate => UNAUTHENTICATED,
        Reason::Hide | Reason::Malform => INVALID_PARAMS,
        Reason::Oversize => OVERSIZE,
        Reason::Exhaust => EXHAUSTED,
        Reason::Unavailable => UNAVAILABLE,
        // Forbid, WantScope, WantApproval, and any reason that is added later: no is no.
        _ => FORBIDDEN,
    }
}

/// The status with which a refusal leaves although its code would not say so.
pub(crate) fn status_of_reason(reason: Reason) -> Option<StatusCode> {
    match reason {
        Reason::WantScope => Some(StatusCode::FORBIDDEN),
        _ => None,
    }
}

pub(crate) fn of_failure(kind: FailureKind) -> i64 {
    match kind {
        FailureKind::Unreachable | FailureKind::Overload => UNAVAILABLE,
        FailureKind::Timeout => TIMED_OUT,
        FailureKind::Close | FailureKind::Garbage | FailureKind::Reject => BAD_ANSWER,
        FailureKind::Oversize => OVERSIZE,
        FailureKind::Internal => INTERNAL_ERROR,
    }
}

/// The status with which an error of this code leaves, when nothing else says so.
pub(crate) fn status(code: i64) -> StatusCode {
    match code {
        PARSE_ERROR | INVALID_REQUEST | HEADER_MISMATCH | MISSING_CAPABILITY | UNSUPPORTED_VERSION => {
            StatusCode::BAD_REQUEST
        }
        METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
        UNAUTHENTICATED => StatusCode::UNAUTHORIZED,
        _ => StatusCode::OK,
    }
}
