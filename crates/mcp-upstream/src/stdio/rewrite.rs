//! Ids and tokens that are unique in one process, and back again.
//!
//! Clients choose ids and progress tokens each for itself, so equal ones come at once. What goes into a process has an id
//! that is unique there, which is its progress token as well; what comes out gets back what the client chose.

#[cfg(test)]
mod tests;

use std::ops::Range;

use portcullis_core::json::{self, Splice};
use portcullis_mcp_jsonrpc::{Id, Message, Part};

use crate::duplex::SUBSCRIPTION_ID;

/// What a client called its request.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    id: Id,
    /// As it was written.
    token: Option<String>,
}

/// Gives a request the id, and the progress token if it has one. `None` if it is no request.
pub(super) fn rename(message: &mut Message, id: &Id) -> Option<Chosen> {
    let chosen = message.id()?.clone();
    let token = match member(message, Part::Meta, "progressToken") {
        Some(range) => {
            let token = std::str::from_utf8(message.text().get(range.clone())?).ok()?.to_owned();
            replace(message, range, id)?;
            Some(token)
        }
        None => None,
    };
    message.set_id(id);
    Some(Chosen { id: chosen, token })
}

impl Chosen {
    /// Gives a message that belongs to the request what the client called it. `None` if that is not possible.
    pub(super) fn restore(&self, message: &mut Message) -> Option<()> {
        if message.method() == Some("notifications/progress") {
            let range = member(message, Part::Params, "progressToken")?;
            // Without a token the client did not ask for progress.
            return replace_raw(message, range, self.token.as_deref()?);
        }
        if let Some(range) = member(message, Part::Meta, SUBSCRIPTION_ID) {
            replace(message, range, &self.id)?;
        }
        if message.is_answer() {
            message.set_id(&self.id);
        }
        Some(())
    }
}

/// Where the value of a member stands.
fn member(message: &Message, part: Part, name: &str) -> Option<Range<usize>> {
    let object = message.range_of(part)?;
    let found = json::find(message.text().get(object.clone())?, &[name]).ok()??;
    Some(object.start + found.start..object.start + found.end)
}

fn replace(message: &mut Message, range: Range<usize>, id: &Id) -> Option<()> {
    replace_raw(message, range, &id.to_json())
}

fn replace_raw(message: &mut Message, range: Range<usize>, raw: &str) -> Option<()> {
    let text = Splice::new(message.text()).replace(range, raw).finish().ok()?;
    *message = Message::parse(text).ok()?;
    Some(())
}
