//! What was found out about a credential, so that it is found out once.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use portcullis_core::{Principal, SubjectToken};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use ring::digest::{Context, SHA256};

use crate::{Allowance, Binding, Denial};

/// A credential that was verified and that policy admits: what the next request with it needs to know.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) principal: Principal,
    /// When it stops to hold by itself.
    pub(crate) end: Option<SystemTime>,
    pub(crate) binding: Option<Binding>,
    pub(crate) allowance: Option<Arc<dyn Allowance>>,
    /// The caller's own token, if somebody further in exchanges it.
    pub(crate) subject: Option<SubjectToken>,
    /// Who judged, and at which of its generations.
    pub(crate) verifier: usize,
    pub(crate) generation: u64,
    /// An estimate of what it takes to keep.
    pub(crate) bytes: u64,
}

impl Admission {
    /// Whether it has not ended at `now`. A token that expires at twelve is good before twelve and not at twelve.
    pub(crate) fn lasts_at(&self, now: SystemTime) -> bool {
        self.end.is_none_or(|end| now < end)
    }
}

/// What stands for a credential in memory: a digest, so that no credential is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key([u8; 32]);

/// A digest is as good a hash as any.
impl std::hash::Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        state.write_u64(u64::from_ne_bytes([a, b, c, d, e, f, g, h]));
    }
}

/// Passes the digest's first bytes on as they are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

pub(crate) type AsIsBuilder = BuildHasherDefault<AsIs>;

#[derive(Clone, Copy, Debug)]
pub(crate) struct ByBytes;

impl Weighter<Key, Arc<Admission>> for ByBytes {
    fn weight(&self, _: &Key, admission: &Arc<Admission>) -> u64 {
        admission.bytes
    }
}

/// A credential that was refused: when, and at which generation of those who judge.
#[derive(Clone, Debug)]
struct Denied {
    denial: Denial,
    generation: u64,
    at: SystemTime,
}

/// The turn to find out about a credential; see [`Verdicts::admitted_or_turn`].
pub(crate) type Turn<'a> = quick_cache::sync::PlaceholderGuard<
    'a,
    Key,
    Arc<Admission>,
    ByBytes,
    AsIsBuilder,
    quick_cache::sync::DefaultLifecycle<Key, Arc<Admission>>,
>;

/// The verdicts in memory. Those that admit are bounded by bytes, those that deny by number and by a short life: a flood
/// of bad credentials pushes out no good one.
pub(crate) struct Verdicts {
    admitted: Cache<Key, Arc<Admission>, ByBytes, AsIsBuilder>,
    denied: Cache<Key, Denied>,
    /// Makes the keys of each process its own, so that nobody can prepare credentials that meet in one slot.
    salt: [u8; 16],
}

impl Verdicts {
    /// How long a credential that was refused is refused unseen. It spares the issuer a client that tries again at once.
    const DENIED_FOR: Duration = Duration::from_secs(1);

    const MAX_DENIED: usize = 1024;

    /// Keeps about so many bytes of verdicts that admit.
    pub(crate) fn new(max_bytes: u64, salt: [u8; 16]) -> Self {
        let typical = usize::try_from(max_bytes / 2048).unwrap_or(usize::MAX).max(16);
        Self {
            admitted: Cache::with(
                typical,
                max_bytes,
                ByBytes,
                AsIsBuilder::default(),
                quick_cache::sync::DefaultLifecycle::default(),
            ),
            denied: Cache::new(Self::MAX_DENIED),
            salt,
        }
    }

    /// The key of a credential that came from a network. The first part ends where its length says.
    pub(crate) fn key(&self, kind: u8, network: Option<u16>, [first, second]: [&[u8]; 2]) -> Key {
        let [low, high] = network.unwrap_or_default().to_le_bytes();
        let mut head = [0; 28];
        let (salt, rest) = head.split_at_mut(self.salt.len());
        salt.copy_from_slice(&self.salt);
        let (what, length) = rest.split_at_mut(4);
        what.copy_from_slice(&[kind, u8::from(network.is_some()), low, high]);
        length.copy_from_slice(&(first.len() as u64).to_le_bytes());
        // One update for all that is short: each has a price of its own.
        let mut digest = Context::new(&SHA256);
        digest.update(&head);
        digest.update(first);
        if !second.is_empty() {
            digest.update(second);
        }
        let mut key = [0; 32];
        key.copy_from_slice(digest.finish().as_ref());
        Key(key)
    }

    pub(crate) fn admitted(&self, key: &Key) -> Option<Arc<Admission>> {
        self.admitted.get(key)
    }

    /// The verdict that somebody else who waits for it gets, or the turn to find it out. Whoever has the turn and drops it
    /// passes it on to the next.
    pub(crate) async fn admitted_or_turn(&self, key: &Key) -> Result<Arc<Admission>, Turn<'_>> {
        self.admitted.get_value_or_guard_async(key).await
    }

    pub(crate) fn denied(&self, key: &Key, generation: u64, now: SystemTime) -> Option<Denial> {
        let denied = self.denied.get(key)?;
        // A clock that was put back makes no denial last longer.
        let fresh = now.duration_since(denied.at).is_ok_and(|age| age < Self::DENIED_FOR);
        (fresh && denied.generation == generation).then_some(denied.denial)
    }

    pub(crate) fn deny(&self, key: Key, denial: Denial, generation: u64, at: SystemTime) {
        self.denied.insert(key, Denied { denial, generation, at });
    }

    pub(crate) fn forget(&self, key: &Key) {
        self.admitted.remove(key);
    }
}

impl std::fmt::Debug for Verdicts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verdicts")
            .field("admitted", &self.admitted.len())
            .field("denied", &self.denied.len())
            .finish_non_exhaustive()
    }
}

/// What a principal takes to keep, about: each text has its allocation, its counts and its place in a list.
pub(crate) fn bytes_of(principal: &Principal) -> u64 {
    const FIXED: usize = 512;
    const EACH: usize = 64;
    let texts = principal.groups().chain(principal.scopes());
    let texts = texts.chain(principal.attributes().flat_map(|(name, value)| [name, value]));
    let texts = texts.chain(principal.actors().iter().map(portcullis_core::Actor::subject));
    let texts = texts.chain([principal.subject(), principal.issuer().unwrap_or_default()]);
    texts.fold(FIXED, |sum, text| sum + EACH + text.len()) as u64
}

#[cfg(test)]
mod tests;
