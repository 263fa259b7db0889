//! A server that remembers, until the demo ends.

use std::sync::{Mutex, MutexGuard, PoisonError};

use portcullis_mcp_jsonrpc::{Failure, Id, Message, Reply, code};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::host::{Answer, Content, cacheable, fragment, no_method};

/// How many notes, of how many bytes, are kept at most.
const MOST: usize = 100;
const LONGEST: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Notes {
    texts: Mutex<Vec<String>>,
    /// How many there are, for whoever listens.
    count: watch::Sender<usize>,
}

impl Content for Notes {
    fn name(&self) -> &'static str {
        "notes"
    }

    fn capabilities(&self) -> Value {
        json!({ "tools": {}, "resources": { "listChanged": true }, "prompts": {} })
    }

    fn answer(&self, id: &Id, method: &str, params: &Value) -> Answer {
        match method {
            "tools/list" => Answer::list("tools", tools()),
            "tools/call" => match params["name"].as_str() {
                Some("add") => self.add(params.pointer("/arguments/text")),
                Some("list") => Answer::text(self.all()),
                _ => Answer::unknown("tool"),
            },
            "resources/list" => self.resources(),
            "resources/templates/list" => Answer::list("resourceTemplates", json!([])),
            "resources/read" => self.read(&params["uri"]),
            "prompts/list" => Answer::list(
                "prompts",
                json!([{
                    "name": "summarize",
                    "title": "Summarize",
                    "description": "Asks for a summary of all notes.",
                }]),
            ),
            "prompts/get" if params["name"] == "summarize" => self.prompt(),
            "prompts/get" => Answer::unknown("prompt"),
            "subscriptions/listen" => self.listen(id, &params["notifications"]),
            _ => no_method(),
        }
    }
}

impl Notes {
    fn add(&self, text: Option<&Value>) -> Answer {
        let Some(text) = text.and_then(Value::as_str) else {
            return Answer::Error(code::INVALID_PARAMS, "text must be a string".to_owned());
        };
        let mut texts = self.texts();
        if texts.len() >= MOST || text.len() > LONGEST {
            let text = format!("Only {MOST} notes of {LONGEST} bytes each are kept.");
            return Answer::Result(json!({ "isError": true, "content": [{ "type": "text", "text": text }] }));
        }
        texts.push(text.to_owned());
        self.count.send_replace(texts.len());
        Answer::text(format!("Kept as note://{}.", texts.len()))
    }

    fn all(&self) -> String {
        let texts = self.texts();
        let lines = texts.iter().enumerate().map(|(at, text)| format!("{}. {text}", at + 1));
        match texts.is_empty() {
            true => "There are no notes yet.".to_owned(),
            false => lines.collect::<Vec<_>>().join("\n"),
        }
    }

    fn resources(&self) -> Answer {
        let notes = (1..=self.texts().len()).map(|number| {
            json!({ "uri": format!("note://{number}"), "name": format!("note {number}"), "mimeType": "text/plain" })
        });
        // The next note must show at once.
        Answer::Result(cacheable(json!({ "resources": notes.collect::<Vec<_>>() }), 0))
    }

    fn read(&self, uri: &Value) -> Answer {
        let uri = uri.as_str().unwrap_or_default();
        let number = uri.strip_prefix("note://").and_then(|number| number.parse::<usize>().ok());
        let text = number.and_then(|number| self.texts().get(number.checked_sub(1)?).cloned());
        match text {
            Some(text) => {
                let contents = json!([{ "uri": uri, "mimeType": "text/plain", "text": text }]);
                Answer::Result(cacheable(json!({ "contents": contents }), 0))
            }
            None => Answer::unknown("resource"),
        }
    }

    fn prompt(&self) -> Answer {
        let text = format!("Summarize these notes in one sentence:\n\n{}", self.all());
        Answer::Result(json!({
            "messages": [{ "role": "user", "content": { "type": "text", "text": text } }],
        }))
    }

    /// Acknowledges, then tells of each new note.
    fn listen(&self, id: &Id, wanted: &Value) -> Answer {
        let wanted = wanted["resourcesListChanged"] == true;
        let meta = format!(r#"{{"io.modelcontextprotocol/subscriptionId":{}}}"#, id.to_json());
        let meta: Value = serde_json::from_str(&meta).unwrap_or_default();
        let granted = if wanted { json!({ "resourcesListChanged": true }) } else { json!({}) };
        let acknowledged = json!({ "notifications": granted, "_meta": meta.clone() });
        let first = Message::from_notification(
            "notifications/subscriptions/acknowledged",
            &fragment(acknowledged, false),
        );
        let changed = json!({ "_meta": meta });
        let changed =
            Message::from_notification("notifications/resources/list_changed", &fragment(changed, false));
        let begin = (Some(first), self.count.subscribe());
        let messages = futures_util::stream::unfold(begin, move |(first, mut count)| {
            let changed = changed.clone();
            async move {
                if let Some(first) = first {
                    return Some((Ok::<_, Failure>(first), (None, count)));
                }
                match count.changed().await {
                    Ok(()) if wanted => Some((Ok(changed), (None, count))),
                    // There was nothing this client wanted to hear, or there never will be anything.
                    Ok(()) | Err(_) => std::future::pending().await,
                }
            }
        });
        Answer::Stream(Box::new(Reply::stream(messages)))
    }

    /// A list of whole texts is whole, whoever panicked.
    fn texts(&self) -> MutexGuard<'_, Vec<String>> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tools() -> Value {
    json!([
        {
            "name": "add",
            "title": "Add a note",
            "description": "Keeps a note until the demo ends.",
            "inputSchema": {
                "type": "object",
                "properties": { "text": { "type": "string", "maxLength": LONGEST } },
                "required": ["text"],
                "additionalProperties": false,
            },
        },
        {
            "name": "list",
            "title": "List notes",
            "description": "All notes, in the order in which they were added.",
            "inputSchema": { "type": "object", "additionalProperties": false },
            "annotations": { "readOnlyHint": true },
        },
    ])
}
