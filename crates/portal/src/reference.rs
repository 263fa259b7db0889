//! What `completion/complete` completes.

use std::ops::Range;

use portcullis_core::json;
use portcullis_mcp_jsonrpc::Call;

use crate::catalogue::page;

/// What a completion is for.
pub(crate) enum Reference {
    /// A prompt, by its name, whose literal stands at `at`.
    Prompt { name: String, at: Range<usize> },
    /// A resource or a template, by its URI.
    Resource { uri: String },
}

impl Reference {
    /// Reads `params.ref`. `None` if it names neither.
    pub(crate) fn read(call: &Call) -> Option<Self> {
        let text = call.message().text();
        let reference = json::find(text, &["params", "ref"]).ok()??;
        let (mut kind, mut name, mut uri) = (None, None, None);
        for member in json::members_within(text, reference) {
            let member = member.ok()?;
            let value = || page::text(member.value()).map(|text| text.into_owned());
            if member.key() == "type" {
                kind = value();
            } else if member.key() == "name" {
                name = value().map(|name| (name, member.range()));
            } else if member.key() == "uri" {
                uri = value();
            }
        }
        match kind.as_deref()? {
            "ref/prompt" => name.map(|(name, at)| Self::Prompt { name, at }),
            "ref/resource" => uri.map(|uri| Self::Resource { uri }),
            _ => None,
        }
    }
}
