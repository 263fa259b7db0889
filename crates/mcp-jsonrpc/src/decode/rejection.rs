use std::borrow::Cow;

use http::{HeaderValue, Response, StatusCode, header};
use portcullis_core::{Body, Reason, Refusal};

use super::respond;
use crate::guard::Forbidden;
use crate::rules::Violation;
use crate::{Flaw, Fragment, Id, Message, MessageError, code};

/// A request that never became a call, and what its sender is told: an HTTP status, and a JSON-RPC error in the body.
///
/// The decoder makes them by itself. They are public for adapters that serve another revision of MCP on the same
/// endpoint and want to refuse in the same words.
#[derive(Debug)]
pub struct Rejection {
    status: StatusCode,
    code: i64,
    text: Cow<'static, str>,
    /// A JSON object with what a program may want to know.
    data: Option<String>,
    id: Option<Id>,
}

impl Rejection {
    /// A request that is wrong as HTTP. Its body was not looked at, so there is no id to answer to.
    #[must_use]
    pub fn new(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        let code = match status {
            StatusCode::FORBIDDEN => code::FORBIDDEN,
            StatusCode::PAYLOAD_TOO_LARGE => code::OVERSIZE,
            StatusCode::REQUEST_TIMEOUT => code::TIMED_OUT,
            _ => code::INVALID_REQUEST,
        };
        Self { status, code, text: text.into(), data: None, id: None }
    }

    /// The same rejection with another code and, where the message could be read, its id.
    #[must_use]
    pub fn with_code(mut self, code: i64, id: Option<&Id>) -> Self {
        self.code = code;
        self.id = id.cloned();
        self
    }

    /// A message that breaks a rule of the transport.
    pub(super) fn of(violation: Violation, id: Option<&Id>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: violation.code,
            text: violation.text.into(),
            data: violation.data,
            id: id.cloned(),
        }
    }

    /// The line for the trail.
    #[must_use]
    pub fn to_refusal(&self) -> Refusal {
        let reason = match self.status {
            StatusCode::FORBIDDEN => Reason::Forbid,
            StatusCode::PAYLOAD_TOO_LARGE => Reason::Oversize,
            _ => Reason::Malform,
        };
        Refusal::new(reason, self.text.clone())
    }

    /// What the sender gets.
    #[must_use]
    pub fn into_response(self) -> Response<Body> {
        let data = self.data.and_then(|data| Fragment::parse(data).ok());
        let message = Message::from_error(self.id.as_ref(), self.code, &self.text, data.as_ref());
        let mut response = respond::json(&message, Some(self.status));
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }
}

impl From<Forbidden> for Rejection {
    fn from(forbidden: Forbidden) -> Self {
        Self::new(StatusCode::FORBIDDEN, forbidden.to_string())
    }
}

impl From<MessageError> for Rejection {
    fn from(error: MessageError) -> Self {
        let code = match error.flaw() {
            Flaw::Json(_) => code::PARSE_ERROR,
            Flaw::Batch | Flaw::Shape(_) => code::INVALID_REQUEST,
        };
        let id = error.id().cloned();
        Self { status: StatusCode::BAD_REQUEST, code, text: error.to_string().into(), data: None, id }
    }
}
