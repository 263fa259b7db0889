//! What a server asks of a client, held against what the client declared.

mod needs;
#[cfg(test)]
mod tests;

use std::ops::Range;

use portcullis_core::json;

pub(crate) use self::needs::Needs;
use crate::parts;

/// The extension that lets a server answer with a task.
pub(crate) const TASKS: &str = "io.modelcontextprotocol/tasks";

/// What the `inputRequests` at `range` need (Multi Round-Trip Requests, "InputRequests").
///
/// # Errors
///
/// A request that no revision knows, and so no client can have declared.
pub(crate) fn needs_of(doc: &[u8], range: Range<usize>) -> Result<Needs, NotARequest> {
    let mut needs = Needs::default();
    for request in json::members_within(doc, range) {
        let request = request.map_err(|_| NotARequest)?;
        needs.add(need_of(doc, request.range())?);
    }
    Ok(needs)
}

fn need_of(doc: &[u8], request: Range<usize>) -> Result<Needs, NotARequest> {
    let (mut method, mut params) = (None, None);
    for member in json::members_within(doc, request) {
        let member = member.map_err(|_| NotARequest)?;
        if member.key() == "method" {
            method = parts::string(doc, member.range()).map(|text| text.decode());
        } else if member.key() == "params" {
            params = Some(member.range()).filter(|_| parts::is_object(member.value()));
        }
    }
    let param = |name| parts::member(doc, params.clone()?, name);
    Ok(match method.as_deref() {
        Some("roots/list") => Needs::ROOTS,
        Some("sampling/createMessage") => match param("tools").or_else(|| param("toolChoice")) {
            Some(_) => Needs::SAMPLING.and(Needs::SAMPLING_TOOLS),
            None => Needs::SAMPLING,
        },
        Some("elicitation/create") => match param("mode") {
            None => Needs::FORM,
            Some(mode) => match parts::string(doc, mode) {
                Some(mode) if mode == *"form" => Needs::FORM,
                Some(mode) if mode == *"url" => Needs::URL,
                _ => return Err(NotARequest),
            },
        },
        _ => return Err(NotARequest),
    })
}

/// A server asks for something that is no input request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotARequest;

impl std::fmt::Display for NotARequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("inputRequests must hold requests for elicitation, sampling or roots")
    }
}

impl std::error::Error for NotARequest {}
