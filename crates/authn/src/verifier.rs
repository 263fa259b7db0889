//! The question every kind of credential answers: whose is it?

use std::fmt::Debug;
use std::sync::Arc;
use std::time::SystemTime;

use portcullis_core::{Action, Principal};
pub use portcullis_fetch::BoxFuture;

use crate::{Audience, Credential, Denial};

/// Judges the credentials of one issuer, or of one kind.
///
/// A layer asks its verifiers in order; the first that recognizes a credential judges it alone, so that what one refuses
/// no other can let in.
pub trait Verifier: Debug + Send + Sync + 'static {
    /// Whether the credential is this verifier's to judge, by what it claims. Nothing is proven yet, and nothing may
    /// block.
    fn recognizes(&self, credential: &Credential) -> bool;

    /// Judges the credential at the time `now`. It must have been issued for `audience`.
    fn verify<'a>(
        &'a self,
        credential: &'a Credential,
        audience: &'a Audience,
        now: SystemTime,
    ) -> BoxFuture<'a, Result<Verified, Denial>>;

    /// A number that grows whenever an earlier verdict may no longer hold: a key was withdrawn, a token revoked. Verdicts
    /// of an earlier number are not used again. Asked for every request, so it must cost nothing.
    fn generation(&self) -> u64 {
        0
    }

    /// The authorization server whose tokens these are, if clients can get tokens there.
    fn issuer(&self) -> Option<&str> {
        None
    }
}

/// Whose a credential is, and for how long that holds.
#[derive(Clone, Debug)]
#[must_use]
pub struct Verified {
    pub(crate) principal: Principal,
    pub(crate) expires: Option<SystemTime>,
    pub(crate) issued: Option<SystemTime>,
    pub(crate) authenticated: Option<SystemTime>,
    pub(crate) binding: Option<Binding>,
    pub(crate) allowance: Option<Arc<dyn Allowance>>,
}

impl Verified {
    /// An identity that holds until something else ends it.
    pub fn new(principal: Principal) -> Self {
        Self { principal, expires: None, issued: None, authenticated: None, binding: None, allowance: None }
    }

    /// When it ends. Of two ends the earlier counts.
    pub fn expires(mut self, at: SystemTime) -> Self {
        self.expires = Some(self.expires.map_or(at, |end| end.min(at)));
        self
    }

    /// When the credential was issued.
    pub fn issued(mut self, at: SystemTime) -> Self {
        self.issued = Some(at);
        self
    }

    /// When the person last proved their identity to the issuer.
    pub fn authenticated(mut self, at: SystemTime) -> Self {
        self.authenticated = Some(at);
        self
    }

    /// Whose hands the credential is good in.
    pub fn bound_to(mut self, binding: Binding) -> Self {
        self.binding = Some(binding);
        self
    }

    /// Limits the credential to some operations.
    pub fn limited_by(mut self, allowance: Arc<dyn Allowance>) -> Self {
        self.allowance = Some(allowance);
        self
    }

    /// Who it is.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// When it ends.
    #[must_use]
    pub fn end(&self) -> Option<SystemTime> {
        self.expires
    }

    /// Whose hands the credential is good in; in anybody's if it is not bound.
    #[must_use]
    pub fn binding(&self) -> Option<&Binding> {
        self.binding.as_ref()
    }

    /// What limits the credential to some operations.
    #[must_use]
    pub fn allowance(&self) -> Option<&Arc<dyn Allowance>> {
        self.allowance.as_ref()
    }
}

/// What the sender of a token must prove to hold (the claim `cnf`, RFC 7800).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Binding {
    /// The key of this SHA-256 thumbprint (`jkt`, RFC 9449).
    Key([u8; 32]),
    /// The client certificate of this SHA-256 (`x5t#S256`, RFC 8705).
    Certificate([u8; 32]),
}

/// What a credential allows, apart from whose it is: a token that an agent has narrowed down to some tools.
///
/// Asked once per operation, at the message level, where the operation is known for certain.
pub trait Allowance: Debug + Send + Sync {
    /// Whether the operation is allowed. What cannot be decided is not.
    fn permits(&self, action: Action<'_>) -> bool;
}
