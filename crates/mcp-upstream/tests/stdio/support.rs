//! Calls, and what came of them.

use std::time::Duration;

use futures_util::StreamExt;
use portcullis_core::{Kind, Principal, json};
use portcullis_mcp_jsonrpc::{Call, Failure, Fragment, Id, Message, Reply};
use portcullis_mcp_upstream::StdioUpstream;
use tower::ServiceExt;

/// Nothing here takes that long; a test that does is hung.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("in time")
}

const META: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}"#;

/// A modern call of a tool; `more` goes into `_meta`.
pub(crate) fn tool(id: impl Into<Id>, name: &str, arguments: &str, more: &str) -> Call {
    let params = format!(r#"{{"name":"{name}","arguments":{arguments},"_meta":{{{META}{more}}}}}"#);
    request(id, "tools/call", &params)
}

pub(crate) fn listen(id: impl Into<Id>) -> Call {
    let params = format!(r#"{{"notifications":{{"toolsListChanged":true}},"_meta":{{{META}}}}}"#);
    request(id, "subscriptions/listen", &params)
}

/// A call of a tool that asks the client something; `more` goes into `params`.
pub(crate) fn elicit(id: impl Into<Id>, more: &str) -> Call {
    let meta = META.replace("{}", r#"{"elicitation":{"form":{}}}"#);
    request(id, "tools/call", &format!(r#"{{"name":"elicit","arguments":{{}},"_meta":{{{meta}}}{more}}}"#))
}

fn request(id: impl Into<Id>, method: &str, params: &str) -> Call {
    Call::new(Message::from_request(&id.into(), method, &Fragment::parse(params.to_owned()).unwrap()))
}

/// The same call, made by somebody.
pub(crate) fn by(name: &str, mut call: Call) -> Call {
    call.extensions_mut().insert(Principal::new(Kind::User, name));
    call
}

pub(crate) async fn make(upstream: &StdioUpstream, call: Call) -> Result<Vec<Message>, Failure> {
    let reply: Reply = soon(upstream.clone().oneshot(call)).await?;
    soon(reply.collect::<Vec<_>>()).await.into_iter().collect()
}

/// What the tool said.
pub(crate) fn said(messages: &[Message]) -> String {
    let answer = messages.last().expect("an answer");
    let result = answer.result().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(answer.text())));
    let range = json::find(result, &["structuredContent", "said"]).unwrap().expect("something said");
    String::from_utf8(result[range].to_vec()).unwrap()
}

/// Calls a tool and tells what it said.
pub(crate) async fn ask(upstream: &StdioUpstream, name: &str) -> String {
    said(&make(upstream, tool(1, name, "{}", "")).await.unwrap())
}
