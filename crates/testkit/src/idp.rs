//! An identity provider for tests: it signs whatever it is told to, also what no provider should.
#![expect(clippy::indexing_slicing, reason = "a test says that it failed by a panic")]

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value, json};

/// Checked in, so that tests need not wait for the making of an RSA key. It protects nothing.
const RSA_TEST_KEY: &str = include_str!("idp/RSA-TEST-KEY-not-secret.pkcs8.base64");

/// A private key that signs tokens.
///
/// ```
/// use portcullis_testkit::idp::{SigningKey, jwks};
/// use serde_json::json;
///
/// let key = SigningKey::es256().kid("first");
/// let token = key.sign(json!({"typ": "at+jwt"}), json!({"sub": "alice"}));
/// assert_eq!(token.split('.').count(), 3);
/// assert!(jwks(&[&key]).contains("first"));
/// ```
#[derive(Debug)]
pub struct SigningKey {
    kid: Option<String>,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

impl SigningKey {
    /// A new key on P-256.
    #[must_use]
    pub fn es256() -> Self {
        Self::new(Pair::P256(ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING)))
    }

    /// A new key on P-384.
    #[must_use]
    pub fn es384() -> Self {
        Self::new(Pair::P384(ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING)))
    }

    /// A new Ed25519 key.
    #[must_use]
    pub fn ed25519() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("there is randomness");
        Self::new(Pair::Ed25519(Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("it was just made")))
    }

    /// The RSA key of all tests (2048 bit): always the same one.
    #[must_use]
    pub fn rs256() -> Self {
        let text: String = RSA_TEST_KEY.split_whitespace().collect();
        let document = STANDARD.decode(text).expect("the file holds base64");
        Self::new(Pair::Rsa(Box::new(RsaKeyPair::from_pkcs8(&document).expect("the file holds a key"))))
    }

    fn new(pair: Pair) -> Self {
        Self { kid: None, pair }
    }

    /// Names the key.
    #[must_use]
    pub fn kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// The algorithm it signs with unless a header names another.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::P256(_) => "ES256",
            Pair::P384(_) => "ES384",
            Pair::Ed25519(_) => "EdDSA",
            Pair::Rsa(_) => "RS256",
        }
    }

    /// A compact JWS of the claims.
    ///
    /// `alg` and `kid` are added to the header where it has none; `null` leaves them out. An RSA key signs with the
    /// algorithm of the header if that is one for RSA; any other key signs as it can, whatever the header says.
    #[must_use]
    pub fn sign(&self, mut header: Value, claims: Value) -> String {
        let members = header.as_object_mut().expect("a header is an object");
        members.entry("alg").or_insert_with(|| self.algorithm().into());
        if let Some(kid) = &self.kid {
            members.entry("kid").or_insert_with(|| kid.clone().into());
        }
        members.retain(|name, value| !(value.is_null() && (name == "alg" || name == "kid")));
        let algorithm = header["alg"].as_str().unwrap_or_default().to_owned();
        self.sign_text(&algorithm, &header.to_string(), &claims.to_string())
    }

    /// A compact JWS of texts that need not be JSON.
    #[must_use]
    pub fn sign_text(&self, algorithm: &str, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.signature(algorithm, message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn signature(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::P256(pair) | Pair::P384(pair) => {
                pair.sign(&random, message).expect("there is randomness").as_ref().to_vec()
            }
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let padding: &dyn signature::RsaEncoding = match algorithm {
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    "PS512" => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut made = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &random, message, &mut made).expect("there is randomness");
                made
            }
        }
    }

    /// The public key as a JSON Web Key.
    ///
    /// Those for RSA name no algorithm, since they serve several.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let curve = |name: &str, point: &[u8]| {
            let (x, y) = point[1..].split_at(point.len() / 2);
            json!({"kty": "EC", "crv": name, "x": encode(x), "y": encode(y)})
        };
        let mut jwk = match &self.pair {
            Pair::P256(pair) => curve("P-256", pair.public_key().as_ref()),
            Pair::P384(pair) => curve("P-384", pair.public_key().as_ref()),
            Pair::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref())})
            }
            Pair::Rsa(pair) => {
                let RsaPublicKeyComponents::<Vec<u8>> { n, e } = pair.public().into();
                json!({"kty": "RSA", "n": encode(&n), "e": encode(&e)})
            }
        };
        jwk["use"] = "sig".into();
        if !matches!(self.pair, Pair::Rsa(_)) {
            jwk["alg"] = self.algorithm().into();
        }
        if let Some(kid) = &self.kid {
            jwk["kid"] = kid.clone().into();
        }
        jwk
    }
}

impl SigningKey {
    /// The thumbprint of the public key (RFC 7638), as the claim `cnf.jkt` has it.
    #[must_use]
    pub fn jkt(&self) -> String {
        let mut jwk = self.jwk();
        let needed = ["crv", "e", "kty", "n", "x", "y"];
        jwk.as_object_mut().expect("a key is an object").retain(|name, _| needed.contains(&&**name));
        // Members are written sorted by their names.
        URL_SAFE_NO_PAD.encode(digest(&SHA256, jwk.to_string().as_bytes()))
    }

    /// What a client that holds this key writes into the header `DPoP` of one request (RFC 9449).
    #[must_use]
    pub fn dpop(&self, method: &str, url: &str, token: &str, now: SystemTime) -> String {
        self.dpop_of(dpop_claims(method, url, token, now))
    }

    /// A proof of these claims, right ones or wrong ones.
    #[must_use]
    pub fn dpop_of(&self, claims: Value) -> String {
        self.sign(json!({"typ": "dpop+jwt", "jwk": self.jwk()}), claims)
    }
}

/// The claims of a proof for one request, with an id of its own.
#[must_use]
pub fn dpop_claims(method: &str, url: &str, token: &str, now: SystemTime) -> Value {
    let mut id = [0; 16];
    SystemRandom::new().fill(&mut id).expect("there is randomness");
    json!({
        "jti": URL_SAFE_NO_PAD.encode(id),
        "htm": method,
        "htu": url,
        "iat": now.duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970").as_secs(),
        "ath": URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())),
    })
}

fn ecdsa(algorithm: &'static signature::EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("there is randomness");
    EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).expect("it was just made")
}

/// The public keys as a JSON Web Key Set.
#[must_use]
pub fn jwks(keys: &[&SigningKey]) -> String {
    json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()}).to_string()
}
