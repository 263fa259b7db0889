use std::sync::Arc;

use crate::Secret;

/// The token that a caller proved its identity with, for whoever exchanges it for another.
///
/// An authentication layer that was told to leaves it in the extensions of a request, next to the
/// [`Principal`](crate::Principal). It is good for the gateway alone: it must be exchanged (RFC 8693), never passed on.
///
/// Cloning copies a pointer, and `Debug` shows nothing.
#[derive(Clone, Debug)]
pub struct SubjectToken {
    secret: Arc<Secret>,
}

impl SubjectToken {
    /// Takes a token that was verified.
    #[must_use]
    pub fn new(secret: Secret) -> Self {
        Self { secret: Arc::new(secret) }
    }

    /// The token itself.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }
}
