use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_core::json;
use portcullis_mcp_jsonrpc::FailureKind;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;

use super::trouble::Trouble;
use crate::BuildError;

#[cfg(test)]
mod tests;

/// How long one proof is good. It is made for one request.
const LIFETIME: Duration = Duration::from_secs(60);

/// A private key that the gateway proves with, towards token endpoints, that it is the gateway
/// (`private_key_jwt`, RFC 7523).
///
/// | key | algorithm |
/// |---|---|
/// | RSA, 2048 bits and more | `RS256` |
/// | EC on P-256 | `ES256` |
/// | Ed25519 | `EdDSA` |
///
/// ```
/// use portcullis_mcp_upstream::{ClientKey, OAuthClient};
///
/// # let pem = rcgen::KeyPair::generate()?.serialize_pem();
/// let key = ClientKey::from_pem(pem.as_bytes())?.key_id("2026-07").audience("https://login.example.com");
/// assert_eq!(format!("{key:?}"), r#"ClientKey { algorithm: "ES256", key_id: Some("2026-07") }"#);
/// let client = OAuthClient::private_key_jwt("gateway", key)?;
///
/// assert!(ClientKey::from_pem(b"no key").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ClientKey {
    pair: Arc<Pair>,
    key_id: Option<Arc<str>>,
    audience: Option<Arc<str>>,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl ClientKey {
    /// Reads a private key of PKCS#8 from PEM text.
    ///
    /// # Errors
    ///
    /// Text that is no such key, or a key of another kind.
    pub fn from_pem(pem: &[u8]) -> Result<Self, BuildError> {
        let flawed = |flaw| BuildError::Credentials { part: "client key".to_owned(), flaw };
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem);
        let key = key.map_err(|_| flawed("is no private key of PKCS#8 in PEM"))?;
        let der = key.secret_pkcs8_der();
        let random = SystemRandom::new();
        let pair = if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
            Pair::Rsa(Box::new(pair))
        } else if let Ok(pair) =
            EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, der, &random)
        {
            Pair::P256(pair)
        } else if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            Pair::Ed25519(pair)
        } else {
            return Err(flawed("is neither of RSA with 2048 bits or more, nor of P-256, nor of Ed25519"));
        };
        Ok(Self { pair: Arc::new(pair), key_id: None, audience: None })
    }

    /// What the authorization server calls the key (`kid`).
    #[must_use]
    pub fn key_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.key_id = Some(id.into());
        self
    }

    /// Whom the proof is for; the URL of the token endpoint unless set. Newer servers want their issuer here.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<Arc<str>>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    fn algorithm(&self) -> &'static str {
        match *self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::P256(_) => "ES256",
            Pair::Ed25519(_) => "EdDSA",
        }
    }

    /// A proof for one request to `endpoint`.
    pub(super) fn assertion(&self, client: &str, endpoint: &str, now: SystemTime) -> Result<String, Trouble> {
        let trouble = |_| Trouble::new(FailureKind::Internal, "the client's proof cannot be signed");
        let random = SystemRandom::new();
        let mut number = [0; 16];
        random.fill(&mut number).map_err(trouble)?;
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (issued, end) = (since.as_secs(), since.saturating_add(LIFETIME).as_secs());
        let kid =
            self.key_id.as_deref().map(|id| format!(r#","kid":{}"#, json::quote(id))).unwrap_or_default();
        let header = format!(r#"{{"alg":"{}","typ":"JWT"{kid}}}"#, self.algorithm());
        let audience = json::quote(self.audience.as_deref().unwrap_or(endpoint));
        let (id, client) = (URL_SAFE_NO_PAD.encode(number), json::quote(client));
        let claims = format!(
            r#"{{"iss":{client},"sub":{client},"aud":{audience},"jti":"{id}","iat":{issued},"exp":{end}}}"#
        );
        let mut text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = match &*self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)
                    .map_err(trouble)?;
                signature
            }
            Pair::P256(pair) => pair.sign(&random, text.as_bytes()).map_err(trouble)?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(text.as_bytes()).as_ref().to_vec(),
        };
        text.push('.');
        text.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Ok(text)
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ClientKey");
        shown.field("algorithm", &self.algorithm()).field("key_id", &self.key_id).finish()
    }
}
