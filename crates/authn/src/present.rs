//! Finds what a request shows to prove who sent it.

use std::borrow::Cow;

use http::{Extensions, HeaderMap, HeaderName, Uri, header};
use portcullis_core::{Peer, Secret};

use crate::{CertificateHeader, ClientCertificate, Credential, Networks};

/// The header of a proof of possession (RFC 9449, section 4).
pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");

/// Where credentials are looked for besides `Authorization`.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) service_id: HeaderName,
    pub(crate) service_secret: HeaderName,
    pub(crate) certificate: Option<CertificateHeader>,
    pub(crate) max_credential: usize,
}

/// What a request shows, as it stands in the request.
#[derive(Debug)]
pub(crate) struct Presented<'a> {
    pub(crate) credential: Option<Shown<'a>>,
    /// What TLS has proven, whether or not it is what the caller wants to be known by.
    pub(crate) certificate: Option<Cow<'a, ClientCertificate>>,
}

impl Presented<'_> {
    /// What the caller wants to be known by: a certificate only if it shows nothing else.
    pub(crate) fn main(&self) -> Option<Shown<'_>> {
        self.credential.or(self.certificate.as_deref().map(Shown::Certificate))
    }
}

/// One credential.
#[derive(Clone, Copy)]
pub(crate) enum Shown<'a> {
    Token { text: &'a str, dpop: bool },
    Service { id: &'a str, secret: &'a str },
    Certificate(&'a ClientCertificate),
}

/// Why no credential can be taken from a request, in words for the caller.
pub(crate) type Malformed = &'static str;

impl Places {
    /// Looks at the request; believes nothing.
    pub(crate) fn find<'a>(
        &self,
        uri: &Uri,
        headers: &'a HeaderMap,
        extensions: &'a Extensions,
        networks: &Networks,
    ) -> Result<Presented<'a>, Malformed> {
        if uri.query().is_some_and(names_a_token) {
            return Err("Send the token in the Authorization header, never in the URL.");
        }
        let certificate = self.certificate(headers, extensions, networks)?;
        let token = self.token(headers)?;
        let service = self.service(headers)?;
        let credential = match (token, service) {
            (Some(_), Some(_)) => return Err("Send one credential, not several."),
            (Some(one), None) | (None, Some(one)) => Some(one),
            (None, None) => None,
        };
        Ok(Presented { credential, certificate })
    }

    fn token<'a>(&self, headers: &'a HeaderMap) -> Result<Option<Shown<'a>>, Malformed> {
        let Some(value) = only(headers, &header::AUTHORIZATION)? else { return Ok(None) };
        // Not `to_str`, which looks at one byte after the other: tokens are long. See `Shown::check`.
        let malformed = Err("The Authorization header is malformed.");
        let Ok(value) = std::str::from_utf8(value.as_bytes()) else { return malformed };
        let (scheme, text) = value.split_once(' ').unwrap_or((value, ""));
        let dpop = scheme.eq_ignore_ascii_case("dpop");
        if !dpop && !scheme.eq_ignore_ascii_case("bearer") {
            return if value.is_ascii() { Ok(None) } else { malformed };
        }
        let text = text.trim_matches(' ');
        self.bounded(text)?;
        Ok(Some(Shown::Token { text, dpop }))
    }

    fn service<'a>(&self, headers: &'a HeaderMap) -> Result<Option<Shown<'a>>, Malformed> {
        let text = |name| match only(headers, name)?.map(http::HeaderValue::to_str) {
            Some(Err(_)) => Err("The headers of a service token hold ASCII only."),
            Some(Ok(text)) => self.bounded(text).map(|()| Some(text)),
            None => Ok(None),
        };
        match (text(&self.service_id)?, text(&self.service_secret)?) {
            (Some(id), Some(secret)) => Ok(Some(Shown::Service { id, secret })),
            (None, None) => Ok(None),
            _ => Err("A service token is an id and a secret, in two headers."),
        }
    }

    /// The certificate of the connection; behind a proxy that is trusted, whose own that one is, what the proxy tells. What
    /// anybody else tells is not looked at.
    fn certificate<'a>(
        &self,
        headers: &HeaderMap,
        extensions: &'a Extensions,
        networks: &Networks,
    ) -> Result<Option<Cow<'a, ClientCertificate>>, Malformed> {
        if !networks.is_trusted(extensions.get::<Peer>()) {
            return Ok(extensions.get::<ClientCertificate>().map(Cow::Borrowed));
        }
        let Some(header) = &self.certificate else { return Ok(None) };
        let told = header.read(headers).map_err(|_| "The client certificate cannot be read.")?;
        Ok(told.map(Cow::Owned))
    }

    fn bounded(&self, text: &str) -> Result<(), Malformed> {
        match text.len() > self.max_credential {
            true => Err("The credential is too long."),
            false => Ok(()),
        }
    }

    /// Takes everything out of a request that somebody further in could pass on or write down.
    pub(crate) fn strip(&self, headers: &mut HeaderMap) {
        headers.remove(header::AUTHORIZATION);
        headers.remove(DPOP);
        headers.remove(&self.service_id);
        headers.remove(&self.service_secret);
        for name in self.certificate.iter().flat_map(CertificateHeader::names) {
            headers.remove(name);
        }
    }
}

impl Shown<'_> {
    /// Checks what need not be checked again of a credential that is known.
    pub(crate) fn check(&self) -> Result<(), Malformed> {
        match self {
            Self::Token { text, .. } if !is_token(text) => Err("The Authorization header holds no token."),
            _ => Ok(()),
        }
    }

    /// A copy that outlives the request's head.
    pub(crate) fn credential(&self) -> Credential {
        match *self {
            Self::Token { text, .. } => Credential::Token(Secret::new(text)),
            Self::Service { id, secret } => {
                Credential::ServiceToken { id: id.to_owned(), secret: Secret::new(secret) }
            }
            Self::Certificate(certificate) => Credential::Certificate(certificate.clone()),
        }
    }
}

/// No credential comes into a log by way of what holds it.
impl std::fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token { .. } => "Token",
            Self::Service { .. } => "Service",
            Self::Certificate(_) => "Certificate",
        })
    }
}

/// The header's value, of which there must not be two: they could be read differently further on.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a http::HeaderValue>, Malformed> {
    let mut values = headers.get_all(name).into_iter();
    match (values.next(), values.next()) {
        (first, None) => Ok(first),
        _ => Err("A header that identifies the caller is there twice."),
    }
}

/// The bytes of a token (RFC 6750, section 2.1), and ':', which stands in the prefix that some carry.
///
/// Without a branch, so that the compiler looks at many bytes at once.
fn is_token(text: &str) -> bool {
    let fits = |byte: u8| {
        let [letter, digit] = [(byte | 0x20).wrapping_sub(b'a') < 26, byte.wrapping_sub(b'0') < 10];
        let mark = (byte == b'-') | (byte == b'.') | (byte == b'_') | (byte == b'~') | (byte == b'+');
        letter | digit | mark | (byte == b'/') | (byte == b'=') | (byte == b':')
    };
    !text.is_empty() & text.bytes().fold(true, |all, byte| all & fits(byte))
}

/// Whether a query has the parameter that RFC 6750, section 2.3 once allowed and OAuth 2.1 forbids.
fn names_a_token(query: &str) -> bool {
    query.split(['&', ';']).any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        name.contains("access_token") || name.contains('%') && decoded(name).contains("access_token")
    })
}

fn decoded(name: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(name).decode_utf8_lossy()
}

/// The value of a header that must be there once.
pub(crate) fn proof(headers: &HeaderMap) -> Option<&str> {
    only(headers, &DPOP).ok().flatten().and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests;
