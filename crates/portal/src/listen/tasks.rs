//! A stream that tells of tasks, whose ids carry their server's id outside of the portal and not inside.

use portcullis_core::json::{self, Splice};
use portcullis_core::{BoxError, Document};
use portcullis_mcp_jsonrpc::{Call, Message, Part};

use super::Filter;
use super::filter::{TASK_IDS, list};
use crate::backend::Backend;
use crate::parts;

/// The client's request as one server gets it. If others get their parts of it, this is all that the server is asked
/// for; an only server may understand more of it than the portal does.
pub(super) fn ask(backend: &Backend, call: &Call, part: &Filter, is_only: bool) -> Result<Call, BoxError> {
    let text = call.message().text().clone();
    let filter = filter_of(call.message()).ok_or("no filter")?;
    let mut splice = Splice::new(&text);
    if !is_only {
        splice.replace(filter, part.to_json());
    } else if backend.names_tasks
        && let Some(ids) = parts::member(&text, filter, TASK_IDS)
    {
        splice.replace(ids, list(part.tasks()));
    }
    let mut call = call.clone();
    if splice.is_empty() {
        return Ok(call);
    }
    call.message_mut().rewrite(splice.finish()?)?;
    Ok(call)
}

/// What a server acknowledged, as the client may read it.
pub(super) fn acknowledged(backend: &Backend, mut message: Message) -> Option<Message> {
    let text = message.text().clone();
    let ids = filter_of(&message).and_then(|filter| parts::member(&text, filter, TASK_IDS));
    let Some(ids) = ids.filter(|_| backend.names_tasks) else { return Some(message) };
    let mut splice = Splice::new(&text);
    for id in json::elements_within(&text, ids) {
        if let Some(id) = parts::string(&text, id.ok()?.range()) {
            splice.insert(id.range().start, backend.prefix());
        }
    }
    message.rewrite(splice.finish().ok()?).ok()?;
    Some(message)
}

fn filter_of(message: &Message) -> Option<std::ops::Range<usize>> {
    parts::member(message.text(), message.range_of(Part::Params)?, "notifications")
}
