//! Requests that 2026-07-28 does not have, or that 2025 does not.

use portcullis_mcp_jsonrpc::{Fragment, Id, Message, Part, code};

use crate::front::session::Full;
use crate::front::translate::{pick, string};
use crate::front::{Level, Limits, Session};

/// What only 2026-07-28 has, and what no modern server can be asked for.
const UNKNOWN: [&str; 4] = ["server/discover", "subscriptions/listen", "tasks/list", "tasks/update"];

const NO_URI: &str = "Invalid params: the URI is missing, or is not a string";

/// Answers at once what concerns the session alone; none for everything else.
pub(super) fn answer(session: &Session, message: &Message, id: &Id) -> Option<Message> {
    let done = || Message::from_result(id, &Fragment::empty());
    let error = |code, text: &str| Message::from_error(Some(id), code, text, None);
    Some(match message.method()? {
        "ping" => done(),
        "initialize" => error(code::INVALID_REQUEST, "The session is initialized already."),
        "logging/setLevel" => match level(message) {
            Some(level) => {
                session.set_level(level);
                done()
            }
            None => error(code::INVALID_PARAMS, "Invalid params: the level is none of the eight of syslog"),
        },
        "resources/unsubscribe" => match message.name() {
            Some(uri) => {
                session.unsubscribe(uri);
                done()
            }
            None => error(code::INVALID_PARAMS, NO_URI),
        },
        method
            if UNKNOWN.contains(&method)
                || method.starts_with("tasks/") && !session.client().version.has_tasks() =>
        {
            error(code::METHOD_NOT_FOUND, "Method not found")
        }
        _ => return None,
    })
}

/// Answers `resources/subscribe`, which concerns the session alone but takes a moment.
pub(super) async fn subscribe(session: &Session, message: &Message, id: &Id, limits: &Limits) -> Message {
    let error = |code, text: &str| Message::from_error(Some(id), code, text, None);
    let Some(uri) = message.name() else { return error(code::INVALID_PARAMS, NO_URI) };
    match session.subscribe(uri, limits).await {
        Ok(()) => Message::from_result(id, &Fragment::empty()),
        Err(Full) => {
            error(code::EXHAUSTED, "The session has too many subscriptions, or the URI is too long.")
        }
    }
}

fn level(message: &Message) -> Option<Level> {
    let [level] = pick(message.text(), message.range_of(Part::Params)?, ["level"]);
    Level::parse(&string(message.text(), level)?)
}
