//! From JSON to a key; the only file here that knows serde.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_core::json;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Algorithm, JwkError, Material, PublicKey};

/// No issuer names a key at such length, and names are compared for every token.
const MAX_KID: usize = 512;

/// What ring checks signatures of.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    // RFC 7518, section 6.3.2: the private parts. One of them is enough to know.
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
}

impl Jwk {
    fn is_private(&self) -> bool {
        [&self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qi, &self.oth].into_iter().any(Option::is_some)
    }
}

pub(super) fn key(jwk: &[u8]) -> Result<PublicKey, JwkError> {
    json::check(jwk).map_err(JwkError::Json)?;
    let jwk: Jwk = json::from_slice(jwk)
        .map_err(|_| JwkError::Unusable("a member is missing or is of the wrong type"))?;
    // A key's type decides first: the `d` of something unknown may mean anything.
    if !matches!(jwk.kty.as_str(), "RSA" | "EC" | "OKP") {
        return Err(JwkError::Unusable("it is not an RSA, EC or OKP key"));
    }
    if jwk.is_private() {
        return Err(JwkError::Private);
    }
    if jwk.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
        return Err(JwkError::Unusable("its \"use\" is not \"sig\""));
    }
    if jwk.key_ops.as_ref().is_some_and(|operations| !operations.iter().any(|one| one == "verify")) {
        return Err(JwkError::Unusable("its \"key_ops\" do not hold \"verify\""));
    }
    if jwk.kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID) {
        return Err(JwkError::Unusable("its \"kid\" is too long"));
    }
    let only = match jwk.alg.as_deref() {
        None => None,
        Some(name) => Some(
            Algorithm::from_name(name)
                .ok_or(JwkError::Unusable("its \"alg\" is not one that is checked here"))?,
        ),
    };
    let material = material(&jwk)?;
    let key = PublicKey { thumbprint: thumbprint(&material), material, only, kid: jwk.kid.map(Into::into) };
    if only.is_some_and(|only| !key.serves(only)) {
        return Err(JwkError::Unusable("its \"alg\" does not go with its type"));
    }
    Ok(key)
}

fn material(jwk: &Jwk) -> Result<Material, JwkError> {
    match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => rsa(jwk),
        ("EC", Some("P-256")) => Ok(Material::P256(point(jwk, 32)?)),
        ("EC", Some("P-384")) => Ok(Material::P384(point(jwk, 48)?)),
        ("OKP", Some("Ed25519")) => Ok(Material::Ed25519(bytes(jwk.x.as_deref(), 32)?)),
        _ => Err(JwkError::Unusable("its curve is not P-256, P-384 or Ed25519")),
    }
}

fn rsa(jwk: &Jwk) -> Result<Material, JwkError> {
    let n = number(jwk.n.as_deref())?;
    let e = number(jwk.e.as_deref())?;
    let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
    if !RSA_BITS.contains(&bits) {
        return Err(JwkError::Unusable("an RSA key must have 2048 to 8192 bits"));
    }
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    // An exponent of one leaves a signature as it is; a long one costs whoever checks it dearly.
    if !odd(&n) || !odd(&e) || e.len() > 4 || e == [1] {
        return Err(JwkError::Unusable("its RSA numbers cannot be those of a key"));
    }
    Ok(Material::Rsa { n, e })
}

/// An uncompressed point (SEC 1, section 2.3.3).
fn point(jwk: &Jwk, length: usize) -> Result<Vec<u8>, JwkError> {
    let mut point = vec![4];
    point.extend(bytes(jwk.x.as_deref(), length)?);
    point.extend(bytes(jwk.y.as_deref(), length)?);
    Ok(point)
}

fn bytes(text: Option<&str>, length: usize) -> Result<Vec<u8>, JwkError> {
    let bytes = decode(text)?;
    if bytes.len() == length {
        Ok(bytes)
    } else {
        Err(JwkError::Unusable("a coordinate is not of the length that the curve asks for"))
    }
}

/// Some libraries write a zero first (RFC 7518, section 6.3.1.1, tells them not to).
fn number(text: Option<&str>) -> Result<Vec<u8>, JwkError> {
    let mut bytes = decode(text)?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    Ok(bytes)
}

fn decode(text: Option<&str>) -> Result<Vec<u8>, JwkError> {
    let text = text.ok_or(JwkError::Unusable("a member that its type needs is missing"))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| JwkError::Unusable("a member is not unpadded base64url"))
}

/// RFC 7638: the members a key cannot be without, sorted, without white space. None of them needs escapes.
fn thumbprint(material: &Material) -> [u8; 32] {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let curve = |name: &str, point: &[u8]| {
        let (x, y) =
            point.split_first().map_or((&[][..], &[][..]), |(_, both)| both.split_at(both.len() / 2));
        format!(r#"{{"crv":"{name}","kty":"EC","x":"{}","y":"{}"}}"#, encode(x), encode(y))
    };
    let canonical = match material {
        Material::Rsa { n, e } => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(e), encode(n)),
        Material::P256(point) => curve("P-256", point),
        Material::P384(point) => curve("P-384", point),
        Material::Ed25519(key) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(key)),
    };
    let mut thumbprint = [0; 32];
    thumbprint.copy_from_slice(digest(&SHA256, canonical.as_bytes()).as_ref());
    thumbprint
}
