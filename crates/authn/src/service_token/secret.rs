use std::sync::Arc;

use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_core::Secret;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;

use super::error::{Fault, ServiceTokenError};

/// What is stored about a secret, from which it cannot be had back.
///
/// * `sha256:` and 64 hexadecimal digits: the SHA-256 of a secret of 256 random bits, as [`ServiceSecret`] makes them.
///   Quick to check, and as safe as the secret is random: for anything that people thought up it would be worthless, so
///   secrets of less than 32 characters never match, whatever was stored.
/// * `$argon2id$v=19$m=…,t=…,p=…$…$…`: for secrets that already exist and that somebody may have chosen. At least what
///   OWASP asks for (7 MiB and `m`·`t` of 35 MiB); at most 64 MiB, `m`·`t` of 256 MiB and 4 lanes, so that a file cannot
///   exhaust the machine.
///
/// ```
/// use portcullis_authn::StoredSecret;
///
/// assert!(StoredSecret::parse(&format!("sha256:{}", "0f".repeat(32))).is_ok());
/// assert!(StoredSecret::parse("hunter2").is_err());
/// assert!(StoredSecret::parse("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$6mbXBJo5ZuZLEi9lBGXAZg").is_err());
/// ```
#[derive(Clone)]
pub struct StoredSecret {
    stored: Stored,
}

#[derive(Clone)]
pub(super) enum Stored {
    Sha256(Sha256),
    Argon2(Argon2id),
}

#[derive(Clone)]
pub(super) struct Sha256([u8; 32]);

#[derive(Clone)]
pub(super) struct Argon2id(Arc<PasswordHash>);

/// The shortest secret of 256 bits is 43 characters of base64url; other alphabets need no less than 32.
const MIN_RANDOM: usize = 32;

impl StoredSecret {
    /// Reads what was stored.
    ///
    /// # Errors
    ///
    /// If it is of another form, or argon2id with parameters out of bounds. The text does not repeat it.
    pub fn parse(text: &str) -> Result<Self, ServiceTokenError> {
        let refuse = |why| ServiceTokenError::new("", Fault::Stored(why));
        let stored = if let Some(hex) = text.strip_prefix("sha256:") {
            let digest =
                decode(hex).ok_or_else(|| refuse("needs 64 hexadecimal digits after \"sha256:\""))?;
            Stored::Sha256(Sha256(digest))
        } else if text.starts_with("$argon2id$") {
            let hash = PasswordHash::new(text).map_err(|_| refuse("is no sound argon2id string"))?;
            check(&hash).map_err(refuse)?;
            Stored::Argon2(Argon2id(Arc::new(hash)))
        } else {
            return Err(refuse("starts with neither \"sha256:\" nor \"$argon2id$\""));
        };
        Ok(Self { stored })
    }

    pub(super) fn stored(&self) -> &Stored {
        &self.stored
    }

    /// With parameters that are too weak for anything but tests.
    #[cfg(test)]
    pub(super) fn unchecked(hash: PasswordHash) -> Self {
        Self { stored: Stored::Argon2(Argon2id(Arc::new(hash))) }
    }
}

/// What is stored could be tried against guesses.
impl std::fmt::Debug for StoredSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.stored {
            Stored::Sha256(_) => "StoredSecret(sha256)",
            Stored::Argon2(_) => "StoredSecret(argon2id)",
        })
    }
}

impl Sha256 {
    pub(super) fn is_of(&self, secret: &Secret) -> bool {
        let secret = secret.expose().as_bytes();
        let same = digest(&SHA256, secret).as_ref().ct_eq(&self.0);
        bool::from(same) && secret.len() >= MIN_RANDOM
    }
}

impl Argon2id {
    /// Takes tens of milliseconds.
    pub(super) fn is_of(&self, secret: &Secret) -> bool {
        Argon2::default().verify_password(secret.expose().as_bytes(), &*self.0).is_ok()
    }
}

fn check(hash: &PasswordHash) -> Result<(), &'static str> {
    if hash.version != Some(19) {
        return Err("is of another version of argon2id than 19");
    }
    if hash.params.iter().any(|(name, _)| !matches!(name.as_str(), "m" | "t" | "p")) {
        return Err("has other parameters than m, t and p");
    }
    if ["m", "t", "p"].iter().any(|name| hash.params.get(*name).is_none()) {
        return Err("lacks m, t or p");
    }
    let params = Params::try_from(hash).map_err(|_| "has parameters that argon2id does not allow")?;
    let memory = u64::from(params.m_cost());
    let work = memory.saturating_mul(params.t_cost().into());
    if memory < 7 << 10 || work < 35 << 10 {
        return Err("is too weak: at least m=7168, and m times t of 35840");
    }
    if memory > 64 << 10 || work > 256 << 10 || params.p_cost() > 4 {
        return Err("costs too much: at most m=65536, m times t of 262144, and p=4");
    }
    match (&hash.salt, &hash.hash) {
        (Some(salt), Some(output)) if salt.len() >= 8 && output.len() >= 16 => Ok(()),
        _ => Err("needs a salt of 8 bytes and a hash of 16 bytes at least"),
    }
}

fn decode(hex: &str) -> Option<[u8; 32]> {
    let digits = hex.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}

/// A new random secret, and what to store about it.
#[derive(Clone, Debug)]
pub struct ServiceSecret {
    secret: Secret,
    stored: String,
}

impl ServiceSecret {
    /// Makes a secret of 256 random bits, written in 43 characters that any header can hold.
    ///
    /// # Errors
    ///
    /// If the system gives no random bytes.
    pub fn generate() -> Result<Self, ServiceTokenError> {
        let mut random = [0; 32];
        getrandom::fill(&mut random)
            .map_err(|source| ServiceTokenError::new("", Fault::Randomness(source)))?;
        let secret = Secret::new(URL_SAFE_NO_PAD.encode(random));
        let digest = digest(&SHA256, secret.expose().as_bytes());
        let stored =
            digest.as_ref().iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"));
        Ok(Self { secret, stored })
    }

    /// For the service alone. It cannot be had again.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// For the configuration: what [`StoredSecret::parse`] reads.
    #[must_use]
    pub fn stored(&self) -> &str {
        &self.stored
    }
}
