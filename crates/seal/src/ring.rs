use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::{Context, Key};

const NONCE_BYTES: usize = 24;

/// The keys of a deployment: the first one seals, all of them open.
///
/// To rotate, put a new key in front, and take the old one out when its last token has expired. Every replica that holds
/// the keys opens what any other has sealed. A clone is a pointer.
#[derive(Clone)]
pub struct KeyRing {
    ciphers: Arc<[XChaCha20Poly1305]>,
    random: fn(&mut [u8]) -> Result<(), SealError>,
}

impl KeyRing {
    /// The most keys a ring holds: a token that fits none is tried with each.
    pub const MAX_KEYS: usize = 8;

    /// The longest token that is looked at.
    pub const MAX_TOKEN: usize = 64 * 1024;

    /// A ring of these keys.
    ///
    /// # Errors
    ///
    /// No key, more than [`MAX_KEYS`](Self::MAX_KEYS), or the same key twice.
    pub fn new(keys: Vec<Key>) -> Result<Self, RingError> {
        if keys.is_empty() {
            return Err(RingError::Empty);
        }
        if keys.len() > Self::MAX_KEYS {
            return Err(RingError::TooMany);
        }
        if keys.iter().enumerate().any(|(at, key)| keys.iter().skip(at + 1).any(|other| other == key)) {
            return Err(RingError::Repeated);
        }
        let ciphers = keys.iter().map(|key| XChaCha20Poly1305::new(key.bytes().into())).collect();
        Ok(Self { ciphers, random: of_the_system })
    }

    /// Takes nonces from here rather than from the operating system, for tests that must run the same way twice. A
    /// nonce that comes twice gives the key away.
    #[must_use]
    pub fn danger_randomness(mut self, random: fn(&mut [u8]) -> Result<(), SealError>) -> Self {
        self.random = random;
        self
    }

    /// Seals a payload, as letters, digits, `-` and `_`: fit for a header, a URL and a JSON string.
    ///
    /// # Errors
    ///
    /// If there are no random numbers, or the payload is larger than a token may be.
    pub fn seal(&self, context: &Context, payload: &[u8]) -> Result<String, SealError> {
        let Some(cipher) = self.ciphers.first() else { return Err(SealError) };
        let mut token = vec![0; NONCE_BYTES];
        (self.random)(&mut token)?;
        let nonce = XNonce::try_from(token.as_slice()).map_err(|_| SealError)?;
        let sealed = cipher.encrypt(&nonce, Payload { msg: payload, aad: context.as_bytes() });
        token.extend_from_slice(&sealed.map_err(|_| SealError)?);
        let text = URL_SAFE_NO_PAD.encode(&token);
        if text.len() > Self::MAX_TOKEN { Err(SealError) } else { Ok(text) }
    }

    /// What was sealed under the same context, or nothing.
    #[must_use]
    pub fn open(&self, context: &Context, token: &str) -> Option<Vec<u8>> {
        if token.len() > Self::MAX_TOKEN {
            return None;
        }
        let token = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (nonce, sealed) = token.split_at_checked(NONCE_BYTES)?;
        let nonce = XNonce::try_from(nonce).ok()?;
        let open = |cipher: &XChaCha20Poly1305| {
            cipher.decrypt(&nonce, Payload { msg: sealed, aad: context.as_bytes() }).ok()
        };
        self.ciphers.iter().find_map(open)
    }
}

fn of_the_system(bytes: &mut [u8]) -> Result<(), SealError> {
    getrandom::fill(bytes).map_err(|_| SealError)
}

/// Shows how many keys there are.
impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing").field("keys", &self.ciphers.len()).finish_non_exhaustive()
    }
}

/// Why keys make no ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RingError {
    /// There is no key.
    Empty,
    /// There are more than [`KeyRing::MAX_KEYS`].
    TooMany,
    /// A key is there twice.
    Repeated,
}

impl std::fmt::Display for RingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("there must be a key"),
            Self::TooMany => write!(f, "there must be no more than {} keys", KeyRing::MAX_KEYS),
            Self::Repeated => f.write_str("a key is there twice"),
        }
    }
}

impl std::error::Error for RingError {}

/// Nothing could be sealed: there are no random numbers, or the payload is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealError;

impl std::fmt::Display for SealError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cannot seal: no random numbers, or a payload that is too large")
    }
}

impl std::error::Error for SealError {}
