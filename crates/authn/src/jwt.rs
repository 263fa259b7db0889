//! Access tokens that their issuer has signed: JWTs as RFC 9068 profiles them, and as issuers make them that do not yet.

#[allow(dead_code, reason = "the verifier that reads the rest of the claims follows")]
mod claims;

pub(crate) use claims::{Claims, SKEW};
