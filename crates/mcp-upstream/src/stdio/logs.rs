//! Whose log message it is.

use std::sync::{Mutex, PoisonError};

use portcullis_core::{Principal, json};
use portcullis_mcp_jsonrpc::{Call, Id};

const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// The calls under way on one process that asked for log messages.
///
/// Over stdio a log message does not say which call it is for. Where more than one person might be meant it is for
/// nobody, since it may hold what only one of them may see.
#[derive(Debug, Default)]
pub(super) struct Logs(Mutex<Vec<(Id, Option<Principal>)>>);

impl Logs {
    /// Adds a call under the id it has in the process, if it asks for log messages.
    pub(super) fn add(&self, call: &Call, id: &Id) {
        let asks =
            call.message().meta().is_some_and(|meta| matches!(json::find(meta, &[LOG_LEVEL]), Ok(Some(_))));
        if asks {
            let principal = call.extensions().get::<Principal>().cloned();
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push((id.clone(), principal));
        }
    }

    pub(super) fn remove(&self, id: &Id) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(other, _)| other != id);
    }

    /// The call that a message which names none is for: the only one that asked, or the latest if all that did are made
    /// by one verified principal.
    pub(super) fn reader(&self) -> Option<Id> {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (id, principal) = calls.last()?;
        let is_theirs = principal.is_some() && calls.iter().all(|(_, other)| other == principal);
        (is_theirs || calls.len() == 1).then(|| id.clone())
    }
}

#[cfg(test)]
mod tests {
    use portcullis_core::Kind;
    use portcullis_mcp_jsonrpc::{Fragment, Message};

    use super::*;

    fn add(logs: &Logs, id: i64, principal: Option<&str>, params: &str) {
        let id = Id::from(id);
        let mut call =
            Call::new(Message::from_request(&id, "tools/call", &Fragment::parse(params.to_owned()).unwrap()));
        if let Some(name) = principal {
            call.extensions_mut().insert(Principal::new(Kind::User, name));
        }
        logs.add(&call, &id);
    }

    const ASKS: &str = r#"{"_meta":{"io.modelcontextprotocol/logLevel":"info"}}"#;

    #[test]
    fn the_latest_call_of_the_only_principal_hears_them() {
        let logs = Logs::default();
        assert_eq!(logs.reader(), None);
        add(&logs, 1, Some("alice"), ASKS);
        add(&logs, 2, Some("alice"), ASKS);
        add(&logs, 3, Some("bob"), "{}");
        assert_eq!(logs.reader(), Some(Id::from(2)));
        logs.remove(&Id::from(2));
        assert_eq!(logs.reader(), Some(Id::from(1)));
        add(&logs, 4, Some("bob"), ASKS);
        assert_eq!(logs.reader(), None);
    }

    #[test]
    fn of_callers_that_nobody_verified_only_a_lone_one_hears_them() {
        let logs = Logs::default();
        add(&logs, 1, None, ASKS);
        add(&logs, 2, None, "{}");
        assert_eq!(logs.reader(), Some(Id::from(1)));
        add(&logs, 3, None, ASKS);
        assert_eq!(logs.reader(), None);
    }
}
