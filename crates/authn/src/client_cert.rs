//! Callers that TLS knows by a certificate: here, or at a proxy that passes it on.

mod header;
mod pem;
mod xfcc;

#[cfg(feature = "client-cert")]
mod error;
#[cfg(feature = "client-cert")]
mod facts;
#[cfg(feature = "client-cert")]
mod rule;
#[cfg(feature = "client-cert")]
mod verifier;

pub use header::{CertificateHeader, CertificateHeaderError};

#[cfg(feature = "client-cert")]
pub use error::CertificateRuleError;
#[cfg(feature = "client-cert")]
pub use rule::CertificateRule;
#[cfg(feature = "client-cert")]
pub use verifier::ClientCertificates;
