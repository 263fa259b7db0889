//! Who is calling: no request gets further without a verified [`Principal`](portcullis_core::Principal).

mod audience;
mod credential;
mod denial;
mod jwk;
mod network;
mod verifier;

pub use audience::Audience;
pub use credential::{ClientCertificate, Credential};
pub use denial::{Denial, DenialKind};
pub use jwk::{Algorithm, JwkError, Jwks, PublicKey};
pub use network::{ForwardedHeader, Networks, NetworksError, Source};
pub use verifier::{Allowance, Binding, BoxFuture, Verified, Verifier};
