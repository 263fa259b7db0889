//! The public keys that issuers sign with, as JSON Web Keys (RFC 7517), and nothing that could serve as a secret.

mod algorithm;
mod error;
mod parse;
mod set;

use std::sync::Arc;

use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};

pub use algorithm::Algorithm;
pub use error::JwkError;
pub use set::Jwks;

/// One public key, and the algorithms it may serve.
///
/// The algorithms follow from the key's own type and from what the issuer says about it (`alg`), never from the token
/// that is being checked: there is no way to use an RSA key as the secret of an HMAC, or one curve's key on another.
///
/// ```
/// use portcullis_authn::{Algorithm, PublicKey};
///
/// // RFC 8037, appendix A.2
/// let key = PublicKey::parse(br#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#)?;
/// assert!(key.serves(Algorithm::EdDsa));
/// assert!(!key.serves(Algorithm::Es256));
///
/// assert!(PublicKey::parse(br#"{"kty":"oct","k":"c2VjcmV0"}"#).is_err());
/// # Ok::<(), portcullis_authn::JwkError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    kid: Option<Arc<str>>,
    /// The one algorithm that the issuer uses the key with, if it says so.
    only: Option<Algorithm>,
    material: Material,
    thumbprint: [u8; 32],
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    /// Modulus and exponent, big endian, without leading zeros.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point.
    P256(Vec<u8>),
    /// An uncompressed point.
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl PublicKey {
    /// Reads one JSON Web Key.
    ///
    /// A point that does not lie on its curve is not noticed here; it verifies nothing.
    ///
    /// # Errors
    ///
    /// If it is no public key for signatures of a kind in [`Algorithm`], is too weak, or holds a private key.
    pub fn parse(jwk: &[u8]) -> Result<Self, JwkError> {
        parse::key(jwk)
    }

    /// The name that the issuer gives the key.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether signatures of this algorithm may be checked with the key.
    #[must_use]
    pub fn serves(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};

        let able = match self.material {
            Material::Rsa { .. } => matches!(algorithm, Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512),
            Material::P256(_) => algorithm == Es256,
            Material::P384(_) => algorithm == Es384,
            Material::Ed25519(_) => algorithm == EdDsa,
        };
        able && self.only.is_none_or(|only| only == algorithm)
    }

    /// Whether `signature` is this key's signature of `message`. Never with an algorithm that the key does not
    /// [serve](Self::serves).
    #[must_use]
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.serves(algorithm) {
            return false;
        }
        match &self.material {
            Material::Rsa { n, e } => rsa_parameters(algorithm).is_some_and(|parameters| {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
            }),
            Material::P256(point) => UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
                .verify(message, signature)
                .is_ok(),
            Material::P384(point) => UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point)
                .verify(message, signature)
                .is_ok(),
            Material::Ed25519(key) => {
                UnparsedPublicKey::new(&signature::ED25519, key).verify(message, signature).is_ok()
            }
        }
    }

    /// The SHA-256 thumbprint (RFC 7638), which names a key by what it is: tokens that are bound to a key carry it.
    #[must_use]
    pub fn thumbprint(&self) -> [u8; 32] {
        self.thumbprint
    }
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static signature::RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => return None,
    })
}

#[cfg(test)]
mod tests;
