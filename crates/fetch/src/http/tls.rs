//! Whom to trust: the roots of the operating system, and those that the operator adds.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::HttpFetchError;

/// Reads certificates from PEM text, at least one.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, HttpFetchError> {
    let certificates =
        CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(|error| {
            HttpFetchError::new("the PEM text cannot be read", Some(error.to_string().into()))
        })?;
    match certificates.is_empty() {
        true => Err(HttpFetchError::new("the PEM text holds no certificate", None)),
        false => Ok(certificates),
    }
}

pub(super) fn config(extra: &[CertificateDer<'static>]) -> Result<ClientConfig, HttpFetchError> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    // Systems carry roots that no strict reader takes; the rest is what there is to trust.
    roots.add_parsable_certificates(native.certs);
    for certificate in extra {
        let added = roots.add(certificate.clone());
        added.map_err(|error| HttpFetchError::new("an extra root cannot be used", Some(error.into())))?;
    }
    if roots.is_empty() {
        let error = native.errors.into_iter().next().map(Into::into);
        return Err(HttpFetchError::new("the system has no roots, and none were added", error));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| HttpFetchError::new("TLS cannot be set up", Some(error.into())))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
