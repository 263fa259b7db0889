mod decide;
mod future;
mod layer;
mod service;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use portcullis_core::Action;

pub use self::future::PermitFuture;
pub use self::layer::PermitLayer;
pub use self::service::Permit;
use crate::Allowance;

/// The limits of the caller's credential, in the extensions of a call.
///
/// The layer that verified the credential puts it there, and [`PermitLayer`] asks it. Without it a credential is good for
/// every operation.
#[derive(Clone, Debug)]
pub struct Allowed {
    by: Arc<dyn Allowance>,
}

impl Allowed {
    /// Good for what this permits.
    #[must_use]
    pub fn new(by: Arc<dyn Allowance>) -> Self {
        Self { by }
    }

    /// Whether the operation is among it.
    #[must_use]
    pub fn permits(&self, action: Action<'_>) -> bool {
        self.by.permits(action)
    }
}
