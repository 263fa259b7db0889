//! What one server says of itself.

use std::borrow::Cow;

use bytes::Bytes;
use portcullis_core::json;
use portcullis_mcp_jsonrpc::Part;

use crate::ask;
use crate::backend::Backend;
use crate::catalogue::page::{Hints, text};
use crate::class::Origin;
use crate::kind::Kind;
use crate::shelf::{Fetched, Keep};
use crate::trouble::Trouble;

/// A server's answer to `server/discover`, as far as a portal needs it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Offer {
    /// `capabilities`, as the server wrote it.
    pub(crate) capabilities: Bytes,
    pub(crate) instructions: Option<String>,
}

impl Offer {
    /// What the server says of one capability, if it has it.
    pub(crate) fn capability(&self, name: &str) -> Option<&[u8]> {
        let range = json::find(&self.capabilities, &[name]).ok()??;
        self.capabilities.get(range).filter(|value| value.first() == Some(&b'{'))
    }

    /// What the server says of an extension, if it has it.
    pub(crate) fn extension(&self, name: &str) -> Option<&[u8]> {
        let range = json::find(&self.capabilities, &["extensions", name]).ok()??;
        self.capabilities.get(range).filter(|value| value.first() == Some(&b'{'))
    }

    /// Whether a capability has a member that is true.
    pub(crate) fn has(&self, capability: &str, member: &str) -> bool {
        let range = json::find(&self.capabilities, &[capability, member]).ok().flatten();
        range.and_then(|range| self.capabilities.get(range)) == Some(b"true")
    }

    /// Whether the server tells when its list of this kind changes.
    pub(crate) fn announces(&self, kind: Kind) -> bool {
        let capability = match kind {
            Kind::Tools => "tools",
            Kind::Prompts => "prompts",
            Kind::Resources | Kind::Templates => "resources",
        };
        self.has(capability, "listChanged")
    }
}

impl Keep for Offer {
    fn weight(&self) -> usize {
        self.capabilities.len() + self.instructions.as_ref().map_or(0, String::len)
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self == other
    }
}

pub(crate) async fn fetch(backend: &Backend, origin: &Origin) -> Result<Fetched<Offer>, Trouble> {
    let _permit = backend.calls.enter().await?;
    let answer = ask::ask(backend, origin, "server/discover", "").await?;
    let result = answer.range_of(Part::Result).ok_or_else(|| Trouble::garbage("the answer is no result"))?;
    let (mut offer, mut hints) = (Offer::default(), Hints::default());
    for member in json::members_within(answer.text(), result) {
        let member = member.map_err(Trouble::garbage)?;
        let key = member.key();
        if key == "capabilities" && member.value().first() == Some(&b'{') {
            offer.capabilities = answer.text().slice(member.range());
        } else if key == "instructions" {
            offer.instructions = text(member.value()).map(Cow::into_owned);
        } else {
            hints.read(&key, member.value());
        }
    }
    if offer.capabilities.is_empty() {
        return Err(Trouble::garbage("the description holds no capabilities"));
    }
    Ok(Fetched { value: offer, ttl: hints.ttl, private: hints.private })
}
