//! What a caller asks, and the same in the words of a legacy server.

use std::borrow::Cow;
use std::ops::Range;

use http::Extensions;
use portcullis_core::Principal;
use portcullis_core::json::{self, Splice};
use portcullis_mcp_jsonrpc::{Call, Failure, Id, Message, Part};
use portcullis_seal::Context;

use super::level::{Level, LevelCell};
use super::{Outgoing, edit};

const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// What is special about a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    CallTool,
    GetPrompt,
    ReadResource,
    ListTools,
    /// Another list that clients may keep.
    List,
    Other,
}

impl Method {
    fn of(method: &str) -> Self {
        match method {
            "tools/call" => Self::CallTool,
            "prompts/get" => Self::GetPrompt,
            "resources/read" => Self::ReadResource,
            "tools/list" => Self::ListTools,
            "prompts/list" | "resources/list" | "resources/templates/list" => Self::List,
            _ => Self::Other,
        }
    }

    /// Whether the answer may ask for input (2026-07-28, Multi Round-Trip Requests, "Supported Requests").
    pub(super) fn may_ask(self) -> bool {
        matches!(self, Self::CallTool | Self::GetPrompt | Self::ReadResource)
    }
}

/// A caller's request, read once.
#[derive(Debug)]
pub(super) struct Request {
    message: Message,
    extensions: Extensions,
    pub(super) id: Id,
    pub(super) method: Method,
    /// The caller's progress token, as JSON.
    pub(super) token: Option<String>,
    /// From which level on the caller wants to hear the server's log.
    pub(super) level: LevelCell,
    /// What the caller says it is, as JSON.
    pub(super) client_info: Option<String>,
    /// What the caller got with `input_required`, and its answers.
    pub(super) state: Option<String>,
    responses: Option<Range<usize>>,
    token_at: Option<Range<usize>>,
    cuts: Vec<Range<usize>>,
    /// Whether params remain when the cuts are made.
    remains: bool,
}

impl Request {
    /// Reads a request; the error says what is wrong with its params.
    pub(super) fn read(call: Call, id: Id) -> Result<Self, &'static str> {
        let (message, head) = call.into_parts();
        let mut request = Self {
            method: Method::of(message.method().unwrap_or_default()),
            message,
            extensions: head.extensions,
            id,
            token: None,
            level: LevelCell::default(),
            client_info: None,
            state: None,
            responses: None,
            token_at: None,
            cuts: Vec::new(),
            remains: false,
        };
        request.read_params()?;
        Ok(request)
    }

    fn read_params(&mut self) -> Result<(), &'static str> {
        // The message has been checked, so that reading it again cannot fail.
        const BROKEN: &str = "params cannot be read";
        let text = self.message.text().clone();
        if let Some(params) = self.message.range_of(Part::Params) {
            let mut wrong = None;
            let cut = edit::cut(&text, params, |member| {
                if member.key() == "requestState" {
                    self.state = json::from_slice(member.value()).ok();
                    wrong = wrong.or(self.state.is_none().then_some("requestState must be a string"));
                } else if member.key() == "inputResponses" {
                    self.responses = Some(member.range());
                } else {
                    // Nobody in 2026-07-28 waits for a task.
                    return member.key() == "task";
                }
                true
            });
            let cut = cut.map_err(|_| BROKEN)?;
            self.cuts.extend(cut.ranges);
            self.remains = cut.remains;
            wrong.map_or(Ok(()), Err)?;
        }
        if let Some(meta) = self.message.range_of(Part::Meta) {
            let mut level = None;
            let cut = edit::cut(&text, meta, |member| {
                if member.key() == "progressToken" {
                    self.token_at = Some(member.range());
                    self.token = std::str::from_utf8(member.value()).ok().map(str::to_owned);
                } else if member.key() == CLIENT_INFO {
                    let info = std::str::from_utf8(member.value()).ok();
                    self.client_info =
                        info.filter(|info| edit::is_object(info.as_bytes())).map(str::to_owned);
                    return true;
                } else if member.key() == LOG_LEVEL {
                    level = Some(json::from_slice::<String>(member.value()).ok());
                    return true;
                }
                member.key() == PROTOCOL_VERSION || member.key() == CLIENT_CAPABILITIES
            });
            self.cuts.extend(cut.map_err(|_| BROKEN)?.ranges);
            if let Some(name) = level {
                let level = name.as_deref().and_then(Level::parse);
                self.level.set(Some(level.ok_or("there is no such log level")?));
            }
        }
        match &self.token {
            Some(token)
                if !token.starts_with(['"', '-']) && !token.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                Err("progressToken must be a string or a number")
            }
            _ => Ok(()),
        }
    }

    /// The request for a legacy server, under another id; as a task if it demands one.
    pub(super) fn to_legacy(&self, id: i64, task: bool) -> Result<Outgoing, Failure> {
        let text = self.message.text();
        let method = json::quote(self.message.method().unwrap_or_default());
        let mut head = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method}"#);
        let mut splice = Splice::new(text);
        match self.message.range_of(Part::Params) {
            None => {
                if task {
                    head.push_str(r#","params":{"task":{}}"#);
                }
                head.push('}');
                splice.replace(0..text.len(), head);
            }
            Some(params) => {
                head.push_str(r#","params":"#);
                splice.replace(0..params.start, head).replace(params.end..text.len(), "}");
                if task {
                    let member = if self.remains { r#""task":{},"# } else { r#""task":{}"# };
                    splice.insert(params.start + 1, member);
                }
                for range in &self.cuts {
                    splice.remove(range.clone());
                }
                if let Some(range) = &self.token_at {
                    splice.replace(range.clone(), id.to_string());
                }
            }
        }
        Ok(Outgoing { message: edit::message(&splice)?, extensions: self.extensions.clone() })
    }

    /// What was answered to the question `key`, a JSON object.
    pub(super) fn response(&self, key: &str) -> Option<&[u8]> {
        let responses = self.message.text().get(self.responses.clone()?)?;
        edit::member(responses, key).filter(|response| edit::is_object(response))
    }

    /// What state that is given out with the answer to this request is bound to.
    pub(super) fn context(&self, upstream: &str) -> Context {
        let message = &self.message;
        let name: Cow<'_, [u8]> = match message.name() {
            Some(name) => Cow::Owned([b"=", name.as_bytes()].concat()),
            None => Cow::Borrowed(b""),
        };
        Context::new("park")
            .text(upstream)
            .principal(self.extensions.get::<Principal>())
            .text(message.method().unwrap_or_default())
            .bytes(&name)
            .bytes(message.arguments().unwrap_or_default())
    }

    /// The tool that is called, if it is a call of one.
    pub(super) fn tool(&self) -> Option<&str> {
        self.message.name().filter(|_| self.method == Method::CallTool)
    }

    /// What layers attached to the call.
    pub(super) fn extensions(&self) -> &Extensions {
        &self.extensions
    }
}

#[cfg(test)]
mod tests;
