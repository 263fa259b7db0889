//! Who is calling: no request gets further without a verified [`Principal`](portcullis_core::Principal).

mod audience;
#[cfg(feature = "biscuit")]
pub mod biscuit;
mod body;
mod challenge;
mod client_cert;
mod credential;
mod denial;
mod dpop;
mod error;
#[cfg(feature = "biscuit")]
mod exchange;
mod future;
mod gate;
mod introspect;
mod jwk;
mod jws;
mod jwt;
mod keys;
mod layer;
mod metadata;
mod network;
mod permit;
mod present;
mod require;
mod resource;
mod scopes;
mod service;
mod service_token;
mod verdicts;
mod verifier;
mod watch;

pub use audience::Audience;
pub use body::ResponseBody;
pub use challenge::{Challenges, Rejection};
pub use client_cert::{CertificateHeader, CertificateHeaderError};
#[cfg(feature = "client-cert")]
pub use client_cert::{CertificateRule, CertificateRuleError, ClientCertificates};
pub use credential::{ClientCertificate, Credential};
pub use denial::{Denial, DenialKind, StepUp};
pub use dpop::{Dpop, MemoryReplays, Proof, Remembered, Replays};
pub use error::ConfigError;
#[cfg(feature = "biscuit")]
pub use exchange::{ExchangeFuture, ExchangeLayer, ExchangeService};
pub use future::ResponseFuture;
pub use introspect::{IntrospectionVerifier, IntrospectionVerifierBuilder};
pub use jwk::{Algorithm, JwkError, Jwks, PublicKey};
pub use jwt::{ClaimMap, JwtVerifier, JwtVerifierBuilder};
pub use keys::{Freshness, Keys, KeysError};
pub use layer::{AuthnBuilder, AuthnLayer};
pub use metadata::{Metadata, MetadataDocument};
pub use network::{ForwardedHeader, Networks, NetworksError, Source};
pub use permit::{Allowed, Permit, PermitFuture, PermitLayer};
pub use require::{Require, RequireError};
pub use resource::Resource;
pub use scopes::Scopes;
pub use service::Authn;
pub use service_token::{ServiceEntry, ServiceSecret, ServiceTokenError, ServiceTokens, StoredSecret};
pub use verifier::{Allowance, Binding, BoxFuture, Verified, Verifier};
