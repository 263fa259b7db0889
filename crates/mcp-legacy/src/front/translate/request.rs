//! From a request of 2025 to one of 2026-07-28.

#[cfg(test)]
mod tests;

use std::ops::Range;

use bytes::Bytes;
use portcullis_core::json::{self, Splice};
use portcullis_mcp_jsonrpc::{Fragment, Message, PROTOCOL_VERSION as MODERN, Part};

use super::capabilities::Object;
use super::{CLIENT_CAPABILITIES, CLIENT_INFO, Cut, LOG_LEVEL, PROTOCOL_VERSION, capabilities, pick};
use crate::front::{Client, Level};

/// What a legacy client may not say of itself in a request, since the session has said it.
const DECLARED: [&str; 4] = [PROTOCOL_VERSION, CLIENT_INFO, CLIENT_CAPABILITIES, LOG_LEVEL];

/// What a call declares of the client that it is made for.
#[derive(Clone, Copy, Debug)]
pub(in crate::front) struct Declared<'a> {
    pub(in crate::front) client: &'a Client,
    pub(in crate::front) level: Option<Level>,
    /// Whether it is about tasks. A call that asks for a task is, whatever this says.
    pub(in crate::front) tasks: bool,
}

impl Declared<'_> {
    /// The members of `_meta`, without braces.
    fn members(&self, tasks: bool) -> String {
        let tasks = tasks.then(|| capabilities::with_tasks(self.client.capabilities()));
        let capabilities = tasks.as_deref().unwrap_or(self.client.capabilities());
        let info = self.client.info();
        let mut members = format!(
            r#""{PROTOCOL_VERSION}":"{MODERN}","{CLIENT_INFO}":{info},"{CLIENT_CAPABILITIES}":{capabilities}"#
        );
        if let Some(level) = self.level {
            members.push_str(&format!(r#","{LOG_LEVEL}":"{}""#, level.as_str()));
        }
        members
    }

    /// Params of a request that the front makes of its own accord: these members, what is declared, and what else the
    /// `_meta` holds of the request that caused it. None if all this nests too deep for a message.
    pub(in crate::front) fn params(&self, members: &str, meta: Option<&[u8]>) -> Option<Fragment> {
        let comma = if members.is_empty() { "" } else { "," };
        let mut others = Object::default();
        let all = meta.into_iter().flat_map(json::members).map_while(Result::ok);
        all.filter(|member| !DECLARED.iter().any(|name| member.key() == *name))
            .for_each(|member| others.member(&member));
        let others = others.finish();
        let others = others
            .get(1..)
            .filter(|others| *others != "}")
            .map_or("}".to_owned(), |others| format!(",{others}"));
        let text = format!(r#"{{{members}{comma}"_meta":{{{}{others}}}"#, self.members(self.tasks));
        Fragment::parse(text).ok()
    }
}

/// What a request is made again with, after the server asked for input.
#[derive(Clone, Debug, Default)]
pub(in crate::front) struct Retry {
    /// A JSON object.
    pub(in crate::front) responses: Option<String>,
    /// A JSON string, spelled as the server spelled it.
    pub(in crate::front) state: Option<Bytes>,
}

/// Whether the client asks for a task instead of a result, in the words of 2025-11-25.
pub(in crate::front) fn wants_task(message: &Message, client: &Client) -> bool {
    client.version.has_tasks()
        && message.method() == Some("tools/call")
        && message.range_of(Part::Params).is_some_and(|params| {
            let [task] = pick(message.text(), params, ["task"]);
            task.is_some()
        })
}

/// The request as the service inside knows it; none if its `_meta` is there and is no object, or if it nests too deep with
/// what is put in.
///
/// What the client said with names that 2026-07-28 gave a meaning is replaced, the rest stays as it is.
pub(in crate::front) fn modern(message: &Message, declared: &Declared<'_>, retry: &Retry) -> Option<Message> {
    let text = message.text();
    let mut splice = Splice::new(text);
    let mut put = String::new();
    if let Some(responses) = &retry.responses {
        put.push_str(&format!(r#""inputResponses":{responses},"#));
    }
    if let Some(state) = retry.state.as_ref().and_then(|state| std::str::from_utf8(state).ok()) {
        put.push_str(&format!(r#""requestState":{state},"#));
    }
    let Some(params) = message.range_of(Part::Params) else {
        let end = text.iter().rposition(|byte| *byte == b'}')?;
        let meta = declared.members(declared.tasks);
        splice.insert(end, format!(r#","params":{{{put}"_meta":{{{meta}}}}}"#));
        return Message::parse(splice.finish().ok()?).ok();
    };
    let (kept, asks) = cut(&mut splice, text, params.clone(), gone(message, declared.client))?;
    let mut meta = declared.members(declared.tasks || asks);
    match message.range_of(Part::Meta) {
        Some(inside) => {
            if cut(&mut splice, text, inside.clone(), &DECLARED)?.0 > 0 {
                meta.push(',');
            }
            splice.insert(inside.start + 1, meta);
            // There is at least `_meta`, which takes the comma.
            splice.insert(params.start + 1, put);
        }
        None => {
            let comma = if kept > 0 { "," } else { "" };
            splice.insert(params.start + 1, format!(r#"{put}"_meta":{{{meta}}}{comma}"#));
        }
    }
    // Two members of the name `_meta` are refused here.
    Message::parse(splice.finish().ok()?).ok()
}

/// The params that only the front may set, or that only 2025-11-25 knows.
fn gone(message: &Message, client: &Client) -> &'static [&'static str] {
    match message.method() {
        Some("tools/call") if client.version.has_tasks() => &["inputResponses", "requestState", "task"],
        Some("tools/call" | "prompts/get" | "resources/read") => &["inputResponses", "requestState"],
        _ => &[],
    }
}

/// Takes members of these names out. Says how many others there are, and whether there was a `task`.
fn cut(splice: &mut Splice<'_>, text: &[u8], object: Range<usize>, names: &[&str]) -> Option<(usize, bool)> {
    let mut members = Cut::default();
    let mut task = false;
    for member in json::members_within(text, object) {
        let member = member.ok()?;
        let gone = names.iter().any(|name| member.key() == *name);
        task |= gone && member.key() == "task";
        members.member(member.key().range().start - 1, member.range().end, !gone);
    }
    let kept = members.kept();
    for range in members.finish() {
        splice.remove(range);
    }
    Some((kept, task))
}
