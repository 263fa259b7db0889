//! Tasks: a part of 2025-11-25, an extension of 2026-07-28.

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use portcullis_core::json::{self, Splice};
use portcullis_mcp_jsonrpc::{Fragment, Id, Message, Part};

use super::capabilities::Object;
use super::input::{self, Input};
use super::{RELATED_TASK, SERVER_INFO, pick, result, string};

/// The task that came instead of a result, as 2025-11-25 has it; none if it is no task.
pub(in crate::front) fn created(message: &Message, id: &Id) -> Option<Message> {
    let text = message.text();
    let (task, meta) = members(text, message.range_of(Part::Result)?)?;
    let mut whole = Object::default();
    whole.raw("task", &task.finish());
    if let Some(meta) = meta {
        whole.raw("_meta", &meta);
    }
    Some(Message::from_result(id, &Fragment::parse(whole.finish()).ok()?))
}

/// The state of a task, as 2025-11-25 has it; none if it is no task.
pub(in crate::front) fn state(message: &Message, id: &Id) -> Option<Message> {
    let (mut task, meta) = members(message.text(), message.range_of(Part::Result)?)?;
    if let Some(meta) = meta {
        task.raw("_meta", &meta);
    }
    Some(Message::from_result(id, &Fragment::parse(task.finish()).ok()?))
}

/// A task's own members with their names of 2025-11-25, and `_meta` if there is more in it than of which server it is.
fn members(text: &[u8], object: Range<usize>) -> Option<(Object, Option<String>)> {
    let [id, ttl] = pick(text, object.clone(), ["taskId", "ttlMs"]);
    string(text, id)?;
    let mut task = Object::default();
    let mut meta = None;
    for member in json::members_within(text, object) {
        let member = member.ok()?;
        let value = std::str::from_utf8(member.value()).ok()?;
        match &*member.key().decode() {
            "resultType" | "result" | "error" | "inputRequests" | "ttl" | "pollInterval" => {}
            "ttlMs" => task.raw("ttl", value),
            "pollIntervalMs" => task.raw("pollInterval", value),
            "_meta" => {
                let mut left = Object::default();
                let members = json::members(member.value()).map_while(Result::ok);
                members.filter(|member| member.key() != SERVER_INFO).for_each(|member| left.member(&member));
                meta = Some(left.finish()).filter(|left| left != "{}");
            }
            _ => task.member(&member),
        }
    }
    if ttl.is_none() {
        // 2025-11-25 demands it, and has a word for "who knows".
        task.raw("ttl", "null");
    }
    Some((task, meta))
}

/// What a task says of itself when it is asked.
#[derive(Debug)]
pub(in crate::front) enum Progress {
    /// It goes on; ask again after this time, if it said so.
    Working(Option<Duration>),
    /// It waits for the client.
    InputRequired(Vec<Input>, Option<Duration>),
    /// It has ended, and this is what the request would have been answered with.
    Over(Message),
    /// It was cancelled.
    Cancelled,
}

/// Reads the answer to `tasks/get`; none if it is not as the extension has it.
///
/// A request that ends with the task is answered as it would have been without one, and says which task it was.
pub(in crate::front) fn progress(message: &Message, id: &Id, task: &str) -> Option<Progress> {
    let text = message.text();
    let names = ["status", "pollIntervalMs", "inputRequests", "result", "error"];
    let [status, pause, requests, outcome, error] = pick(text, message.range_of(Part::Result)?, names);
    let pause = pause.and_then(|range| json::from_slice::<u64>(text.get(range)?).ok());
    let pause = pause.map(Duration::from_millis);
    Some(match string(text, status)?.as_str() {
        "working" => Progress::Working(pause),
        "input_required" => Progress::InputRequired(input::of_task(text, requests?)?, pause),
        "completed" => Progress::Over(related(Message::from_result(id, &fragment(text, outcome?)?), task)?),
        "failed" => {
            let error = std::str::from_utf8(text.get(error?)?).ok()?;
            let answer = format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, id.to_json());
            Progress::Over(Message::parse(answer.into()).ok()?)
        }
        "cancelled" => Progress::Cancelled,
        _ => return None,
    })
}

fn fragment(text: &Bytes, range: Range<usize>) -> Option<Fragment> {
    Fragment::parse(text.slice(range)).ok()
}

/// The result of a task, in legacy form, with a note of which task it was.
fn related(message: Message, task: &str) -> Option<Message> {
    let message = result::legacy(message, "tools/call");
    let note = format!(r#"{{"taskId":{}}}"#, json::quote(task));
    let mut splice = Splice::new(message.text());
    match message.range_of(Part::Meta) {
        Some(meta) => {
            let [there] = pick(message.text(), meta.clone(), [RELATED_TASK]);
            match there {
                Some(there) => splice.replace(there, note),
                None => splice.insert_member(meta, RELATED_TASK, &note),
            }
        }
        None => {
            let meta = format!(r#"{{"{RELATED_TASK}":{note}}}"#);
            splice.insert_member(message.range_of(Part::Result)?, "_meta", &meta)
        }
    };
    Message::parse(splice.finish().ok()?).ok()
}
