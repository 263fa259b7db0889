use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, HeaderName};

use super::{pem, xfcc};
use crate::ClientCertificate;

#[cfg(test)]
mod tests;

/// Where a proxy that ends TLS writes down the certificate of its client.
///
/// Anybody can send such a header. It is worth something only from a proxy that is trusted (see
/// [`Networks`](crate::Networks)) and that removes or replaces what clients send: read it from nobody else, and take it
/// out of the request before it is passed on.
///
/// ```
/// use http::HeaderMap;
/// use portcullis_authn::CertificateHeader;
///
/// let mut headers = HeaderMap::new();
/// assert_eq!(CertificateHeader::Rfc9440.read(&headers)?, None);
///
/// headers.insert("client-cert", ":MIIBCg==:".parse()?);
/// let certificate = CertificateHeader::Rfc9440.read(&headers)?.ok_or("a certificate")?;
/// assert_eq!(certificate.der(), [0x30, 0x82, 0x01, 0x0a]);
///
/// headers.append("client-cert", ":MIIBCg==:".parse()?);
/// assert!(CertificateHeader::Rfc9440.read(&headers).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateHeader {
    /// `Client-Cert`: base64 between colons (RFC 9440).
    Rfc9440,
    /// A header of that name with URL-encoded PEM, such as nginx's `$ssl_client_escaped_cert` or what load balancers of
    /// AWS send. Of a chain, the first is the client's.
    UrlEncodedPem(HeaderName),
    /// `X-Forwarded-Client-Cert` of Envoy with `Cert` among its details. Of several elements the last one counts: the
    /// nearest proxy wrote it. Envoy must be set to `SANITIZE_SET` or `APPEND_FORWARD`; other settings pass on whatever
    /// the client sent.
    Xfcc,
}

/// The most that is read. A certificate has a few kilobytes.
const MAX_HEADER: usize = 16 << 10;

const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");
const XFCC: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

/// RFC 9651, section 4.2.7, lets parsers take byte sequences without padding.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl CertificateHeader {
    /// The certificate, if the header is there and not empty.
    ///
    /// That its bytes are a certificate is for the verifier to find out, and whoever wrote the header vouches that the
    /// client holds the key.
    ///
    /// # Errors
    ///
    /// If the header is there twice, is larger than 16 KiB, or is malformed.
    pub fn read(&self, headers: &HeaderMap) -> Result<Option<ClientCertificate>, CertificateHeaderError> {
        let name = self.name();
        let refuse = |fault| CertificateHeaderError { name: name.clone(), fault };
        let mut lines = headers.get_all(&name).iter();
        let Some(line) = lines.next() else { return Ok(None) };
        if lines.next().is_some() {
            return Err(refuse(Fault::Twice));
        }
        if line.len() > MAX_HEADER {
            return Err(refuse(Fault::TooLong));
        }
        let text = line.to_str().map_err(|_| refuse(Fault::Malformed))?.trim_matches([' ', '\t']);
        if text.is_empty() {
            return Ok(None);
        }
        let der = match self {
            Self::Rfc9440 => byte_sequence(text),
            Self::UrlEncodedPem(_) => pem::read_escaped(text),
            Self::Xfcc => xfcc::last_certificate(text).and_then(pem::read_escaped),
        };
        match der {
            Some(der) if !der.is_empty() => Ok(Some(ClientCertificate::new(der))),
            _ => Err(refuse(Fault::Malformed)),
        }
    }

    /// All headers that tell of certificates in this way, to be taken out of a request.
    pub fn names(&self) -> impl Iterator<Item = HeaderName> + use<> {
        let chain = matches!(self, Self::Rfc9440).then_some(CLIENT_CERT_CHAIN);
        std::iter::once(self.name()).chain(chain)
    }

    fn name(&self) -> HeaderName {
        match self {
            Self::Rfc9440 => CLIENT_CERT,
            Self::UrlEncodedPem(name) => name.clone(),
            Self::Xfcc => XFCC,
        }
    }
}

fn byte_sequence(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.strip_prefix(':')?.strip_suffix(':')?).ok()
}

/// Why a header tells of no certificate. The text does not repeat it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateHeaderError {
    name: HeaderName,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Twice,
    TooLong,
    Malformed,
}

impl fmt::Display for CertificateHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match self.fault {
            Fault::Twice => write!(f, "the header {name} is there twice"),
            Fault::TooLong => write!(f, "the header {name} is larger than {MAX_HEADER} bytes"),
            Fault::Malformed => write!(f, "the header {name} holds no certificate that can be read"),
        }
    }
}

impl std::error::Error for CertificateHeaderError {}
