//! What a token endpoint answers, as pure decisions.

#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use portcullis_core::{Secret, json};
use portcullis_mcp_jsonrpc::FailureKind;
use serde::Deserialize;

use super::cell::Fresh;
use super::trouble::Trouble;

/// The longest answer that is read, and the longest token in it.
pub(super) const MAX_ANSWER: usize = 64 * 1024;
const MAX_TOKEN: usize = 16 * 1024;

/// How long a token is used whose issuer does not say how long it lasts.
const UNSAID: Duration = Duration::from_secs(300);

/// How long a token is used at most, whatever its issuer says.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
pub(super) const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
pub(super) const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";

/// The codes of RFC 6749, RFC 8628, RFC 8693, RFC 8707 and OpenID Connect. Others are not repeated: a log is no place
/// for what a server likes to write there.
const CODES: [&str; 17] = [
    "access_denied",
    "consent_required",
    "insufficient_scope",
    "interaction_required",
    "invalid_client",
    "invalid_dpop_proof",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "login_required",
    "server_error",
    "slow_down",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
    "use_dpop_nonce",
];

/// What an answer must be to be of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted<'a> {
    /// A token to show (RFC 6749, section 5.1).
    Bearer,
    /// The same out of an exchange, which says of what type it is (RFC 8693, section 2.2.1).
    Exchanged(&'a str),
    /// A grant to show to another issuer; that it is no token, its `token_type` says or does not.
    IdJag,
}

/// Why an answer is of no use.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) trouble: Trouble,
    /// Whether it is our own secret that the endpoint does not know.
    pub(super) is_client: bool,
}

#[derive(Deserialize)]
struct Answer {
    access_token: Option<Secrecy>,
    token_type: Option<String>,
    issued_token_type: Option<String>,
    expires_in: Option<Seconds>,
}

#[derive(Deserialize)]
struct Fault {
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(from = "String")]
struct Secrecy(Secret);

impl From<String> for Secrecy {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

/// A number, which some issuers write as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

impl Seconds {
    fn lifetime(&self) -> Option<Duration> {
        let seconds = match self {
            Self::Number(seconds) => *seconds,
            Self::Text(text) => text.parse().ok()?,
        };
        // A number that is none is not positive.
        (seconds > 0.0).then(|| Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64())))
    }
}

/// Reads the answer of the endpoint at `host`.
pub(super) fn read(
    host: &str,
    response: &Response<Bytes>,
    wanted: Wanted<'_>,
) -> Result<Fresh<Secret>, Refused> {
    let trouble = |kind, text: String| Refused {
        trouble: Trouble::new(kind, format!("token endpoint {host}: {text}")),
        is_client: false,
    };
    let garbage = |text: &str| trouble(FailureKind::Garbage, text.to_owned());
    let body = response.body();
    if body.len() > MAX_ANSWER {
        return Err(garbage("the answer is larger than 64 KiB"));
    }
    if !response.status().is_success() {
        return Err(refusal(host, response.status(), body));
    }
    let Ok(answer) = json::from_slice::<Answer>(body) else {
        return Err(garbage("the answer is not one of OAuth 2.0"));
    };
    let Some(Secrecy(token)) = answer.access_token else { return Err(garbage("the answer holds no token")) };
    let text = token.expose();
    if text.is_empty() || text.len() > MAX_TOKEN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(garbage("the token cannot be sent in a header"));
    }
    let issued = answer.issued_token_type.as_deref();
    match wanted {
        Wanted::IdJag if issued != Some(ID_JAG) => {
            return Err(garbage("what it issued is not an ID-JAG"));
        }
        Wanted::Exchanged(wanted)
            if issued != Some(wanted) && !(wanted == ACCESS_TOKEN && issued == Some(JWT)) =>
        {
            return Err(garbage("what it issued is not of the type that was asked for"));
        }
        _ => {}
    }
    match answer.token_type.as_deref() {
        _ if wanted == Wanted::IdJag => {}
        Some(kind) if kind.eq_ignore_ascii_case("bearer") => {}
        Some(kind) if kind.eq_ignore_ascii_case("dpop") => {
            let text =
                "the token is bound to a key (DPoP), which is not supported; have it issue bearer tokens";
            return Err(trouble(FailureKind::Reject, text.to_owned()));
        }
        _ => return Err(garbage("the token is not of type Bearer")),
    }
    let lifetime = match &answer.expires_in {
        None => UNSAID,
        Some(seconds) => seconds.lifetime().ok_or_else(|| garbage("the token ended before it began"))?,
    };
    Ok(Fresh { value: token, lifetime: Some(lifetime) })
}

fn refusal(host: &str, status: StatusCode, body: &[u8]) -> Refused {
    let fault = json::from_slice::<Fault>(body).ok().and_then(|fault| fault.error);
    let code = fault.as_deref().and_then(|error| CODES.into_iter().find(|code| *code == error));
    let kind = match (status, code) {
        (StatusCode::TOO_MANY_REQUESTS, _) | (_, Some("slow_down")) => FailureKind::Overload,
        (status, _) if status.is_server_error() => FailureKind::Unreachable,
        (_, Some("temporarily_unavailable" | "server_error")) => FailureKind::Unreachable,
        (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
            FailureKind::Reject
        }
        _ => FailureKind::Garbage,
    };
    let text = match (code, status.is_redirection()) {
        (Some(code), _) => format!("token endpoint {host} refused: {code}"),
        (None, true) => format!("token endpoint {host}: HTTP status {status}; redirects are not followed"),
        (None, false) => format!("token endpoint {host}: HTTP status {status}"),
    };
    Refused { trouble: Trouble::new(kind, text), is_client: code == Some("invalid_client") }
}

/// The token as `Authorization` has it.
pub(super) fn bearer(token: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).ok()?;
    value.set_sensitive(true);
    Some(value)
}
