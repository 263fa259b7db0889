//! Puts the client's subscription id on what a server sends.

use portcullis_core::json::{self, Splice};
use portcullis_core::{BoxError, Document};
use portcullis_mcp_jsonrpc::{Message, Part};

pub(super) const KEY: &str = "io.modelcontextprotocol/subscriptionId";

/// The message with this subscription id (a JSON value), and the very same message if it has it already.
pub(super) fn stamp(mut message: Message, id: &str) -> Result<Message, BoxError> {
    let text = message.text().clone();
    let mut splice = Splice::new(&text);
    let member = format!(r#"{{"{KEY}":{id}}}"#);
    if let Some(meta) = message.range_of(Part::Meta) {
        let mut found = None;
        for member in json::members_within(&text, meta.clone()) {
            let member = member?;
            if member.key() == KEY {
                found = Some((member.range(), member.value() == id.as_bytes()));
            }
        }
        match found {
            Some((_, true)) => return Ok(message),
            Some((range, false)) => splice.replace(range, id),
            None => splice.insert_member(meta, KEY, id),
        };
    } else if let Some(params) = message.range_of(Part::Params) {
        splice.insert_member(params, "_meta", &member);
    } else {
        let start = text.iter().position(|byte| *byte == b'{').unwrap_or_default();
        let end = text.iter().rposition(|byte| *byte == b'}').map_or(text.len(), |at| at + 1);
        splice.insert_member(start..end, "params", &format!(r#"{{"_meta":{member}}}"#));
    }
    message.rewrite(splice.finish()?)?;
    Ok(message)
}
