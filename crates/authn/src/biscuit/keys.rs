//! The keys of roots and agents, as text and in memory.

use std::fmt;
use std::str::FromStr;

use biscuit_auth::{Algorithm, KeyPair, PrivateKey};
use portcullis_core::Secret;

const PUBLIC: &str = "ed25519/";
const PRIVATE: &str = "ed25519-private/";

/// The public half of an Ed25519 key: `ed25519/` and 64 hexadecimal digits.
///
/// Biscuit knows ECDSA over P-256 as well, which is not taken: anybody can turn one of its signatures into another that
/// is as valid, and a block is revoked by its signature.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey {
    inner: biscuit_auth::PublicKey,
}

impl PublicKey {
    pub(super) fn inner(&self) -> biscuit_auth::PublicKey {
        self.inner
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let flawed = || KeyError { expected: "ed25519/ and 64 hexadecimal digits" };
        let hex = text.strip_prefix(PUBLIC).ok_or_else(flawed)?;
        let inner = biscuit_auth::PublicKey::from_bytes_hex(hex, Algorithm::Ed25519).map_err(|_| flawed())?;
        Ok(Self { inner })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC}{}", self.inner.to_bytes_hex())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The private half of an Ed25519 key: what mints tokens, or what an agent signs its attenuations with.
///
/// ```
/// use portcullis_authn::biscuit::SigningKey;
///
/// let key = SigningKey::generate();
/// let again = SigningKey::from_text(&key.to_text())?;
/// assert_eq!(key.public(), again.public());
/// assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.public()));
/// # Ok::<(), portcullis_authn::biscuit::KeyError>(())
/// ```
pub struct SigningKey {
    private: PrivateKey,
}

impl SigningKey {
    /// A new key, from the operating system's randomness.
    #[must_use]
    pub fn generate() -> Self {
        Self { private: KeyPair::new().private() }
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    ///
    /// # Errors
    ///
    /// If it is not `ed25519-private/` and 64 hexadecimal digits.
    pub fn from_text(text: &Secret) -> Result<Self, KeyError> {
        let flawed = || KeyError { expected: "ed25519-private/ and 64 hexadecimal digits" };
        let hex = text.expose().trim().strip_prefix(PRIVATE).ok_or_else(flawed)?;
        let private = PrivateKey::from_bytes_hex(hex, Algorithm::Ed25519).map_err(|_| flawed())?;
        Ok(Self { private })
    }

    /// The key as text, to be kept where secrets are kept.
    #[must_use]
    pub fn to_text(&self) -> Secret {
        Secret::new(self.private.to_prefixed_string())
    }

    /// The other half, to be given away.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey { inner: self.private.public() }
    }

    pub(super) fn private(&self) -> &PrivateKey {
        &self.private
    }

    pub(super) fn pair(&self) -> KeyPair {
        KeyPair::from(&self.private)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public()).finish()
    }
}

/// A text that is no key. The error does not repeat the text, which may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyError {
    expected: &'static str,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a key is {}", self.expected)
    }
}

impl std::error::Error for KeyError {}
