//! A client of 2026-07-28.

use std::time::Duration;

use futures_util::StreamExt;
use portcullis_core::{Kind, Principal, json};
use portcullis_mcp_jsonrpc::{Call, Failure, Message, OnBehalf, Reply};
use portcullis_mcp_legacy::upstream::LegacyUpstream;
use tower::ServiceExt;

use crate::server::{parse, text};

/// What a client puts into each call.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) upstream: LegacyUpstream,
    pub(crate) principal: Option<Principal>,
    /// As JSON; none where a gateway asks of its own accord.
    pub(crate) capabilities: Option<String>,
    /// More members of `_meta`, as JSON, each with a comma before it.
    pub(crate) meta: String,
    pub(crate) behalf: Option<OnBehalf>,
}

pub(crate) fn user(name: &str) -> Principal {
    Principal::new(Kind::User, name)
}

impl Client {
    pub(crate) fn new(upstream: &LegacyUpstream) -> Self {
        Self {
            upstream: upstream.clone(),
            principal: Some(user("alice")),
            capabilities: Some("{}".into()),
            meta: String::new(),
            behalf: None,
        }
    }

    pub(crate) fn who(mut self, principal: Option<Principal>) -> Self {
        self.principal = principal;
        self
    }

    pub(crate) fn can(mut self, capabilities: &str) -> Self {
        self.capabilities = Some(capabilities.into());
        self
    }

    pub(crate) fn meta(mut self, members: &str) -> Self {
        self.meta = format!(",{members}");
        self
    }

    /// The call; `members` are those of params beside `_meta`.
    pub(crate) fn call(&self, id: &str, method: &str, members: &str) -> Call {
        let comma = if members.is_empty() { "" } else { "," };
        let capabilities = self
            .capabilities
            .as_ref()
            .map(|it| format!(r#","io.modelcontextprotocol/clientCapabilities":{it}"#));
        let message = parse(format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28"{}{}}}{comma}{members}}}}}"#,
            capabilities.unwrap_or_default(),
            self.meta,
        ));
        let mut call = Call::new(message);
        if let Some(principal) = &self.principal {
            call.extensions_mut().insert(principal.clone());
        }
        if let Some(behalf) = &self.behalf {
            call.extensions_mut().insert(behalf.clone());
        }
        call
    }

    pub(crate) async fn send(&self, id: &str, method: &str, members: &str) -> Result<Reply, Failure> {
        self.upstream.clone().oneshot(self.call(id, method, members)).await
    }

    /// All messages of the reply.
    pub(crate) async fn all(&self, id: &str, method: &str, members: &str) -> Vec<Message> {
        let reply = self.send(id, method, members).await.unwrap();
        let all = reply.map(Result::unwrap).collect();
        tokio::time::timeout(Duration::from_secs(3600), all).await.expect("the reply does not end")
    }

    /// The last message of the reply.
    pub(crate) async fn ask(&self, id: &str, method: &str, members: &str) -> Message {
        self.all(id, method, members).await.pop().expect("an answer")
    }

    /// Calls a tool, and gives the result or error.
    pub(crate) async fn tool(&self, id: &str, name: &str) -> Message {
        self.ask(id, "tools/call", &format!(r#""name":"{name}""#)).await
    }
}

/// The next message of a reply that is expected to come.
pub(crate) async fn next(reply: &mut Reply) -> Message {
    let next = tokio::time::timeout(Duration::from_secs(60), reply.next()).await;
    next.expect("nothing comes").expect("the reply is over").unwrap()
}

/// Whether nothing more comes for a while.
pub(crate) async fn is_quiet(reply: &mut Reply) -> bool {
    tokio::time::timeout(Duration::from_secs(5), reply.next()).await.is_err()
}

/// A part of a message, as JSON.
pub(crate) fn part(message: &Message, path: &[&str]) -> Option<String> {
    let whole = text(message);
    let range = json::find(whole.as_bytes(), path).unwrap()?;
    Some(whole[range].to_owned())
}

/// What an answer with `input_required` says: the keys and questions, and the state.
pub(crate) fn questions(message: &Message) -> (Vec<(String, String)>, String) {
    assert_eq!(message.result_type(), Some("input_required"), "{}", text(message));
    let requests = part(message, &["result", "inputRequests"]).unwrap();
    let questions = json::members(requests.as_bytes())
        .map(Result::unwrap)
        .map(|it| (it.key().decode().into_owned(), String::from_utf8(it.value().to_vec()).unwrap()))
        .collect();
    (questions, part(message, &["result", "requestState"]).unwrap())
}
