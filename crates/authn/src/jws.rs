//! A signed token taken apart (RFC 7515, compact form), without believing a word of it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_core::json::{self, Reader, Token};

use crate::{Algorithm, Denial, PublicKey};

/// The most bytes of one token. Headers of a request are not much larger in all.
pub(crate) const MAX_SIZE: usize = 16 * 1024;

/// No key is named at such length.
const MAX_NAME: usize = 512;

/// A token whose form is right. Nothing in it is proven before [`is_signed_by`](Self::is_signed_by).
#[derive(Debug)]
pub(crate) struct Jws<'a> {
    header: Header,
    /// What is signed: header and payload as they were sent.
    message: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

#[derive(Debug)]
struct Header {
    algorithm: Algorithm,
    kid: Option<String>,
    typ: Option<String>,
    jwk: Option<Vec<u8>>,
}

impl<'a> Jws<'a> {
    /// Takes a token apart. Only the `allowed` algorithms are.
    pub(crate) fn parse(token: &'a str, allowed: &[Algorithm]) -> Result<Self, Denial> {
        let (message, payload, header, signature) =
            split(token).ok_or(Denial::invalid("the token is not three parts of at most 16 KiB in all"))?;
        if signature.is_empty() {
            return Err(Denial::invalid("the token has no signature"));
        }
        let header = Header::parse(&decode(header)?, allowed)?;
        Ok(Self { header, message, payload: decode(payload)?, signature: decode(signature)? })
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.header.algorithm
    }

    /// The name of the key it claims to be signed with.
    pub(crate) fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// What kind of token it claims to be.
    pub(crate) fn typ(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    /// The key it brings along, which proves nothing but that its sender has it (RFC 9449). For access tokens it must
    /// not be looked at.
    pub(crate) fn jwk(&self) -> Option<&[u8]> {
        self.header.jwk.as_deref()
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    pub(crate) fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.verify(self.header.algorithm, self.message.as_bytes(), &self.signature)
    }
}

/// The payload of something that has the form of a signed token, to look at and not to believe.
pub(crate) fn peek(token: &str) -> Option<Vec<u8>> {
    let (_, payload, ..) = split(token)?;
    decode(payload).ok()
}

fn split(token: &str) -> Option<(&str, &str, &str, &str)> {
    if token.len() > MAX_SIZE {
        return None;
    }
    let (message, signature) = token.rsplit_once('.')?;
    let (header, payload) = message.split_once('.')?;
    (!payload.contains('.')).then_some((message, payload, header, signature))
}

/// Strictly: without padding, and without bits that stand for nothing, so that one token has one spelling.
fn decode(part: &str) -> Result<Vec<u8>, Denial> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Denial::invalid("a part of the token is not unpadded base64url"))
}

impl Header {
    fn parse(header: &[u8], allowed: &[Algorithm]) -> Result<Self, Denial> {
        let (mut algorithm, mut kid, mut typ, mut jwk) = (None, None, None, None);
        for member in json::members(header) {
            let member = member
                .map_err(|error| Denial::invalid(format!("the token's header is no sound JSON: {error}")))?;
            let value = member.value();
            match &*member.key().decode() {
                "alg" => algorithm = Some(name(value)?),
                "kid" => kid = Some(name(value)?.into_owned()),
                "typ" => typ = Some(name(value)?.into_owned()),
                "jwk" => jwk = Some(value.to_vec()),
                // RFC 7515, section 4.1.11: what is critical and not understood invalidates the token. Nothing that can
                // be critical is understood here, and the others change how the payload is to be read.
                "crit" | "b64" | "zip" | "enc" => {
                    return Err(Denial::invalid(
                        "the token's header asks for an extension that is not supported",
                    ));
                }
                // `jku`, `x5u` and `x5c` are where keys could come from that nobody here trusts. They are not read.
                _ => {}
            }
        }
        let algorithm = algorithm.ok_or(Denial::invalid("the token's header names no algorithm"))?;
        let algorithm =
            Algorithm::from_name(&algorithm).filter(|algorithm| allowed.contains(algorithm)).ok_or_else(
                || Denial::invalid(format!("the algorithm {} is not accepted", quoted(&algorithm))),
            )?;
        Ok(Self { algorithm, kid, typ, jwk })
    }
}

fn name(value: &[u8]) -> Result<Cow<'_, str>, Denial> {
    match Reader::new(value).and_then(|mut reader| reader.next()) {
        Ok(Some(Token::String(text))) if text.raw().len() <= MAX_NAME => Ok(text.decode()),
        _ => Err(Denial::invalid("a name in the token's header is not a string of at most 512 bytes")),
    }
}

/// Text of an unproven origin, for a log: short, and with its control characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN: usize = 128;
    if text.chars().nth(SHOWN).is_none() {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(SHOWN).collect();
    format!("{start:?}...")
}

#[cfg(test)]
mod tests;
