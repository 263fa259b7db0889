//! From a notification of 2026-07-28 to one of 2025.

#[cfg(test)]
mod tests;

use portcullis_core::json::{self, Reader, Token};
use portcullis_mcp_jsonrpc::{Id, Message, Part};

use super::{Cut, SUBSCRIPTION_ID, cut, pick, result, string};
use crate::front::Level;

/// Whether a client that wants messages of `level` and above gets this one. All but log messages pass.
///
/// A level that does not exist passes as well: what it means is for the client to say.
pub(in crate::front) fn passes(message: &Message, level: Option<Level>) -> bool {
    if message.method() != Some("notifications/message") {
        return true;
    }
    let Some(wanted) = level else { return false };
    level_of(message).is_none_or(|level| level >= wanted)
}

fn level_of(message: &Message) -> Option<Level> {
    let [level] = pick(message.text(), message.range_of(Part::Params)?, ["level"]);
    Level::parse(&string(message.text(), level)?)
}

/// Which request a `notifications/cancelled` is about; none if it does not say. An id that no message can have is none.
pub(in crate::front) fn cancels(notification: &Message) -> Option<Id> {
    let [id] = pick(notification.text(), notification.range_of(Part::Params)?, ["requestId"]);
    match json::from_slice::<i64>(notification.text().get(id.clone()?)?) {
        Ok(number) => Some(Id::from(number)),
        Err(_) => string(notification.text(), id).map(|text| Id::from(&*text)),
    }
}

/// A notification from a stream of changes, without the mark of the stream, which only 2026-07-28 has.
pub(in crate::front) fn unmarked(message: Message) -> Message {
    if message.meta().is_none() {
        return message;
    }
    let Some(params) = message.range_of(Part::Params) else { return message };
    let cuts = || {
        let mut reader = Reader::within(message.text(), params)?;
        let mut members = Cut::default();
        reader.next()?;
        while let Some(Token::Key(key)) = reader.next()? {
            let start = key.range().start - 1;
            let (mut kept, mut inner) = (1, Vec::new());
            if key == "_meta" {
                (kept, inner) = result::named(&mut reader, &[SUBSCRIPTION_ID])?;
            } else {
                reader.skip()?;
            }
            let keep = kept > 0 || inner.is_empty();
            members.member(start, reader.position(), keep);
            if keep {
                members.within(inner);
            }
        }
        Ok::<_, portcullis_core::json::Error>(members.finish())
    };
    match cuts() {
        Ok(ranges) if !ranges.is_empty() => {
            Message::parse(cut::without(message.text(), &ranges)).unwrap_or(message)
        }
        _ => message,
    }
}
