//! Whom to trust: the roots of the operating system, and those that the operator adds.

use std::sync::Arc;

use portcullis_core::BoxError;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::BuildError;

/// Reads certificates from PEM text, at least one.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BuildError> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| flawed("the PEM text cannot be read", Some(error.to_string().into())))?;
    if certificates.is_empty() {
        return Err(flawed("the PEM text holds no certificate", None));
    }
    Ok(certificates)
}

/// The configuration for a server that is reached by `https`.
pub(crate) fn config(extra: &[CertificateDer<'static>]) -> Result<ClientConfig, BuildError> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    // Systems carry roots that no strict reader takes; the rest is what there is to trust.
    roots.add_parsable_certificates(native.certs);
    for certificate in extra {
        let added = roots.add(certificate.clone());
        added.map_err(|error| flawed("an extra root cannot be used", Some(error.into())))?;
    }
    if roots.is_empty() {
        let error = native.errors.into_iter().next().map(Into::into);
        return Err(flawed("the system has no roots, and none were added", error));
    }
    with_roots(roots)
}

/// The configuration for a server that is reached by `http`: nobody is trusted, for nobody will be asked.
pub(crate) fn unused() -> Result<ClientConfig, BuildError> {
    with_roots(RootCertStore::empty())
}

fn with_roots(roots: RootCertStore) -> Result<ClientConfig, BuildError> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| flawed("TLS cannot be set up", Some(error.into())))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn flawed(flaw: &'static str, source: Option<BoxError>) -> BuildError {
    BuildError::Certificates { flaw, source }
}
