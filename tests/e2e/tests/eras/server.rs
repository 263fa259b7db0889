//! An MCP server of either era, without a transport: a message in, messages out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::{Era, at};

/// What a server says goes here: the answer, and what comes before it.
pub(crate) type Out = UnboundedSender<Value>;

/// The state of a call that waits for input, which must come back byte for byte.
const STATE: &str = "é \"quoted\" \\ \u{1F980} 1.0";

/// A resource that can be subscribed to.
pub(crate) const WATCHED: &str = "mem://watched";

/// How large the answer of the tool `big` is.
pub(crate) const BIG: usize = 3 * 1024 * 1024;

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

pub(crate) struct Server {
    pub(crate) era: Era,
    name: String,
    notes: Mutex<Vec<String>>,
    /// Answers that are waited for, by the id of the server's own request.
    asked: Mutex<HashMap<String, oneshot::Sender<Value>>>,
    /// Calls that can be cancelled, by their id as JSON.
    running: Mutex<HashMap<String, oneshot::Sender<()>>>,
    /// Who is told of changes: where to, and under which subscription if the era has such.
    listeners: Mutex<Vec<(Out, Option<Value>)>>,
    next: AtomicU64,
}

impl Server {
    pub(crate) fn new(era: Era, name: &str) -> Arc<Self> {
        Arc::new(Self {
            era,
            name: name.to_owned(),
            notes: Mutex::default(),
            asked: Mutex::default(),
            running: Mutex::default(),
            listeners: Mutex::default(),
            next: AtomicU64::new(0),
        })
    }

    pub(crate) fn note(&self, text: impl Into<String>) {
        self.notes.lock().unwrap().push(text.into());
    }

    /// What has happened here.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap().clone()
    }

    /// Somebody waits for changes.
    pub(crate) fn listen(&self, out: Out, subscription: Option<Value>) {
        self.listeners.lock().unwrap().push((out, subscription));
    }

    /// How many wait for changes.
    pub(crate) fn listeners(&self) -> usize {
        let mut listeners = self.listeners.lock().unwrap();
        listeners.retain(|(out, _)| !out.is_closed());
        listeners.len()
    }

    /// Breaks all streams of changes.
    pub(crate) fn hang_up(&self) {
        self.listeners.lock().unwrap().clear();
    }

    /// Tells all who wait.
    pub(crate) fn change(&self, method: &str, params: &Value) {
        for (out, subscription) in &*self.listeners.lock().unwrap() {
            let mut params = params.clone();
            if let Some(id) = subscription {
                params["_meta"] = json!({ SUBSCRIPTION: id });
            }
            let _ = out.send(json!({ "jsonrpc": "2.0", "method": method, "params": params }));
        }
    }

    /// Takes a message; whatever is to be said about it has been said when this returns.
    pub(crate) async fn take(self: Arc<Self>, message: Value, out: Out) {
        let Some(method) = message["method"].as_str() else {
            let waiting = self.asked.lock().unwrap().remove(message["id"].as_str().unwrap_or_default());
            return match waiting {
                Some(waiting) => drop(waiting.send(message)),
                None => self.note(format!("an answer to nothing: {message}")),
            };
        };
        if message.get("id").is_none() {
            if method == "notifications/cancelled" {
                let id = at(&message, "/params/requestId").to_string();
                self.note("cancelled");
                drop(self.running.lock().unwrap().remove(&id));
            }
            return;
        }
        if method == "tools/call" {
            let verb = if at(&message, "/params/inputResponses").is_null() { "called" } else { "retried" };
            self.note(format!("{verb} as {}", message["id"]));
        }
        let (cancel, cancelled) = oneshot::channel();
        self.running.lock().unwrap().insert(message["id"].to_string(), cancel);
        let answer = tokio::select! {
            answer = self.answer(method, &message, &out) => answer,
            _ = cancelled => return,
            // Over HTTP this era says it by closing the response.
            () = out.closed() => {
                self.note("closed");
                return;
            }
        };
        self.running.lock().unwrap().remove(&message["id"].to_string());
        let Some(answer) = answer else { return };
        let (kind, value) = match answer {
            Ok(result) => ("result", result),
            Err(error) => ("error", error),
        };
        let _ = out.send(json!({ "jsonrpc": "2.0", "id": message["id"], kind: value }));
    }

    /// The answer to a request; none if what was said is all there is to say.
    async fn answer(&self, method: &str, message: &Value, out: &Out) -> Option<Result<Value, Value>> {
        let params = &message["params"];
        let mut result = match (self.era, method) {
            (Era::Legacy, "initialize") => {
                self.note(format!("initialize {}", at(params, "/capabilities")));
                let capabilities = capabilities(self.era);
                json!({ "protocolVersion": "2025-11-25", "capabilities": capabilities,
                    "serverInfo": { "name": self.name, "version": "" } })
            }
            (Era::Legacy, "ping" | "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe") => {
                self.note(format!("{method} {params}"));
                json!({})
            }
            (Era::Modern, "server/discover") => json!({
                "supportedVersions": ["2026-07-28"], "capabilities": capabilities(self.era),
                "serverInfo": { "name": self.name, "version": "1" }, "ttlMs": 0, "cacheScope": "private",
            }),
            (Era::Modern, "subscriptions/listen") => {
                let meta = json!({ SUBSCRIPTION: message["id"] });
                let params = json!({ "_meta": meta, "notifications": params["notifications"] });
                let method = "notifications/subscriptions/acknowledged";
                let _ = out.send(json!({ "jsonrpc": "2.0", "method": method, "params": params }));
                self.listen(out.clone(), Some(message["id"].clone()));
                // Over pipes there is no response to keep open; the listener is all there is.
                return None;
            }
            (_, "tools/call") => match self.tool(params, out).await {
                Ok(result) => result,
                Err(error) => return Some(Err(error)),
            },
            _ => match listing(&self.name, method, params) {
                Some(result) => result,
                None => return Some(Err(json!({ "code": -32601, "message": "Method not found" }))),
            },
        };
        if self.era == Era::Modern {
            let members = result.as_object_mut().unwrap();
            members.entry("resultType").or_insert_with(|| json!("complete"));
            if method.ends_with("/list") || method == "resources/read" {
                members.extend([("ttlMs".into(), json!(0)), ("cacheScope".into(), json!("private"))]);
            }
        }
        Some(Ok(result))
    }

    async fn tool(&self, params: &Value, out: &Out) -> Result<Value, Value> {
        let text = |text: String| Ok(json!({ "content": [{ "type": "text", "text": text }], "x-kept": 1 }));
        let say = |method: &str, params: Value| {
            let _ = out.send(json!({ "jsonrpc": "2.0", "method": method, "params": params }));
        };
        match params["name"].as_str().unwrap_or_default() {
            "echo" => text(params["arguments"].to_string()),
            "recall" => text(json!(self.notes()).to_string()),
            "big" => text("x".repeat(BIG)),
            "work" => {
                let token = at(params, "/_meta/progressToken");
                for step in [1, 2] {
                    if !token.is_null() {
                        let note = json!({ "progressToken": token, "progress": step, "total": 2 });
                        say("notifications/progress", note);
                    }
                    say(
                        "notifications/message",
                        json!({ "level": "warning", "data": format!("step {step}") }),
                    );
                }
                text(format!("worked {}", params["arguments"]))
            }
            "slow" => {
                // Both ends of the wait are seen by whoever asks for the notes.
                self.note("slow");
                say("notifications/message", json!({ "level": "error", "data": "begun" }));
                std::future::pending().await
            }
            "change" => {
                for kind in ["tools", "prompts", "resources"] {
                    self.change(&format!("notifications/{kind}/list_changed"), &json!({}));
                }
                self.change("notifications/resources/updated", &json!({ "uri": WATCHED }));
                text("changed".to_owned())
            }
            "fail" => Ok(
                json!({ "content": [{ "type": "text", "text": "Error executing tool fail" }], "isError": true }),
            ),
            "unknown" => Ok(
                json!({ "content": [{ "type": "text", "text": "Unknown tool: unknown" }], "isError": true }),
            ),
            name => match question(name) {
                Some((method, asked)) => match self.ask(method, asked, params, out).await? {
                    Ok(answer) => text(answer.to_string()),
                    Err(unanswered) => Ok(unanswered),
                },
                None => Err(
                    json!({ "code": -32602, "message": format!("Unknown tool: {name}"), "data": { "kept": true } }),
                ),
            },
        }
    }

    /// Asks the client: either what it answered, or a result that asks.
    async fn ask(
        &self,
        method: &str,
        asked: Value,
        params: &Value,
        out: &Out,
    ) -> Result<Result<Value, Value>, Value> {
        if self.era == Era::Modern {
            let answer = at(params, "/inputResponses/q");
            if answer.is_null() {
                let requests = json!({ "q": { "method": method, "params": asked } });
                return Ok(Err(
                    json!({ "resultType": "input_required", "inputRequests": requests, "requestState": STATE }),
                ));
            }
            if params["requestState"] != STATE {
                return Err(
                    json!({ "code": -32602, "message": format!("not my state: {}", params["requestState"]) }),
                );
            }
            return Ok(Ok(answer.clone()));
        }
        let id = format!("{}-{}", self.name, self.next.fetch_add(1, Ordering::Relaxed));
        let (sender, answer) = oneshot::channel();
        self.asked.lock().unwrap().insert(id.clone(), sender);
        let _ = out.send(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": asked }));
        let answer = answer.await.unwrap();
        Ok(Ok(answer.get("result").unwrap_or(&answer["error"]).clone()))
    }
}

/// What the tool of this name asks of the client.
pub(crate) fn question(tool: &str) -> Option<(&'static str, Value)> {
    Some(match tool {
        "form" => {
            let schema = json!({ "type": "object", "properties": { "name": { "type": "string" } } });
            ("elicitation/create", json!({ "mode": "form", "message": "Who?", "requestedSchema": schema }))
        }
        "visit" => {
            let url = "https://example.com/consent";
            (
                "elicitation/create",
                json!({ "mode": "url", "message": "Go", "url": url, "elicitationId": "e-1" }),
            )
        }
        "sample" => {
            let said = json!([{ "role": "user", "content": { "type": "text", "text": "Hi" } }]);
            ("sampling/createMessage", json!({ "messages": said, "maxTokens": 10 }))
        }
        "roots" => ("roots/list", json!({})),
        _ => return None,
    })
}

fn capabilities(era: Era) -> Value {
    let mut capabilities = json!({
        "tools": { "listChanged": true }, "prompts": { "listChanged": true },
        "resources": { "listChanged": true, "subscribe": true }, "completions": {}, "logging": {},
    });
    if era == Era::Modern {
        capabilities["extensions"] = json!({});
    }
    capabilities
}

/// Lists, and what is on them.
fn listing(server: &str, method: &str, params: &Value) -> Option<Value> {
    const TOOLS: [&str; 10] =
        ["echo", "recall", "big", "work", "slow", "change", "form", "visit", "sample", "roots"];
    let resource = json!({ "uri": format!("mem://{server}"), "name": server });
    Some(match method {
        "tools/list" => {
            let schema = json!({ "type": "object", "$defs": { "kept": { "type": "string" } } });
            json!({ "tools": TOOLS.map(|name| json!({ "name": name, "inputSchema": schema })) })
        }
        "prompts/list" => json!({ "prompts": [{ "name": "greet", "arguments": [{ "name": "whom" }] }] }),
        "prompts/get" => {
            let whom = at(params, "/arguments/whom").as_str().unwrap_or("nobody");
            let text = format!("Hello {whom} from {server}");
            json!({ "messages": [{ "role": "user", "content": { "type": "text", "text": text } }] })
        }
        "resources/list" => json!({ "resources": [resource, { "uri": WATCHED, "name": "watched" }] }),
        "resources/templates/list" => {
            json!({ "resourceTemplates": [{ "uriTemplate": format!("{server}://{{key}}"), "name": "any" }] })
        }
        "resources/read" => {
            json!({ "contents": [{ "uri": params["uri"], "text": format!("read at {server}") }] })
        }
        "completion/complete" => {
            let begun = at(params, "/argument/value").as_str().unwrap_or_default();
            json!({ "completion": { "values": [format!("{begun}..."), at(params, "/ref/name")] } })
        }
        _ => return None,
    })
}
