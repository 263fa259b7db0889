//! What client and server can do, in the words of either era.

#[cfg(test)]
mod tests;

use portcullis_core::json::{self, Member, Splice};

use super::{TASKS, pick};
use crate::front::Version;

/// A legacy client's capabilities as 2026-07-28 has them.
///
/// Each must be an object; one that is not is not declared. What nobody knows is passed on, since the set is open.
pub(in crate::front) fn of_client(legacy: &[u8], version: Version) -> String {
    let mut modern = Object::default();
    for member in json::members(legacy).map_while(Result::ok).filter(is_object) {
        let key = member.key().decode();
        match &*key {
            // 2026-07-28 does not tell servers that roots have changed.
            "roots" => modern.raw(&key, "{}"),
            "elicitation" if !version.has_elicitation() => {}
            "elicitation" => modern.raw(&key, &elicitation(member.value(), version)),
            // The extension of this name is another thing, of which the client knows nothing.
            "tasks" => {}
            "extensions" => modern.some(&key, without_tasks(member.value())),
            _ => modern.member(&member),
        }
    }
    modern.finish()
}

/// Which ways to elicit there are. A client that names none knows forms only, and so do all before 2025-11-25.
fn elicitation(legacy: &[u8], version: Version) -> String {
    let [form, url] = pick(legacy, 0..legacy.len(), ["form", "url"]);
    let url = url.is_some() && version.has_elicitation_by_url();
    match (form.is_some(), url) {
        (true, true) => r#"{"form":{},"url":{}}"#,
        (false, true) => r#"{"url":{}}"#,
        (_, false) => r#"{"form":{}}"#,
    }
    .to_owned()
}

/// A modern server's capabilities as a client of this version knows them.
pub(in crate::front) fn of_server(modern: &[u8], version: Version) -> String {
    let mut legacy = Object::default();
    let mut tasks = false;
    for member in json::members(modern).map_while(Result::ok).filter(is_object) {
        let key = member.key().decode();
        match &*key {
            "completions" if !version.has_completions() => {}
            "tasks" => {}
            "extensions" => {
                let [extension] = pick(member.value(), 0..member.value().len(), [TASKS]);
                tasks = extension.is_some();
                legacy.some(&key, without_tasks(member.value()));
            }
            _ => legacy.member(&member),
        }
    }
    if tasks && version.has_tasks() {
        legacy.raw("tasks", r#"{"cancel":{},"requests":{"tools":{"call":{}}}}"#);
    }
    legacy.finish()
}

/// These capabilities of a client, and that it can have a task instead of a result.
pub(in crate::front) fn with_tasks(capabilities: &str) -> String {
    let text = capabilities.as_bytes();
    let [extensions] = pick(text, 0..text.len(), ["extensions"]);
    let mut splice = Splice::new(text);
    match extensions {
        Some(extensions) => splice.insert_member(extensions, TASKS, "{}"),
        None => splice.insert_member(0..text.len(), "extensions", &format!(r#"{{"{TASKS}":{{}}}}"#)),
    };
    let changed = splice.finish().ok().and_then(|text| String::from_utf8(text.into()).ok());
    changed.unwrap_or_else(|| capabilities.to_owned())
}

fn without_tasks(extensions: &[u8]) -> Option<String> {
    let mut left = Object::default();
    let members = json::members(extensions).map_while(Result::ok);
    members.filter(|member| member.key() != TASKS).for_each(|member| left.member(&member));
    (!left.0.is_empty()).then(|| left.finish())
}

fn is_object(member: &Member<'_>) -> bool {
    member.value().first() == Some(&b'{')
}

/// An object that is put together of parts that are correct.
#[derive(Debug, Default)]
pub(in crate::front) struct Object(String);

impl Object {
    pub(in crate::front) fn raw(&mut self, key: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(&json::quote(key));
        self.0.push(':');
        self.0.push_str(value);
    }

    fn some(&mut self, key: &str, value: Option<String>) {
        if let Some(value) = value {
            self.raw(key, &value);
        }
    }

    pub(in crate::front) fn member(&mut self, member: &Member<'_>) {
        if let Ok(value) = std::str::from_utf8(member.value()) {
            self.raw(&member.key().decode(), value);
        }
    }

    pub(in crate::front) fn finish(self) -> String {
        format!("{{{}}}", self.0)
    }
}
