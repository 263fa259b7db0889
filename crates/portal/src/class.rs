//! Who may share an answer with whom.

use std::hash::{Hash, Hasher};

use http::{Extensions, Uri};
use portcullis_core::Principal;
use portcullis_mcp_jsonrpc::{Call, LegacyClient, OnBehalf};

/// Callers that an upstream cannot tell apart, and who may therefore share what it answers to one of them.
///
/// Two callers are in one class if *everything* known about them is equal: a server may answer by a scope, a group or
/// the agent in between as well as by the subject. Callers that nobody verified are a class of their own. Legacy clients
/// are told apart too, because a server of both eras may be spoken to in theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    principal: Option<Principal>,
    is_legacy: bool,
}

impl Class {
    pub(crate) fn of(extensions: &Extensions) -> Self {
        let is_legacy = extensions.get::<LegacyClient>().is_some();
        Self { principal: extensions.get::<Principal>().cloned(), is_legacy }
    }
}

impl Hash for Class {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.is_legacy.hash(state);
        let Some(principal) = &self.principal else { return 0_u8.hash(state) };
        (principal.kind(), principal.issuer(), principal.subject(), principal.actors()).hash(state);
        principal.groups().for_each(|group| group.hash(state));
        principal.scopes().for_each(|scope| scope.hash(state));
        principal.attributes().for_each(|attribute| attribute.hash(state));
    }
}

/// On whose behalf the portal asks a server something: the caller's class, and what layers attached to the call.
///
/// The extensions go along so that a layer further in can still add the caller's own credentials. The caller's headers
/// and capabilities are not declared: the answer may serve others, and nobody but the portal would have to live up to
/// them. What the caller can do is [noted](OnBehalf) for whoever has to open a session for it.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) class: Class,
    pub(crate) extensions: Extensions,
    pub(crate) uri: Uri,
}

impl Origin {
    pub(crate) fn of(call: &Call) -> Self {
        let mut extensions = call.extensions().clone();
        if let Some(behalf) = OnBehalf::of(call) {
            extensions.insert(behalf);
        }
        Self { class: Class::of(&extensions), extensions, uri: call.head().uri.clone() }
    }

    /// The portal itself, asking on nobody's behalf.
    pub(crate) fn nobody() -> Self {
        Self {
            class: Class { principal: None, is_legacy: false },
            extensions: Extensions::new(),
            uri: Uri::default(),
        }
    }
}
