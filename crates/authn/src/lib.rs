//! Who is calling: no request gets further without a verified [`Principal`](portcullis_core::Principal).

mod audience;
mod challenge;
mod client_cert;
mod credential;
mod denial;
mod dpop;
mod error;
mod introspect;
mod jwk;
mod jws;
mod jwt;
mod keys;
mod metadata;
mod network;
mod permit;
mod require;
mod resource;
mod scopes;
mod service_token;
mod verifier;

pub use audience::Audience;
pub use challenge::{Challenges, Rejection};
pub use client_cert::{CertificateHeader, CertificateHeaderError};
#[cfg(feature = "client-cert")]
pub use client_cert::{CertificateRule, CertificateRuleError, ClientCertificates};
pub use credential::{ClientCertificate, Credential};
pub use denial::{Denial, DenialKind, StepUp};
pub use dpop::{Dpop, MemoryReplays, Proof, Remembered, Replays};
pub use error::ConfigError;
pub use introspect::{IntrospectionVerifier, IntrospectionVerifierBuilder};
pub use jwk::{Algorithm, JwkError, Jwks, PublicKey};
pub use jwt::{ClaimMap, JwtVerifier, JwtVerifierBuilder};
pub use keys::{Freshness, Keys, KeysError};
pub use metadata::{Metadata, MetadataDocument};
pub use network::{ForwardedHeader, Networks, NetworksError, Source};
pub use permit::{Allowed, Permit, PermitFuture, PermitLayer};
pub use require::{Require, RequireError};
pub use resource::Resource;
pub use scopes::Scopes;
pub use service_token::{ServiceEntry, ServiceSecret, ServiceTokenError, ServiceTokens, StoredSecret};
pub use verifier::{Allowance, Binding, BoxFuture, Verified, Verifier};
