use portcullis_core::json;

use super::TASKS;
use crate::parts;

/// A set of capabilities that a client can declare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs(u8);

impl Needs {
    pub(crate) const ROOTS: Self = Self(1);
    pub(crate) const SAMPLING: Self = Self(1 << 1);
    pub(crate) const SAMPLING_TOOLS: Self = Self(1 << 2);
    pub(crate) const FORM: Self = Self(1 << 3);
    pub(crate) const URL: Self = Self(1 << 4);
    pub(crate) const TASKS: Self = Self(1 << 5);

    /// What a client can do, going by the capabilities that its request declares.
    pub(crate) fn declared(capabilities: &[u8]) -> Self {
        let mut declared = Self::default();
        for member in json::members(capabilities).map_while(Result::ok) {
            let (key, value) = (member.key(), member.value());
            if !parts::is_object(value) {
                continue;
            }
            let has = |name| {
                let found = parts::member(value, 0..value.len(), name);
                found.and_then(|range| value.get(range)).is_some_and(parts::is_object)
            };
            if key == "roots" {
                declared.add(Self::ROOTS);
            } else if key == "sampling" {
                declared.add(Self::SAMPLING);
                declared.add(Self::SAMPLING_TOOLS.when(has("tools")));
            } else if key == "elicitation" {
                // No mode at all stands for the form (Elicitation, "Capabilities").
                declared.add(Self::FORM.when(has("form") || !has("url")));
                declared.add(Self::URL.when(has("url")));
            } else if key == "extensions" {
                declared.add(Self::TASKS.when(has(TASKS)));
            }
        }
        declared
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    const fn when(self, yes: bool) -> Self {
        if yes { self } else { Self(0) }
    }

    /// What of this is not in `declared`.
    pub(crate) const fn without(self, declared: Self) -> Self {
        Self(self.0 & !declared.0)
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn has(self, one: Self) -> bool {
        self.0 & one.0 != 0
    }

    /// The `ClientCapabilities` that declare exactly this.
    pub(crate) fn to_json(self) -> String {
        let object = |members: &[(Self, &str)]| {
            let members = members.iter().filter(|(one, _)| self.has(*one));
            let members: Vec<_> = members.map(|(_, name)| format!(r#""{name}":{{}}"#)).collect();
            format!("{{{}}}", members.join(","))
        };
        let all = [
            (Self::ROOTS, "roots", object(&[])),
            (
                Self::SAMPLING.and(Self::SAMPLING_TOOLS),
                "sampling",
                object(&[(Self::SAMPLING_TOOLS, "tools")]),
            ),
            (Self::FORM.and(Self::URL), "elicitation", object(&[(Self::FORM, "form"), (Self::URL, "url")])),
            (Self::TASKS, "extensions", object(&[(Self::TASKS, TASKS)])),
        ];
        let members = all.iter().filter(|(any, ..)| self.has(*any));
        let members: Vec<_> = members.map(|(_, name, value)| format!(r#""{name}":{value}"#)).collect();
        format!("{{{}}}", members.join(","))
    }

    /// What a person calls it.
    pub(crate) fn words(self) -> String {
        let all = [
            (Self::ROOTS, "roots"),
            (Self::SAMPLING, "sampling"),
            (Self::SAMPLING_TOOLS, "sampling with tools"),
            (Self::FORM, "elicitation by form"),
            (Self::URL, "elicitation by URL"),
            (Self::TASKS, TASKS),
        ];
        let words: Vec<_> = all.into_iter().filter(|(one, _)| self.has(*one)).map(|(_, word)| word).collect();
        words.join(", ")
    }
}
