//! What a caller shows, before anybody believes it.

use portcullis_core::Secret;

/// What a caller shows to prove who it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credential {
    /// A token from the `Authorization` header.
    Token(Secret),
    /// The name and the secret of a service, from two headers.
    ServiceToken {
        /// The name.
        id: String,
        /// The secret.
        secret: Secret,
    },
    /// The certificate of the client, which TLS has checked: here, or at a trusted proxy.
    Certificate(ClientCertificate),
}

impl Credential {
    /// The token, if it is one.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        match self {
            Self::Token(secret) => Some(secret.expose()),
            _ => None,
        }
    }
}

/// A client certificate that TLS has checked against the authorities it trusts, as DER.
///
/// Whoever terminates TLS puts it into the extensions of each request on the connection. Cloning copies a pointer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientCertificate {
    der: bytes::Bytes,
}

impl ClientCertificate {
    /// A certificate that was checked.
    #[must_use]
    pub fn new(der: impl Into<bytes::Bytes>) -> Self {
        Self { der: der.into() }
    }

    /// The certificate's bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The SHA-256 of the bytes, which certificate-bound tokens name (`x5t#S256`, RFC 8705).
    #[must_use]
    pub fn thumbprint(&self) -> [u8; 32] {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.der);
        let mut thumbprint = [0; 32];
        thumbprint.copy_from_slice(digest.as_ref());
        thumbprint
    }
}
