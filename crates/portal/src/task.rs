//! Tasks of many servers (extension `io.modelcontextprotocol/tasks`): their ids carry the id of their server, as names
//! do, so that whoever asks for a task later reaches the server that made it, by way of any replica.

use std::ops::Range;

use portcullis_core::json::{Splice, Text};
use portcullis_core::{BoxError, Document};
use portcullis_mcp_jsonrpc::{Call, Message, Part, Reply, header};

use crate::backend::Backend;
use crate::input::{self, Needs};
use crate::listen::Filter;
use crate::shared::Shared;
use crate::{names, parts, refuse};

/// The member of params and results that holds a task's id.
const MEMBER: &str = "taskId";

/// The notification that tells how a task stands.
pub(crate) const TOLD: &str = "notifications/tasks";

/// Whether a method is about a task that is there already.
pub(crate) fn is_about_one(method: &str) -> bool {
    matches!(method, "tasks/get" | "tasks/update" | "tasks/cancel")
}

/// The id of a task in the object at `object`.
pub(crate) fn id(doc: &[u8], object: Range<usize>) -> Option<Text<'_>> {
    parts::string(doc, parts::member(doc, object, MEMBER)?)
}

/// What a server tells of a task, as the client gets it.
///
/// # Errors
///
/// A task that the client did not ask about, or one that asks for something the client cannot do: it then learns no
/// more than from not being told.
pub(crate) fn told(
    backend: &Backend,
    mut message: Message,
    declared: Needs,
    agreed: &Filter,
) -> Result<Message, BoxError> {
    let text = message.text().clone();
    let params = message.range_of(Part::Params).ok_or("no params")?;
    if let Some(requests) = parts::member(&text, params.clone(), "inputRequests") {
        let missing = input::needs_of(&text, requests)?.without(declared);
        if !missing.is_empty() {
            return Err(format!("the client did not declare {}", missing.words()).into());
        }
    }
    if !backend.names_tasks {
        return Ok(message);
    }
    let id = id(&text, params).ok_or("no taskId")?;
    let own = id.decode();
    if !agreed.tasks().any(|one| one.strip_prefix(backend.prefix()) == Some(&*own)) {
        return Err("nobody asked about this task".into());
    }
    let mut splice = Splice::new(&text);
    splice.insert(id.range().start, backend.prefix());
    message.rewrite(splice.finish()?)?;
    Ok(message)
}

impl Shared {
    /// The server that a call about a task is for; the call then says the server's own id of it.
    ///
    /// # Errors
    ///
    /// The refusal, if no server of this portal can have made it.
    pub(crate) fn find_task(&self, call: &mut Call) -> Result<usize, Box<Reply>> {
        let text = call.message().text().clone();
        let id = call.message().range_of(Part::Params).and_then(|params| id(&text, params));
        let Some(id) = id else {
            return Err(Box::new(refuse::invalid_params(call, "taskId must be a string")));
        };
        let (place, id) = (id.range(), id.decode());
        // Task Extension, "Streamable HTTP: Routing Headers". The codec does not know where this name comes from.
        let said = header::only(call.headers(), &header::MCP_NAME).map(|name| name.map(header::decode_value));
        match said {
            Ok(None) => {}
            Ok(Some(Ok(said))) if said == id => {}
            _ => {
                return Err(Box::new(refuse::header_mismatch(
                    call,
                    "Mcp-Name differs from the taskId in the body",
                )));
            }
        }
        let found = names::split(&id).and_then(|(server, own)| {
            Some((self.backends.iter().position(|backend| backend.id() == server)?, own))
        });
        let Some((server, own)) = found else { return Err(Box::new(refuse::unknown_task(call, &id))) };
        let mut splice = Splice::new(&text);
        splice.replace_text(place, own);
        let renamed =
            splice.finish().map_err(BoxError::from).and_then(|text| call.message_mut().rewrite(text));
        if renamed.is_err() {
            return Err(Box::new(refuse::unknown_task(call, &id)));
        }
        call.headers_mut().insert(header::MCP_NAME, header::encode_value(own));
        Ok(server)
    }

    /// The server that a call of a method nobody here knows is for, going by its name alone: an extension may name
    /// what it is about as tools are named. The call then says the server's own name of it.
    pub(crate) fn find_by_prefix(&self, call: &mut Call) -> Option<usize> {
        // Methods without a slash are of revisions that had no extensions, and URIs carry no prefix.
        if !call.method().contains('/') || call.method().starts_with("resources/") {
            return None;
        }
        let (id, own) = names::split(call.name()?)?;
        let server = self.backends.iter().position(|backend| backend.id() == id)?;
        let own = own.to_owned();
        call.message_mut().set_name(&own);
        if call.headers().contains_key(header::MCP_NAME) {
            call.headers_mut().insert(header::MCP_NAME, header::encode_value(&own));
        }
        Some(server)
    }
}
