//! What a server asks the client for, and what the client gives.

#[cfg(test)]
mod tests;

use bytes::Bytes;
use portcullis_core::json::{self, Splice};
use portcullis_mcp_jsonrpc::{Fragment, Id, Kind, Message, Part, code};

use super::{RELATED_TASK, pick, string};
use crate::front::Client;

/// What stands in a result that asks for input, or in a task that waits for it.
#[derive(Debug)]
pub(in crate::front) struct InputRequired {
    pub(in crate::front) requests: Vec<Input>,
    /// The server's own note: a JSON string, as it is spelled.
    pub(in crate::front) state: Option<Bytes>,
}

/// One thing that a server asks the client for.
#[derive(Clone, Debug)]
pub(in crate::front) struct Input {
    /// The server's name for it: a JSON string, as it is spelled.
    key: String,
    kind: InputKind,
    /// A JSON object.
    params: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InputKind {
    Elicit,
    Sample,
    Roots,
}

impl InputKind {
    fn of(method: &str) -> Option<Self> {
        Some(match method {
            "elicitation/create" => Self::Elicit,
            "sampling/createMessage" => Self::Sample,
            "roots/list" => Self::Roots,
            _ => return None,
        })
    }

    const fn method(self) -> &'static str {
        match self {
            Self::Elicit => "elicitation/create",
            Self::Sample => "sampling/createMessage",
            Self::Roots => "roots/list",
        }
    }
}

/// Why a request cannot go on: an error for the client.
#[derive(Debug)]
pub(in crate::front) struct Stuck {
    pub(in crate::front) code: i64,
    pub(in crate::front) text: String,
    pub(in crate::front) data: Option<String>,
}

impl Stuck {
    pub(in crate::front) fn new(code: i64, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), data: None }
    }

    pub(in crate::front) fn to_message(&self, id: &Id) -> Message {
        let data = self.data.as_ref().and_then(|data| Fragment::parse(data.clone()).ok());
        Message::from_error(Some(id), self.code, &self.text, data.as_ref())
    }
}

impl InputRequired {
    /// Reads a result; none if it is not as the specification has it.
    pub(in crate::front) fn read(message: &Message) -> Option<Self> {
        let text = message.text();
        let [requests, state] =
            pick(text, message.range_of(Part::Result)?, ["inputRequests", "requestState"]);
        let requests = requests.map_or(Some(Vec::new()), |range| Input::read_all(text, range))?;
        let state = state.map(|range| text.slice(range));
        if state.as_ref().is_some_and(|state| state.first() != Some(&b'"')) {
            return None;
        }
        (!requests.is_empty() || state.is_some()).then_some(Self { requests, state })
    }
}

impl Input {
    fn read_all(text: &Bytes, object: std::ops::Range<usize>) -> Option<Vec<Self>> {
        let mut inputs = Vec::new();
        for member in json::members_within(text, object) {
            let member = member.ok()?;
            let [method, params] = pick(text, member.range(), ["method", "params"]);
            let params = params.map_or(Bytes::from_static(b"{}"), |range| text.slice(range));
            inputs.push(Self {
                key: format!("\"{}\"", member.key().raw()),
                kind: InputKind::of(&string(text, method)?)?,
                params: Fragment::parse(params).ok()?.text().clone(),
            });
        }
        Some(inputs)
    }

    /// The server's name for it.
    pub(in crate::front) fn key(&self) -> &str {
        &self.key
    }

    /// Whether the client said that it can do this. Not every server looks before it asks, and a client that is asked
    /// for what it does not know may never answer.
    ///
    /// # Errors
    ///
    /// The error that says which capability is missing.
    pub(in crate::front) fn check(&self, client: &Client) -> Result<(), Stuck> {
        let able = |path: &[&str]| json::find(&client.capabilities, path).is_ok_and(|found| found.is_some());
        let [mode, tools, choice] = pick(&self.params, 0..self.params.len(), ["mode", "tools", "toolChoice"]);
        let (able, needed) = match self.kind {
            InputKind::Elicit if string(&self.params, mode).as_deref() == Some("url") => {
                (able(&["elicitation", "url"]), r#"{"elicitation":{"url":{}}}"#)
            }
            InputKind::Elicit => (able(&["elicitation", "form"]), r#"{"elicitation":{"form":{}}}"#),
            InputKind::Sample if tools.or(choice).is_some() => {
                (able(&["sampling", "tools"]), r#"{"sampling":{"tools":{}}}"#)
            }
            InputKind::Sample => (able(&["sampling"]), r#"{"sampling":{}}"#),
            InputKind::Roots => (able(&["roots"]), r#"{"roots":{}}"#),
        };
        if able {
            return Ok(());
        }
        let method = self.kind.method();
        let mut stuck = Stuck::new(
            code::MISSING_CAPABILITY,
            format!("The server needs {method}, which this client does not support."),
        );
        stuck.data = Some(format!(r#"{{"requiredCapabilities":{needed}}}"#));
        Err(stuck)
    }

    /// The request to the client, which may belong to a task.
    pub(in crate::front) fn to_request(&self, id: &Id, task: Option<&str>) -> Message {
        let mut splice = Splice::new(&self.params);
        let whole = 0..self.params.len();
        let [mode, elicitation, meta] = pick(&self.params, whole.clone(), ["mode", "elicitationId", "_meta"]);
        if self.kind == InputKind::Elicit
            && elicitation.is_none()
            && string(&self.params, mode).as_deref() == Some("url")
        {
            // 2025-11-25 names each elicitation by URL, to tell later that it is complete; 2026-07-28 does not.
            splice.insert_member(whole.clone(), "elicitationId", &json::quote(&id.to_string()));
        }
        if let Some(task) = task {
            let related = format!(r#"{{"taskId":{}}}"#, json::quote(task));
            match meta {
                None => splice.insert_member(whole, "_meta", &format!(r#"{{"{RELATED_TASK}":{related}}}"#)),
                Some(meta) => {
                    let [there] = pick(&self.params, meta.clone(), [RELATED_TASK]);
                    match there {
                        Some(there) => splice.replace(there, related),
                        None => splice.insert_member(meta, RELATED_TASK, &related),
                    }
                }
            };
        }
        let params = splice.finish().ok().and_then(|text| Fragment::parse(text).ok());
        Message::from_request(id, self.kind.method(), &params.unwrap_or_else(Fragment::empty))
    }

    /// What the client's answer is to the server: a JSON object.
    ///
    /// Only results can be passed on. A client that fails to elicit has made no choice, which elicitation knows as
    /// `cancel`; the others have no such word.
    ///
    /// # Errors
    ///
    /// The error that says what the client did not give.
    pub(in crate::front) fn response(&self, answer: &Message) -> Result<String, Stuck> {
        if answer.kind() == Kind::Result
            && let Some(result) = answer.result().and_then(|result| std::str::from_utf8(result).ok())
        {
            return Ok(result.to_owned());
        }
        match self.kind {
            InputKind::Elicit => Ok(r#"{"action":"cancel"}"#.to_owned()),
            InputKind::Sample | InputKind::Roots => {
                let (method, number) = (self.kind.method(), answer.error_code().unwrap_or_default());
                let text = format!("The client answered {method} with error {number}.");
                Err(Stuck::new(code::INTERNAL_ERROR, text))
            }
        }
    }

    pub(in crate::front) fn method(&self) -> &'static str {
        self.kind.method()
    }
}

/// The requests of a task that waits for input.
pub(in crate::front) fn of_task(text: &Bytes, requests: std::ops::Range<usize>) -> Option<Vec<Input>> {
    Input::read_all(text, requests)
}
