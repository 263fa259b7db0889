//! What a legacy server says, in the words of 2026-07-28 and to the one who asked.

use std::fmt::Write as _;
use std::ops::Range;
use std::time::Duration;

use portcullis_core::json::{self, Splice};
use portcullis_mcp_jsonrpc::{Failure, Fragment, Id, Message, Part, code};

use super::edit::{self, Cut};
use super::level::Level;

/// What earlier revisions answer when there is no such resource.
const RESOURCE_NOT_FOUND: i64 = -32002;

const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";

/// What a result needs beside its id.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Form<'a> {
    /// `ttlMs` and `cacheScope`, where the method demands them.
    pub(super) cache: Option<&'a str>,
    /// Whether it is a list of tools that may speak of tasks, which the next revision does not know.
    pub(super) executions: bool,
    /// Whether it came out of a task.
    pub(super) task: bool,
}

/// The answer, under the caller's id.
pub(super) fn translate(answer: &Message, id: &Id, form: Form<'_>) -> Result<Message, Failure> {
    let text = answer.text();
    let mut splice = Splice::new(text);
    let head = |name: &str| format!(r#"{{"jsonrpc":"2.0","id":{},"{name}":"#, id.to_json());
    if let Some(error) = answer.range_of(Part::Error) {
        splice.replace(0..error.start, head("error")).replace(error.end..text.len(), "}");
        if answer.error_code() == Some(RESOURCE_NOT_FOUND) {
            let code = json::members_within(text, error).filter_map(Result::ok).find(|m| m.key() == "code");
            if let Some(code) = code {
                splice.replace(code.range(), code::INVALID_PARAMS.to_string());
            }
        }
        return edit::message(&splice);
    }
    let Some(result) = answer.range_of(Part::Result) else { return Ok(answer.clone()) };
    splice.replace(0..result.start, head("result")).replace(result.end..text.len(), "}");
    if form.executions {
        cut_executions(text, answer, &mut splice);
    }
    if form.task
        && let Some(meta) = answer.range_of(Part::Meta)
    {
        remove(&mut splice, edit::cut(text, meta, |member| member.key() == RELATED_TASK).unwrap_or_default());
    }
    let complete = answer.result_type() == Some("complete");
    let mut start = String::new();
    if !complete {
        start.push_str(r#""resultType":"complete""#);
    }
    if let Some(cache) = form.cache {
        let comma = if start.is_empty() { "" } else { "," };
        let _ = write!(start, "{comma}{cache}");
    }
    if start.is_empty() {
        return edit::message(&splice);
    }
    // Servers of the past do not send these members, so that one look at the whole is enough: the reader finds a member
    // that is there twice. Only then are the server's own taken out.
    let mut optimist = splice.clone();
    optimist.insert(result.start + 1, with_comma(&start, !is_empty(text, &result)));
    if let Ok(message) = edit::message(&optimist) {
        return Ok(message);
    }
    let cut = edit::cut(text, result.clone(), |member| {
        let key = member.key();
        !complete && key == "resultType" || form.cache.is_some() && (key == "ttlMs" || key == "cacheScope")
    })
    .unwrap_or_default();
    splice.insert(result.start + 1, with_comma(&start, cut.remains));
    remove(&mut splice, cut);
    edit::message(&splice)
}

fn with_comma(members: &str, more: bool) -> String {
    format!("{members}{}", if more { "," } else { "" })
}

fn is_empty(text: &[u8], object: &Range<usize>) -> bool {
    let inside = text.get(object.start + 1..object.end.saturating_sub(1)).unwrap_or_default();
    inside.iter().all(u8::is_ascii_whitespace)
}

fn remove(splice: &mut Splice<'_>, cut: Cut) {
    for range in cut.ranges {
        splice.remove(range);
    }
}

/// Takes `execution` out of every tool. It tells whether a tool can or must be called as a task. The schema of 2026-07-28
/// has no such member, and what it says is not so here: every tool is called in the ordinary way.
fn cut_executions(text: &[u8], answer: &Message, splice: &mut Splice<'_>) {
    let Some(result) = answer.range_of(Part::Result) else { return };
    let tools =
        json::members_within(text, result).filter_map(Result::ok).find(|member| member.key() == "tools");
    let Some(tools) = tools else { return };
    for tool in json::elements_within(text, tools.range()).map_while(Result::ok) {
        remove(
            splice,
            edit::cut(text, tool.range(), |member| member.key() == "execution").unwrap_or_default(),
        );
    }
}

/// The token that a progress notification is for, if it is one of those that are given out here.
pub(super) fn progress_token(notification: &Message) -> Option<i64> {
    let token = edit::member(notification.params()?, "progressToken")?;
    std::str::from_utf8(token).ok()?.trim_matches('"').parse().ok()
}

/// Progress under the caller's token.
pub(super) fn progress(notification: &Message, token: &str) -> Option<Message> {
    let text = notification.text();
    let params = notification.range_of(Part::Params)?;
    let old =
        json::members_within(text, params).filter_map(Result::ok).find(|m| m.key() == "progressToken")?;
    let mut splice = Splice::new(text);
    splice.replace(old.range(), token);
    edit::message(&splice).ok()
}

/// The level of a line of the server's log.
pub(super) fn log_level(notification: &Message) -> Option<Level> {
    Level::parse(&edit::text(notification.params()?, "level")?)
}

/// A question of the server's: how the caller knows it and what it asks. None if it fits into no message.
pub(super) fn question(request: &Message) -> Option<Fragment> {
    let method = request.method()?;
    let mut text = format!(r#"{{"method":{}"#, json::quote(method)).into_bytes();
    if let Some(params) = request.params() {
        // A client of 2026-07-28 knows nothing of tasks, does not report progress and gives no number to a page that it
        // shows.
        let mut params = edit::without(params, |member| {
            member.key() == "task" || member.key() == "elicitationId" && method == "elicitation/create"
        })?;
        if let Some(meta) = json::find(&params, &["_meta"])
            .ok()?
            .filter(|range| params.get(range.clone()).is_some_and(edit::is_object))
        {
            let cut = edit::cut(&params, meta, |member| {
                member.key() == "progressToken" || member.key() == RELATED_TASK
            });
            let mut splice = Splice::new(&params);
            remove(&mut splice, cut.ok()?);
            params = splice.finish().ok()?;
        }
        text.extend_from_slice(br#","params":"#);
        text.extend_from_slice(&params);
    }
    text.push(b'}');
    Fragment::parse(text).ok()
}

/// The pages that an error says the client must visit, each as if the server had asked for it. None if it names none, or
/// asks for anything else.
pub(super) fn pages(error: &Message) -> Option<Vec<Message>> {
    let text = error.text();
    let data = json::members_within(text, error.range_of(Part::Error)?).filter_map(Result::ok);
    let data = data.into_iter().find(|member| member.key() == "data")?;
    let pages = edit::member(data.value(), "elicitations")?;
    let page = |page: &[u8]| {
        let is_page = edit::is_object(page) && edit::text(page, "mode").as_deref() == Some("url");
        let params = is_page.then(|| Fragment::parse(page.to_vec()).ok())??;
        Some(Message::from_request(&Id::from(0), "elicitation/create", &params))
    };
    let pages: Option<Vec<_>> = json::elements(pages).map(|one| page(one.ok()?.value())).collect();
    pages.filter(|pages| !pages.is_empty())
}

/// The answer to a call that has to come again with answers to these questions.
pub(super) fn input_required<'a>(
    id: &Id,
    questions: impl Iterator<Item = (&'a str, &'a Fragment)>,
    state: Option<&str>,
) -> Option<Message> {
    let mut text = br#"{"resultType":"input_required","inputRequests":{"#.to_vec();
    for (number, (key, question)) in questions.enumerate() {
        if number > 0 {
            text.push(b',');
        }
        text.extend_from_slice(json::quote(key).as_bytes());
        text.push(b':');
        text.extend_from_slice(question.text());
    }
    text.push(b'}');
    if let Some(state) = state {
        text.extend_from_slice(format!(r#","requestState":{}"#, json::quote(state)).as_bytes());
    }
    text.push(b'}');
    Some(Message::from_result(id, &Fragment::parse(text).ok()?))
}

/// A notification, as one of a subscription.
pub(super) fn stamp(notification: &Message, subscription: &Id) -> Option<Message> {
    const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
    let stamp = format!(r#""{SUBSCRIPTION}":{}"#, subscription.to_json());
    let text = notification.text();
    let Some(params) = notification.range_of(Part::Params) else {
        let params = Fragment::parse(format!(r#"{{"_meta":{{{stamp}}}}}"#)).ok()?;
        return Some(Message::from_notification(notification.method()?, &params));
    };
    let mut splice = Splice::new(text);
    if let Some(meta) = notification.range_of(Part::Meta) {
        let cut = edit::cut(text, meta.clone(), |member| member.key() == SUBSCRIPTION).ok()?;
        splice.insert(meta.start + 1, with_comma(&stamp, cut.remains));
        remove(&mut splice, cut);
    } else {
        let cut = edit::cut(text, params.clone(), |member| member.key() == "_meta").ok()?;
        splice.insert(params.start + 1, with_comma(&format!(r#""_meta":{{{stamp}}}"#), cut.remains));
        remove(&mut splice, cut);
    }
    edit::message(&splice).ok()
}

/// `"ttlMs":…,"cacheScope":…`
pub(super) fn cache(ttl: Duration, scope: &str) -> String {
    format!(r#""ttlMs":{},"cacheScope":"{scope}""#, ttl.as_millis())
}

#[cfg(test)]
mod tests;
