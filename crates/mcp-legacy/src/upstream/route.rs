//! What the server says of its own accord: to whom it goes.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use portcullis_mcp_jsonrpc::{Fragment, Kind, Message, code};
use tokio::time::Instant;

use super::answer;
use super::session::Session;
use super::{ChannelError, edit};

/// How long to wait before the server's stream is opened again: at first, and at most.
const REOPEN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Requests that a server may make of a client.
pub(super) fn is_question(method: &str) -> bool {
    matches!(method, "elicitation/create" | "sampling/createMessage" | "roots/list")
}

/// Notifications that belong to subscriptions.
pub(super) fn is_change(method: &str) -> bool {
    matches!(
        method,
        "notifications/tools/list_changed"
            | "notifications/prompts/list_changed"
            | "notifications/resources/list_changed"
            | "notifications/resources/updated"
    )
}

/// Notifications that mean nothing to a client of 2026-07-28.
pub(super) fn is_obsolete(method: &str) -> bool {
    matches!(
        method,
        "notifications/elicitation/complete" | "notifications/tasks/status" | "notifications/cancelled"
    )
}

/// Reads what the server says of its own accord as long as the session lives.
pub(super) async fn pump(session: Arc<Session>) {
    let (first, most) = REOPEN;
    let mut pause = first;
    loop {
        let opened = Instant::now();
        let ended = match session.channel.listen().await {
            Ok(Some(incoming)) => {
                let _reading = session.ear.read(&session, incoming);
                session.heard.send_replace(true);
                poll_fn(|cx| session.ear.poll(&session, cx)).await
            }
            Ok(None) => {
                session.heard.send_replace(true);
                return;
            }
            Err(error) => Some(error),
        };
        if let Some(error) = ended {
            tracing::debug!(%error, "the server's own stream ended");
            if !matches!(error, ChannelError::Failed(_)) {
                return session.lose(&error);
            }
        }
        if opened.elapsed() > most {
            pause = first;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(most);
    }
}

/// Takes a message to whom it belongs, as far as that can be told without the transport's help.
pub(super) fn unsolicited(session: &Arc<Session>, message: Message) {
    let method = message.method().unwrap_or_default();
    match message.kind() {
        Kind::Request => asked(session, &message),
        Kind::Notification if is_change(method) => changed(session, &message),
        Kind::Notification => {
            let entry = match method {
                "notifications/progress" => answer::progress_token(&message).and_then(|id| session.call(id)),
                "notifications/message" => answer::log_level(&message)
                    .and_then(|level| session.guess(|entry| entry.level.wants(level))),
                "notifications/cancelled" => session.guess(|entry| entry.may_ask),
                _ => None,
            };
            if let Some(entry) = entry {
                // Advice, which may be lost.
                let _ = entry.inbox.push(&message);
            }
        }
        Kind::Result | Kind::Error => tracing::debug!("an answer that nobody waits for"),
    }
}

/// Tells subscriptions of a change: those of the principal's other sessions too. Many a server tells only the session in
/// which something was done, while a gateway may listen in another, on behalf of all of a principal's clients.
pub(super) fn changed(session: &Arc<Session>, message: &Message) {
    for session in session.siblings() {
        for listener in session.listeners() {
            if listener.filter.lets(message) {
                // Whoever does not read has a change of that kind waiting already.
                let _ = listener.inbox.push_new(message);
            }
        }
    }
}

/// Answers a request that belongs to no call, or takes it to the call that it seems to belong to.
fn asked(session: &Session, message: &Message) {
    let Some(id) = message.id() else { return };
    match message.method().unwrap_or_default() {
        method if !is_question(method) => simple(session, message),
        _ => {
            let fits = session.guess(|entry| entry.may_ask && entry.abilities.can_answer(message));
            match fits {
                Some(entry) if entry.inbox.push(message) => {}
                Some(_) => session.refuse(id, code::INTERNAL_ERROR, "the client does not listen"),
                None if session.key.capabilities.abilities().can_answer(message) => {
                    session.refuse(id, code::INTERNAL_ERROR, "cannot tell whom to ask");
                }
                None => session.refuse(id, code::METHOD_NOT_FOUND, "the client has no such capability"),
            }
        }
    }
}

/// Answers a request that no client needs to see.
pub(super) fn simple(session: &Session, message: &Message) {
    let Some(id) = message.id() else { return };
    match message.method() {
        Some("ping") => session.tell(Message::from_result(id, &Fragment::empty())),
        _ => session.refuse(id, code::METHOD_NOT_FOUND, "there is no such method"),
    }
}

/// The resource that has changed.
pub(super) fn updated_uri(message: &Message) -> Option<String> {
    edit::text(message.params()?, "uri")
}
