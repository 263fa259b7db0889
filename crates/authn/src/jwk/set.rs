use std::sync::Arc;

use portcullis_core::json;

use super::{Algorithm, JwkError, PublicKey};

/// The keys an issuer signs with at one time (a JSON Web Key Set).
///
/// Keys that are meant for something else, or of a kind unknown here, are left out, as RFC 7517 (section 5) has it. Two
/// sets are equal if they hold the same keys, in any order. Cloning copies a pointer.
///
/// ```
/// use portcullis_authn::{Algorithm, Jwks};
///
/// let keys = Jwks::parse(br#"{"keys": [
///     {"kid": "2026", "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
///     {"kid": "else", "kty": "oct", "k": "c2VjcmV0"}
/// ]}"#)?;
/// assert!(keys.find(Some("2026"), Algorithm::EdDsa).is_some());
/// assert!(keys.find(None, Algorithm::EdDsa).is_some());
/// assert!(keys.find(Some("2025"), Algorithm::EdDsa).is_none());
/// assert_eq!(keys.skipped(), 1);
/// # Ok::<(), portcullis_authn::JwkError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Jwks {
    keys: Arc<[Arc<PublicKey>]>,
    skipped: usize,
}

impl Jwks {
    /// The most keys that one set may hold, usable or not.
    pub const MAX_KEYS: usize = 100;

    /// Reads a set.
    ///
    /// # Errors
    ///
    /// If it is no set, is too large, holds no usable key, two that cannot be told apart, or a private one.
    pub fn parse(set: &[u8]) -> Result<Self, JwkError> {
        let range = json::find(set, &["keys"]).map_err(JwkError::Json)?.ok_or(JwkError::NotASet)?;
        let mut keys: Vec<Arc<PublicKey>> = Vec::new();
        let mut skipped = 0;
        for (count, element) in json::elements_within(set, range).enumerate() {
            if count == Self::MAX_KEYS {
                return Err(JwkError::TooMany);
            }
            // The document was sound, so all that can be wrong is that `keys` is not an array.
            let element = element.map_err(|_| JwkError::NotASet)?;
            match PublicKey::parse(element.value()) {
                Ok(key) if keys.iter().any(|known| **known == key) => {}
                Ok(key) => {
                    if let Some(kid) = key.kid()
                        && keys.iter().any(|known| known.kid() == Some(kid) && overlap(known, &key))
                    {
                        return Err(JwkError::Ambiguous { kid: kid.to_owned() });
                    }
                    keys.push(Arc::new(key));
                }
                Err(JwkError::Unusable(_)) => skipped += 1,
                Err(error) => return Err(error),
            }
        }
        if keys.is_empty() {
            return Err(JwkError::NoneUsable(skipped));
        }
        Ok(Self { keys: keys.into(), skipped })
    }

    /// The key for a signature.
    ///
    /// With a name, the key of exactly that name. Without one, the only key that serves the algorithm: if there are
    /// several, none is tried, since a token that fits any of many keys is a token nobody chose a key for.
    #[must_use]
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<Arc<PublicKey>> {
        let mut fitting =
            self.keys.iter().filter(|key| key.serves(algorithm) && (kid.is_none() || key.kid() == kid));
        let key = fitting.next()?;
        fitting.next().is_none().then(|| Arc::clone(key))
    }

    /// Whether this very key, under this name, is in the set. What an earlier set held and this one does not was
    /// withdrawn.
    #[must_use]
    pub fn contains(&self, key: &PublicKey) -> bool {
        self.keys.iter().any(|own| **own == *key)
    }

    /// The usable keys, in the issuer's order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &PublicKey> {
        self.keys.iter().map(|key| &**key)
    }

    /// How many keys were left out.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }
}

fn overlap(one: &PublicKey, other: &PublicKey) -> bool {
    Algorithm::ALL.into_iter().any(|algorithm| one.serves(algorithm) && other.serves(algorithm))
}

impl PartialEq for Jwks {
    fn eq(&self, other: &Self) -> bool {
        // No set holds a key twice.
        self.keys.len() == other.keys.len() && self.keys().all(|key| other.contains(key))
    }
}

impl Eq for Jwks {}
