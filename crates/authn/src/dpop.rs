//! Proofs that whoever sends a token holds the key it is bound to (DPoP, RFC 9449).

mod check;
mod replays;
mod url;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Method;

pub use replays::{MemoryReplays, Remembered, Replays};

use crate::{Algorithm, Denial};

/// What is asked of proofs of possession.
///
/// A token that is bound to a key ([`Binding::Key`](crate::Binding::Key)) is worth nothing without a proof: a small token
/// signed with that key, made for this very request, and good once.
///
/// ```
/// use std::time::Duration;
/// use portcullis_authn::{Algorithm, Dpop};
///
/// let dpop = Dpop::new();
/// assert!(!dpop.is_required());
/// assert!(dpop.algorithms().any(|name| name == "ES256"));
///
/// let strict = Dpop::new().required().with_algorithms([Algorithm::Es256]).max_age(Duration::from_secs(10));
/// assert!(strict.is_required());
/// ```
///
/// Proofs are remembered until they are too old to be accepted, in the memory of this process: behind a load balancer,
/// each replica accepts a proof once. Nonces of the server (RFC 9449, section 9) are not used.
#[derive(Clone, Debug)]
#[must_use]
pub struct Dpop {
    algorithms: Vec<Algorithm>,
    max_age: Duration,
    required: bool,
    replays: Arc<dyn Replays>,
}

/// One request and the proof it came with.
#[derive(Clone, Copy)]
pub struct Proof<'a> {
    /// The header `DPoP`. There must have been one only.
    pub text: &'a str,
    /// The method of the request.
    pub method: &'a Method,
    /// Where the request was sent, as its sender knows it: the public origin and the path. What follows the path does not
    /// count.
    pub url: &'a str,
    /// The access token.
    pub token: &'a str,
    /// The thumbprint of the key that the token is bound to.
    pub thumbprint: &'a [u8; 32],
    /// The time.
    pub now: SystemTime,
}

/// The token stays out of logs, and the proof, which whoever reads it could be the first to show.
impl std::fmt::Debug for Proof<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { method, url, now, .. } = self;
        f.debug_struct("Proof")
            .field("method", method)
            .field("url", url)
            .field("now", now)
            .finish_non_exhaustive()
    }
}

impl Dpop {
    /// Proofs by ES256, ES384, EdDSA, PS256 or RS256, at most a minute old, of which a hundred thousand are remembered.
    pub fn new() -> Self {
        Self {
            algorithms: vec![
                Algorithm::Es256,
                Algorithm::Es384,
                Algorithm::EdDsa,
                Algorithm::Ps256,
                Algorithm::Rs256,
            ],
            max_age: Duration::from_secs(60),
            required: false,
            replays: Arc::new(MemoryReplays::new(100_000)),
        }
    }

    /// Accepts these algorithms and no others. With none, no proof is accepted.
    pub fn with_algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Accepts proofs that were made so long ago at most.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// Remembers so many proofs at most. While all of them could still be used again, no other is accepted: that many
    /// requests with a proof are served within [`max_age`](Self::max_age) and half a minute.
    pub fn max_proofs(mut self, proofs: usize) -> Self {
        self.replays = Arc::new(MemoryReplays::new(proofs));
        self
    }

    /// Remembers proofs elsewhere.
    pub fn replays(mut self, replays: impl Replays) -> Self {
        self.replays = Arc::new(replays);
        self
    }

    /// Refuses tokens that are not bound to a key.
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Whether tokens that are not bound to a key are refused.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// The names of the accepted algorithms, as challenges and metadata list them.
    pub fn algorithms(&self) -> impl Iterator<Item = &'static str> {
        self.algorithms.iter().map(|algorithm| algorithm.as_str())
    }

    /// Whether the request was sent by whoever holds the key. Each proof passes once.
    ///
    /// # Errors
    ///
    /// If the proof proves nothing, is for another request, token or key, is too old or not new; or if no more proofs can
    /// be remembered.
    pub fn check(&self, proof: &Proof<'_>) -> Result<(), Denial> {
        check::check(self, proof)
    }
}

impl Default for Dpop {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
