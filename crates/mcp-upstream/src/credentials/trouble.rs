use std::fmt;
use std::sync::Arc;

use portcullis_mcp_jsonrpc::{Failure, FailureKind};

/// Why there is no credential, for all who wait for it. The text is for the operator and holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    kind: FailureKind,
    text: Arc<str>,
}

impl Trouble {
    pub(crate) fn new(kind: FailureKind, text: impl Into<Arc<str>>) -> Self {
        Self { kind, text: text.into() }
    }

    #[cfg(test)]
    pub(crate) fn kind(&self) -> FailureKind {
        self.kind
    }

    pub(crate) fn to_failure(&self) -> Failure {
        Failure::new(self.kind).with_source(&*self.text)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
