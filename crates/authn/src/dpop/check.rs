//! The checks of RFC 9449, section 4.3, in an order that spends nothing on whoever cannot pass.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{Context, SHA256, digest};

use super::{Dpop, Proof, Remembered, url};
use crate::jws::Jws;
use crate::jwt::{Claims, SKEW};
use crate::{Denial, PublicKey};

/// A proof is one key and five short claims.
const MAX_SIZE: usize = 8 * 1024;
const MAX_CLAIMS: usize = 32;
const MAX_ID: usize = 256;

pub(super) fn check(dpop: &Dpop, proof: &Proof<'_>) -> Result<(), Denial> {
    if proof.text.len() > MAX_SIZE {
        return Err(Denial::invalid("the proof is too large"));
    }
    let jws = Jws::parse(proof.text, &dpop.algorithms)?;
    if !jws.typ().is_some_and(|typ| typ.eq_ignore_ascii_case("dpop+jwt")) {
        return Err(Denial::invalid("the proof is not of type dpop+jwt"));
    }
    check_signature(&jws, proof)?;

    let claims = Claims::parse(jws.payload(), MAX_CLAIMS)?;
    if claims.string("htm")?.as_deref() != Some(proof.method.as_str()) {
        return Err(Denial::invalid("the proof is for another method (htm)"));
    }
    let wanted = url::normal(proof.url);
    if wanted.is_none() || claims.string("htu")?.as_deref().and_then(url::normal) != wanted {
        return Err(Denial::invalid("the proof is for another URL (htu)"));
    }
    let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, proof.token.as_bytes()));
    if claims.string("ath")?.as_deref() != Some(&*hash) {
        return Err(Denial::invalid("the proof is for another token (ath)"));
    }
    check_new(dpop, proof, &claims)
}

/// Nobody who lacks the token's key gets as far as a signature check, whose cost they could choose.
fn check_signature(jws: &Jws<'_>, proof: &Proof<'_>) -> Result<(), Denial> {
    let key = jws.jwk().ok_or(Denial::invalid("the proof does not bring its key along (jwk)"))?;
    let key = PublicKey::parse(key).map_err(|error| Denial::invalid(format!("the proof's key: {error}")))?;
    if key.thumbprint() != *proof.thumbprint {
        return Err(Denial::invalid("the proof is by another key than the token is bound to"));
    }
    if !jws.is_signed_by(&key) {
        return Err(Denial::invalid("the proof's signature is wrong"));
    }
    Ok(())
}

fn check_new(dpop: &Dpop, proof: &Proof<'_>, claims: &Claims<'_>) -> Result<(), Denial> {
    let made = claims.time("iat")?.ok_or(Denial::invalid("the proof does not say when it was made (iat)"))?;
    let last = made.checked_add(dpop.max_age).ok_or(Denial::invalid("the proof was made in the future"))?;
    if proof.now > last {
        return Err(Denial::invalid("the proof is too old"));
    }
    if proof.now.checked_add(SKEW).is_none_or(|latest| made > latest) {
        return Err(Denial::invalid("the proof was made in the future"));
    }
    let id = claims.string("jti")?.unwrap_or_default();
    if id.is_empty() || id.len() > MAX_ID {
        return Err(Denial::invalid("the proof has no id (jti) of 1 to 256 bytes"));
    }
    // The key is in the name, so that nobody uses up the ids of others.
    let mut name = Context::new(&SHA256);
    name.update(proof.thumbprint);
    name.update(id.as_bytes());
    let mut proof_id = [0; 32];
    proof_id.copy_from_slice(name.finish().as_ref());
    match dpop.replays.remember(proof_id, last, proof.now) {
        Remembered::New => Ok(()),
        Remembered::Seen => Err(Denial::invalid("the proof was used before")),
        Remembered::Full => Err(Denial::unavailable(dpop.max_age, "too many proofs to remember")),
    }
}
