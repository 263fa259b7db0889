//! What clients can do, in the words of both eras.

use std::sync::Arc;

use portcullis_core::json;
use portcullis_mcp_jsonrpc::Message;

use super::edit;

/// The longest declaration that is taken, since it is kept as long as its session.
const MAX_BYTES: usize = 16 * 1024;

/// What a client declared, as a legacy server is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Capabilities {
    text: Arc<str>,
    abilities: Abilities,
}

/// Which requests a client can answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Abilities {
    form: bool,
    url: bool,
    sampling: bool,
    sampling_tools: bool,
    roots: bool,
}

impl Capabilities {
    /// Nothing.
    pub(super) fn none() -> Self {
        Self { text: "{}".into(), abilities: Abilities::default() }
    }

    /// Translates a declaration of 2026-07-28; none if it is too long to be kept.
    ///
    /// Members stand in the order of their names, so that equal clients share a session. `tasks` is not passed on, since
    /// nobody here can be asked for one, and `roots` only says that there are some: a client of 2026-07-28 cannot tell
    /// that they changed. What this code does not know is passed on as it is.
    pub(super) fn translate(declared: &[u8]) -> Option<Self> {
        if declared.len() > MAX_BYTES {
            return None;
        }
        let mut members = Vec::new();
        for member in json::members(declared) {
            let member = member.ok()?;
            if member.key() == "tasks" {
                continue;
            }
            let value = match member.key() == "roots" && edit::is_object(member.value()) {
                true => "{}",
                false => std::str::from_utf8(member.value()).ok()?,
            };
            members.push((member.key().decode(), value));
        }
        members.sort_unstable();
        let mut abilities = Abilities::default();
        let mut text = String::with_capacity(declared.len());
        for (key, value) in members {
            text.push_str(if text.is_empty() { "{" } else { "," });
            text.push_str(&json::quote(&key));
            text.push(':');
            text.push_str(value);
            abilities.note(&key, value.as_bytes());
        }
        text.push_str(if text.is_empty() { "{}" } else { "}" });
        Some(Self { text: text.into(), abilities })
    }

    /// A JSON object.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn abilities(&self) -> Abilities {
        self.abilities
    }
}

impl Abilities {
    fn note(&mut self, capability: &str, value: &[u8]) {
        if !edit::is_object(value) {
            return;
        }
        let has = |member| edit::member(value, member).is_some_and(edit::is_object);
        match capability {
            "roots" => self.roots = true,
            "sampling" => (self.sampling, self.sampling_tools) = (true, has("tools")),
            "elicitation" => {
                self.url = has("url");
                // An empty declaration means forms (2026-07-28, Elicitation, "Capabilities").
                self.form = has("form") || !self.url;
            }
            _ => {}
        }
    }

    /// Whether a client with these can answer a server's request.
    pub(super) fn can_answer(self, request: &Message) -> bool {
        let params = request.params().unwrap_or(b"{}");
        match request.method() {
            Some("roots/list") => self.roots,
            Some("sampling/createMessage") => {
                let tools = ["tools", "toolChoice"].iter().any(|name| edit::member(params, name).is_some());
                self.sampling && (self.sampling_tools || !tools)
            }
            Some("elicitation/create") if edit::text(params, "mode").as_deref() == Some("url") => self.url,
            Some("elicitation/create") => self.form,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use portcullis_mcp_jsonrpc::{Fragment, Id};

    use super::*;

    #[test]
    fn translates_and_puts_in_order() {
        for (declared, told) in [
            ("{}", "{}"),
            (r#"{"roots":{"listChanged":true}}"#, r#"{"roots":{}}"#),
            (r#"{"sampling":{},"elicitation":{"url":{}}}"#, r#"{"elicitation":{"url":{}},"sampling":{}}"#),
            (r#"{"tasks":{"list":{}},"x":{"y":1}}"#, r#"{"x":{"y":1}}"#),
        ] {
            assert_eq!(Capabilities::translate(declared.as_bytes()).unwrap().text(), told);
        }
        assert!(
            Capabilities::translate(format!(r#"{{"x":"{}"}}"#, "x".repeat(MAX_BYTES)).as_bytes()).is_none()
        );
        assert!(Capabilities::translate(b"[]").is_none());
    }

    #[test]
    fn knows_who_can_answer_what() {
        let can = |declared: &str, method: &str, params: &str| {
            let request =
                Message::from_request(&Id::from(1), method, &Fragment::parse(params.to_owned()).unwrap());
            Capabilities::translate(declared.as_bytes()).unwrap().abilities().can_answer(&request)
        };
        let (form, url) = (r#"{"mode":"form"}"#, r#"{"mode":"url"}"#);
        assert!(can(r#"{"elicitation":{}}"#, "elicitation/create", "{}"));
        assert!(can(r#"{"elicitation":{}}"#, "elicitation/create", form));
        assert!(!can(r#"{"elicitation":{}}"#, "elicitation/create", url));
        assert!(can(r#"{"elicitation":{"url":{}}}"#, "elicitation/create", url));
        assert!(!can(r#"{"elicitation":{"url":{}}}"#, "elicitation/create", form));
        assert!(can(r#"{"sampling":{}}"#, "sampling/createMessage", "{}"));
        assert!(!can(r#"{"sampling":{}}"#, "sampling/createMessage", r#"{"tools":[]}"#));
        assert!(can(r#"{"sampling":{"tools":{}}}"#, "sampling/createMessage", r#"{"tools":[]}"#));
        assert!(can(r#"{"roots":{}}"#, "roots/list", "{}"));
        assert!(!can(r#"{"roots":true}"#, "roots/list", "{}"));
        assert!(!can(r#"{"roots":{}}"#, "other/method", "{}"));
    }
}
