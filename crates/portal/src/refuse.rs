//! The errors with which a portal itself answers, as a server would.

use http::StatusCode;
use portcullis_core::{Reason, Refusal, Trail, Verdict, json};
use portcullis_mcp_jsonrpc::{Call, Fragment, Message, Reply, code};

use crate::input::Needs;
use crate::kind::Kind;

fn error(call: &Call, reason: Reason, code: i64, text: String, data: Option<&Fragment>) -> Reply {
    let message = Message::from_error(call.id(), code, &text, data);
    if let Some(trail) = Trail::of(call.extensions()) {
        trail.record("portal", Verdict::Refuse(Refusal::new(reason, text)));
    }
    Reply::message(message)
}

/// Nobody implements the method (Streamable HTTP answers 404).
pub(crate) fn unknown_method(call: &Call) -> Reply {
    let text = format!("Method not found: {}", shorten(call.method()));
    error(call, Reason::Malform, code::METHOD_NOT_FOUND, text, None)
}

/// No server has a tool or prompt of this name (Tools, "Error Handling").
pub(crate) fn unknown_name(call: &Call, kind: Kind, name: &str) -> Reply {
    let text = format!("Unknown {}: {}", kind.noun(), shorten(name));
    error(call, Reason::Hide, code::INVALID_PARAMS, text, None)
}

/// No server has a resource of this URI (Resources, "Error Handling").
pub(crate) fn unknown_uri(call: &Call, uri: &str) -> Reply {
    let data = Fragment::parse(format!(r#"{{"uri":{}}}"#, json::quote(uri))).ok();
    let text = "Resource not found".to_owned();
    error(call, Reason::Hide, code::INVALID_PARAMS, text, data.as_ref())
}

/// Several servers have it, and a prefixed form may say which is meant.
pub(crate) fn ambiguous(call: &Call, kind: Kind, name: &str, ids: &[&str], may_prefix: bool) -> Reply {
    let (name, noun) = (shorten(name), kind.noun());
    let text = match may_prefix {
        true => {
            let forms: Vec<_> = ids.iter().map(|id| format!("{id}_{name}")).collect();
            format!("Several servers have a {noun} named {name}; use one of: {}", forms.join(", "))
        }
        false => {
            let ids = ids.join(", ");
            format!("Several servers ({ids}) have a {noun} named {name}; ask the operator to rename one")
        }
    };
    error(call, Reason::Hide, code::INVALID_PARAMS, text, None)
}

/// The cursor is none of this list's (Pagination, "Error Handling").
pub(crate) fn invalid_cursor(call: &Call) -> Reply {
    let text = "Invalid cursor; list again from the beginning".to_owned();
    error(call, Reason::Malform, code::INVALID_PARAMS, text, None)
}

/// The params are not what the method needs.
pub(crate) fn invalid_params(call: &Call, what: &str) -> Reply {
    error(call, Reason::Malform, code::INVALID_PARAMS, format!("Invalid params: {what}"), None)
}

/// The state was not given to this call (Multi Round-Trip Requests, "Server Requirements"). Why not is nobody's business.
pub(crate) fn foreign_state(call: &Call) -> Reply {
    let what = "requestState is not one that this request was given, or it has expired; make the call again without it";
    invalid_params(call, what)
}

/// No server can have made a task of this id (Tasks Extension, "Task Polling").
pub(crate) fn unknown_task(call: &Call, id: &str) -> Reply {
    let text = format!("Unknown task: {}", shorten(id));
    error(call, Reason::Hide, code::INVALID_PARAMS, text, None)
}

/// The client does not declare what its request is about (-32021, "Error Codes").
pub(crate) fn missing_capability(call: &Call, missing: Needs) -> Reply {
    let data = format!(r#"{{"requiredCapabilities":{}}}"#, missing.to_json());
    let text = format!("The request needs capabilities that it does not declare: {}", missing.words());
    error(call, Reason::Malform, code::MISSING_CAPABILITY, text, Fragment::parse(data).ok().as_ref())
}

/// The headers do not say what the arguments say (Streamable HTTP, "Server Validation").
pub(crate) fn header_mismatch(call: &Call, what: impl std::fmt::Display) -> Reply {
    let text = format!("Header mismatch: {what}");
    error(call, Reason::Malform, code::HEADER_MISMATCH, text, None).with_status(StatusCode::BAD_REQUEST)
}

/// The start of a text that came from a client, long enough to be recognised.
fn shorten(text: &str) -> &str {
    text.get(..text.floor_char_boundary(128)).unwrap_or_default()
}
