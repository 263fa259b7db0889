use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use portcullis_core::Secret;
use zeroize::Zeroizing;

/// How many bytes a key has.
pub(crate) const KEY_BYTES: usize = 32;

/// A secret key of 32 bytes. Its memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl Key {
    /// Reads a key from its text: 32 bytes in base64 (either alphabet, padded or not) or in 64 hexadecimal digits, as
    /// `openssl rand -base64 32` and `openssl rand -hex 32` write them.
    ///
    /// ```
    /// use portcullis_core::Secret;
    /// use portcullis_seal::Key;
    ///
    /// assert!(Key::parse(&Secret::new("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")).is_ok());
    /// assert!(Key::parse(&Secret::new("hunter2")).is_err());
    /// // A key that anybody would guess.
    /// assert!(Key::parse(&Secret::new("0".repeat(64))).is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// Text that is neither, or a key made of one byte again and again.
    pub fn parse(text: &Secret) -> Result<Self, KeyError> {
        let text = text.expose().trim();
        let bytes = hexadecimal(text).or_else(|| base64(text)).ok_or(KeyError::Shape)?;
        if bytes.iter().all(|byte| Some(byte) == bytes.first()) {
            return Err(KeyError::Guessable);
        }
        Ok(Self { bytes })
    }

    /// A new key from the operating system's random numbers.
    ///
    /// # Errors
    ///
    /// If the operating system gives none.
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(&mut *bytes).map_err(|_| KeyError::Random)?;
        Ok(Self { bytes })
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }
}

fn hexadecimal(text: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    if text.len() != 2 * KEY_BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

fn base64(text: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let bare = text.trim_end_matches('=');
    let decoded =
        Zeroizing::new(URL_SAFE_NO_PAD.decode(bare).or_else(|_| STANDARD_NO_PAD.decode(bare)).ok()?);
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    if decoded.len() != KEY_BYTES {
        return None;
    }
    bytes.copy_from_slice(&decoded);
    Some(bytes)
}

/// Shows nothing.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key([redacted])")
    }
}

/// Why a key is none. The key itself is never quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// It is not 32 bytes in base64 or hexadecimal digits.
    Shape,
    /// It is one byte again and again.
    Guessable,
    /// The operating system has no random numbers.
    Random,
}

impl std::fmt::Display for KeyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Shape => "a key must be 32 bytes in base64 or in 64 hexadecimal digits",
            Self::Guessable => {
                "a key must not be one byte again and again; make one with `openssl rand -base64 32`"
            }
            Self::Random => "the operating system gives no random numbers",
        })
    }
}

impl std::error::Error for KeyError {}
