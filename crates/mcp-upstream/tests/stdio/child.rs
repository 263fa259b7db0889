//! The server that the tests talk to: this very test binary, started again as an ignored test.
//!
//! So every test also sees what many servers do: the test harness writes a line to the standard output that is no message.

use std::collections::HashMap;
use std::io::{BufRead, Write};

use bytes::Bytes;
use portcullis_core::{Secret, json};
use portcullis_mcp_jsonrpc::{Fragment, Id, Message};
use portcullis_mcp_upstream::{StdioUpstream, StdioUpstreamBuilder};

/// A builder for a server that behaves like this.
pub(crate) fn server(behaviour: &str) -> StdioUpstreamBuilder {
    StdioUpstream::builder(std::env::current_exe().unwrap())
        .args(["child::serve", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env("CHILD", Secret::new(behaviour))
}

#[test]
#[ignore = "the server that the other tests start"]
fn serve() {
    let behaviour = std::env::var("CHILD").unwrap();
    // The harness has begun a line.
    write(b"");
    let mut server =
        Server { behaviour, held: Vec::new(), cancelled: Vec::new(), initialized: false, asked: None };
    for line in std::io::stdin().lock().lines() {
        server.take(&Message::parse(Bytes::from(line.unwrap())).unwrap());
    }
    std::process::exit(0);
}

struct Server {
    behaviour: String,
    held: Vec<(Id, String)>,
    cancelled: Vec<String>,
    initialized: bool,
    asked: Option<Id>,
}

const DISCOVERED: &str = r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"private"}"#;
const INITIALIZED: &str = r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"child","version":"1"}}"#;

impl Server {
    fn is(&self, word: &str) -> bool {
        self.behaviour.split(',').any(|one| one == word)
    }

    fn take(&mut self, message: &Message) {
        let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap_or(b"null").to_vec()).unwrap();
        match (message.method(), message.id()) {
            (Some("server/discover"), Some(_)) if self.is("silent") => {}
            (Some("server/discover"), Some(_)) if self.is("shy") => std::process::exit(3),
            (Some("server/discover"), Some(id)) if self.is("modern") => result(id, DISCOVERED),
            (Some("initialize"), Some(id)) if self.is("legacy") => {
                self.initialized = true;
                result(id, INITIALIZED);
            }
            (Some("notifications/cancelled"), _) => {
                self.cancelled.push(member(message.params().unwrap(), "requestId").unwrap());
            }
            (Some("subscriptions/listen"), Some(id)) => {
                let meta = format!(r#"{{"io.modelcontextprotocol/subscriptionId":{}}}"#, id.to_json());
                let params = format!(r#"{{"_meta":{meta},"notifications":{{"toolsListChanged":true}}}}"#);
                notify("notifications/subscriptions/acknowledged", &params);
                notify("notifications/tools/list_changed", &format!(r#"{{"_meta":{meta}}}"#));
                if self.is("brief") {
                    result(id, &format!(r#"{{"resultType":"complete","_meta":{meta}}}"#));
                }
            }
            (Some("tools/call"), Some(id)) if self.is("modern") || self.initialized => {
                let arguments = text(message.arguments());
                self.call(message.name().unwrap(), id, &arguments, message);
            }
            (None, Some(id)) if *id == Id::from("question") => {
                std::thread::sleep(std::time::Duration::from_millis(600));
                say(&self.asked.take().unwrap(), "true");
            }
            (_, Some(id)) => {
                write(Message::from_error(Some(id), -32601, "Method not found", None).text());
            }
            _ => {}
        }
    }

    fn call(&mut self, tool: &str, id: &Id, arguments: &str, message: &Message) {
        match tool {
            "echo" => {
                if let Some(token) = message.meta().and_then(|meta| member(meta, "progressToken")) {
                    let progress =
                        format!(r#"{{"progressToken":{token},"progress":1,"message":{arguments}}}"#);
                    notify("notifications/progress", &progress);
                }
                say(id, arguments);
            }
            // Answers when so many calls are held, the last one first.
            "gather" => {
                self.held.push((id.clone(), arguments.to_owned()));
                let count: usize = member(arguments.as_bytes(), "count").unwrap().parse().unwrap();
                if self.held.len() == count {
                    for (id, arguments) in self.held.drain(..).rev() {
                        if let Some(token) = message.meta().and_then(|meta| member(meta, "progressToken")) {
                            assert!(!token.is_empty());
                            let token = id.to_json();
                            notify(
                                "notifications/progress",
                                &format!(r#"{{"progressToken":{token},"progress":1,"message":{arguments}}}"#),
                            );
                        }
                        say(&id, &arguments);
                    }
                }
            }
            "never" => notify(
                "notifications/progress",
                &format!(
                    r#"{{"progressToken":{},"progress":1}}"#,
                    message
                        .meta()
                        .and_then(|meta| member(meta, "progressToken"))
                        .unwrap_or("null".to_owned())
                ),
            ),
            "silence" => {}
            // Progress for as long as somebody reads it.
            "babble" => {
                let token = message.meta().and_then(|meta| member(meta, "progressToken")).unwrap();
                std::thread::spawn(move || {
                    loop {
                        notify(
                            "notifications/progress",
                            &format!(r#"{{"progressToken":{token},"progress":1}}"#),
                        );
                    }
                });
            }
            // Takes 600 ms to ask, and as long to answer.
            "elicit" => {
                self.asked = Some(id.clone());
                let params =
                    r#"{"message":"?","requestedSchema":{"type":"object","properties":{}},"mode":"form"}"#;
                std::thread::sleep(std::time::Duration::from_millis(600));
                let params = Fragment::parse(params.to_owned()).unwrap();
                write(Message::from_request(&Id::from("question"), "elicitation/create", &params).text());
            }
            "cancelled" => say(id, &format!("[{}]", self.cancelled.join(","))),
            "pid" => say(id, &std::process::id().to_string()),
            "log" => {
                notify("notifications/message", r#"{"level":"info","data":"written by log"}"#);
                say(id, "1");
            }
            "environment" => {
                let variables: HashMap<_, _> = std::env::vars().collect();
                let variables: Vec<_> = variables
                    .iter()
                    .map(|(name, value)| format!("{}:{}", json::quote(name), json::quote(value)))
                    .collect();
                say(id, &format!("{{{}}}", variables.join(",")));
            }
            "limits" => say(id, &json::quote(&std::fs::read_to_string("/proc/self/limits").unwrap())),
            "directory" => say(id, &json::quote(std::env::current_dir().unwrap().to_str().unwrap())),
            "die" => std::process::abort(),
            "gigabyte" => {
                let chunk = vec![b'x'; 1 << 20];
                for _ in 0..1024 {
                    std::io::stdout().write_all(&chunk).unwrap();
                }
                std::process::exit(0);
            }
            "half" => {
                std::io::stdout().write_all(br#"{"jsonrpc":"2.0","id":"#).unwrap();
                std::io::stdout().flush().unwrap();
                std::thread::park();
            }
            "deaf" => loop {
                std::thread::park();
            },
            "noise" => {
                for line in [
                    "Listening on port 3000",
                    "",
                    "[1,2]",
                    "{\"jsonrpc\":\"2.0\"",
                    "\u{1b}[31mred\u{1b}[0m",
                    "null",
                ] {
                    write(line.as_bytes());
                }
                let mut out = std::io::stdout().lock();
                out.write_all(b"\xff\xfe\x00\n\r\n").unwrap();
                out.write_all(br#"{"jsonrpc":"2.0","id":"nobody","result":{}}"#).unwrap();
                out.write_all(b"\r\n").unwrap();
                drop(out);
                say(id, "true");
            }
            "twice" => {
                let text = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"a":1,"a":2}}}}"#, id.to_json());
                write(text.as_bytes());
            }
            other => panic!("{other}"),
        }
    }
}

fn member(object: &[u8], name: &str) -> Option<String> {
    let range = json::find(object, &[name]).unwrap()?;
    Some(String::from_utf8(object[range].to_vec()).unwrap())
}

fn say(id: &Id, structured: &str) {
    result(
        id,
        &format!(r#"{{"resultType":"complete","content":[],"structuredContent":{{"said":{structured}}}}}"#),
    );
}

fn result(id: &Id, result: &str) {
    write(Message::from_result(id, &Fragment::parse(result.to_owned()).unwrap()).text());
}

fn notify(method: &str, params: &str) {
    write(Message::from_notification(method, &Fragment::parse(params.to_owned()).unwrap()).text());
}

fn write(line: &[u8]) {
    let mut out = std::io::stdout().lock();
    out.write_all(line).unwrap();
    out.write_all(b"\n").unwrap();
    out.flush().unwrap();
}
