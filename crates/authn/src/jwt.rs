//! Access tokens that their issuer has signed: JWTs as RFC 9068 profiles them, and as issuers make them that do not yet.

#[allow(dead_code, reason = "the verifier that needs all of it follows")]
mod chain;
#[allow(dead_code, reason = "the verifier that needs all of it follows")]
mod claim_map;
#[allow(dead_code, reason = "the verifier that needs all of it follows")]
mod claims;
#[allow(dead_code, reason = "the verifier that needs all of it follows")]
mod issuer;
#[allow(dead_code, reason = "the verifier that needs all of it follows")]
mod judge;
#[allow(dead_code, reason = "the verifier that needs all of it follows")]
mod typ;

pub use claim_map::ClaimMap;
pub(crate) use claims::{Claims, SKEW};
#[allow(unused_imports, reason = "the verifier that needs all of it follows")]
pub(crate) use issuer::check_issuer;
#[allow(unused_imports, reason = "the verifier that needs all of it follows")]
pub(crate) use judge::{Optional, Rules};
#[allow(unused_imports, reason = "the verifier that needs all of it follows")]
pub(crate) use typ::check_kind;
