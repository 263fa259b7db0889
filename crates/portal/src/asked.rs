//! What was asked of a server, as far as its answer has to be held against it.

use std::ops::Range;

use bytes::Bytes;
use portcullis_core::json::{self, Splice};
use portcullis_core::{BoxError, Document, Principal, Reason, Refusal, Trail, Verdict};
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Fragment, Message, Part, code};

use crate::backend::Backend;
use crate::input::{self, Needs};
use crate::state::{self, MEMBER};
use crate::{parts, task};

/// See the module.
///
/// Nearly every answer is complete and needs nothing of this, so it is a reference to the request's bytes; they are
/// read again if a server does ask for input.
pub(crate) struct Asked {
    method: Method,
    /// The request as the server got it; nothing where no answer depends on it.
    text: Bytes,
    principal: Option<Principal>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    /// One that a server may answer with `input_required`.
    MayAsk,
    /// One about a task.
    Task,
    Other,
}

impl Asked {
    pub(crate) fn of(call: &Call) -> Self {
        let method = match call.method() {
            method if state::may_ask(method) => Method::MayAsk,
            method if task::is_about_one(method) => Method::Task,
            _ => return Self { method: Method::Other, text: Bytes::new(), principal: None },
        };
        let principal = call.extensions().get().cloned();
        Self { method, text: call.message().text().clone(), principal }
    }

    /// Whether the client gets this answer as it is, which nearly all are.
    pub(crate) fn leaves(&self, message: &Message) -> bool {
        self.method != Method::Task && matches!(message.result_type(), None | Some("complete"))
    }

    /// The answer as the client gets it.
    ///
    /// # Errors
    ///
    /// An answer that the protocol does not allow, or that cannot be sealed.
    pub(crate) fn answered(
        &self,
        backend: &Backend,
        trail: Option<&Trail>,
        message: Message,
    ) -> Result<Message, Failure> {
        if self.leaves(&message) {
            return Ok(message);
        }
        match (message.result_type(), self.method) {
            (Some("input_required"), Method::MayAsk) => self.input_required(backend, trail, message),
            (Some("input_required"), _) => Err(garbage("input_required is no answer to this method".into())),
            (Some("task"), _) | (_, Method::Task) => self.task(backend, trail, message),
            _ => Ok(message),
        }
    }

    /// Multi Round-Trip Requests, "InputRequiredResult".
    fn input_required(
        &self,
        backend: &Backend,
        trail: Option<&Trail>,
        mut message: Message,
    ) -> Result<Message, Failure> {
        let text = message.text().clone();
        let (mut requests, mut state) = (None, None);
        for member in json::members_within(&text, message.range_of(Part::Result).unwrap_or_default()) {
            let member = member.map_err(|error| garbage(error.into()))?;
            // Some libraries write a member that is not there as null.
            if member.value() == b"null" {
                continue;
            }
            if member.key() == "inputRequests" {
                requests = Some(member.range());
            } else if member.key() == MEMBER {
                state = Some(member.range());
            }
        }
        if requests.is_none() && state.is_none() {
            return Err(garbage("input_required must come with inputRequests or a requestState".into()));
        }
        if let Some(missing) = self.missing(&text, requests)? {
            return Ok(refused(&message, trail, missing));
        }
        let Some(state) = state else { return Ok(message) };
        let state =
            parts::string(&text, state).ok_or_else(|| garbage("requestState must be a string".into()))?;
        let sealed =
            backend.states.seal(backend.id(), self.principal.as_ref(), &self.request()?, state.raw())?;
        let mut splice = Splice::new(&text);
        splice.replace(state.range(), sealed);
        rewrite(&mut message, &splice)?;
        Ok(message)
    }

    /// A task that was made, or how one stands.
    fn task(
        &self,
        backend: &Backend,
        trail: Option<&Trail>,
        mut message: Message,
    ) -> Result<Message, Failure> {
        let Some(result) = message.range_of(Part::Result) else { return Ok(message) };
        let is_new = message.result_type() == Some("task");
        if is_new && backend.names_tasks && !self.declared()?.has(Needs::TASKS) {
            return Ok(refused(&message, trail, Needs::TASKS));
        }
        let text = message.text().clone();
        let requests = parts::member(&text, result.clone(), "inputRequests");
        if self.method == Method::Task
            && let Some(missing) = self.missing(&text, requests)?
        {
            return Ok(refused(&message, trail, missing));
        }
        if !backend.names_tasks {
            return Ok(message);
        }
        match task::id(&text, result) {
            Some(id) => {
                let mut splice = Splice::new(&text);
                splice.insert(id.range().start, backend.prefix());
                rewrite(&mut message, &splice)?;
            }
            None if is_new => return Err(garbage("a task must have a taskId".into())),
            None => {}
        }
        Ok(message)
    }

    /// What the input requests at a range need and the client did not declare.
    fn missing(&self, text: &[u8], requests: Option<Range<usize>>) -> Result<Option<Needs>, Failure> {
        let Some(requests) = requests else { return Ok(None) };
        let needs = input::needs_of(text, requests).map_err(|error| garbage(error.into()))?;
        let missing = needs.without(self.declared()?);
        Ok(Some(missing).filter(|missing| !missing.is_empty()))
    }

    fn declared(&self) -> Result<Needs, Failure> {
        Ok(Needs::declared(self.request()?.client_capabilities().unwrap_or(b"{}")))
    }

    fn request(&self) -> Result<Message, Failure> {
        Message::parse(self.text.clone()).map_err(|error| internal(error.into()))
    }
}

/// The answer to a client that could not do what its server asks for (-32021, "Error Codes").
fn refused(message: &Message, trail: Option<&Trail>, missing: Needs) -> Message {
    let data = format!(r#"{{"requiredCapabilities":{}}}"#, missing.to_json());
    let text = format!("The server needs capabilities that the client did not declare: {}", missing.words());
    let data = Fragment::parse(data).ok();
    let answer = Message::from_error(message.id(), code::MISSING_CAPABILITY, &text, data.as_ref());
    if let Some(trail) = trail {
        trail.record("portal", Verdict::Refuse(Refusal::new(Reason::Malform, text)));
    }
    answer
}

fn rewrite(message: &mut Message, splice: &Splice<'_>) -> Result<(), Failure> {
    let text = splice.finish().map_err(|error| internal(error.into()))?;
    message.rewrite(text).map_err(internal)
}

fn garbage(error: BoxError) -> Failure {
    Failure::new(FailureKind::Garbage).with_source(error)
}

fn internal(error: BoxError) -> Failure {
    Failure::new(FailureKind::Internal).with_source(error)
}
