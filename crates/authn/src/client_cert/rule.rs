use std::sync::Arc;

use portcullis_core::{Kind, Principal};

use super::error::{CertificateRuleError, Fault};
use super::facts::Facts;

/// Whose certificates are whose: what a certificate must say, and who its owner then is.
///
/// The owner's name is what the rule looked for and found in the certificate, unless [`subject`](Self::subject) says
/// otherwise.
#[derive(Clone, Debug)]
#[must_use]
pub struct CertificateRule {
    pub(super) matches: Match,
    pub(super) issued_by: Option<String>,
    kind: Kind,
    subject: Option<Arc<str>>,
    issuer: Option<Arc<str>>,
    groups: Vec<Arc<str>>,
    scopes: Vec<Arc<str>>,
    attributes: Vec<(Arc<str>, Arc<str>)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Match {
    Uri(String),
    UriBelow(String),
    Dns(String),
    CommonName(String),
    Fingerprint([u8; 32]),
}

impl CertificateRule {
    /// Certificates whose only URI is this one, such as a SPIFFE id.
    ///
    /// # Errors
    ///
    /// If it is no URI.
    pub fn uri(uri: &str) -> Result<Self, CertificateRuleError> {
        match is_uri(uri) {
            true => Ok(Self::new(Match::Uri(uri.to_owned()))),
            false => Err(CertificateRuleError::new(uri, Fault::Uri)),
        }
    }

    /// Certificates whose only URI is below this one: `spiffe://example.org/ns/prod` covers
    /// `spiffe://example.org/ns/prod/db`, and neither itself nor `spiffe://example.org/ns/production`.
    ///
    /// # Errors
    ///
    /// If it is no URI, or ends with a slash.
    pub fn uri_below(uri: &str) -> Result<Self, CertificateRuleError> {
        if !is_uri(uri) {
            return Err(CertificateRuleError::new(uri, Fault::Uri));
        }
        let path = uri.split_once("://").map_or("", |(_, path)| path);
        match is_path(path) {
            true => Ok(Self::new(Match::UriBelow(uri.to_owned()))),
            false => Err(CertificateRuleError::new(uri, Fault::Below)),
        }
    }

    /// Certificates for this host, in any case. One for `*.example.org` is for no host in particular and names nobody.
    ///
    /// # Errors
    ///
    /// If it is no host name.
    pub fn dns(host: &str) -> Result<Self, CertificateRuleError> {
        let fits = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        match host.split('.').all(fits) {
            true => Ok(Self::new(Match::Dns(host.to_ascii_lowercase()))),
            false => Err(CertificateRuleError::new(host, Fault::Dns)),
        }
    }

    /// Certificates whose only common name is this one.
    ///
    /// It is insecure where authorities check only the alternative names they put into a certificate: a common name is
    /// free text, and no constraint on an authority's names limits it (RFC 9525, section 2).
    ///
    /// # Errors
    ///
    /// If it is empty.
    pub fn insecure_common_name(name: &str) -> Result<Self, CertificateRuleError> {
        match name.is_empty() {
            false => Ok(Self::new(Match::CommonName(name.to_owned()))),
            true => Err(CertificateRuleError::new(name, Fault::CommonName)),
        }
    }

    /// The one certificate of this SHA-256: 64 hexadecimal digits, with or without colons between each two. The only rule
    /// for the certificate of an authority, as self-signed ones often are.
    ///
    /// # Errors
    ///
    /// If it is no SHA-256.
    pub fn fingerprint(sha256: &str) -> Result<Self, CertificateRuleError> {
        match read_sha256(sha256) {
            Some(digest) => Ok(Self::new(Match::Fingerprint(digest))),
            None => Err(CertificateRuleError::new(sha256, Fault::Fingerprint)),
        }
    }

    fn new(matches: Match) -> Self {
        Self {
            matches,
            issued_by: None,
            kind: Kind::Service,
            subject: None,
            issuer: None,
            groups: Vec::new(),
            scopes: Vec::new(),
            attributes: Vec::new(),
        }
    }

    /// Only certificates of the authority of this name, spelled `C=DE, O=Example, CN=Example CA`: in the certificate's
    /// order, with a backslash before each of `,+=\";<>` in a value. A denial tells the operator how it is spelled.
    ///
    /// It narrows down which of the authorities that TLS trusts may vouch for whom; it proves nothing by itself.
    pub fn issued_by(mut self, name: impl Into<String>) -> Self {
        self.issued_by = Some(name.into());
        self
    }

    /// What the owner is. Default: a service.
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// The owner's name. All owners of certificates that the rule covers are then one.
    pub fn subject(mut self, name: impl Into<Arc<str>>) -> Self {
        self.subject = Some(name.into());
        self
    }

    /// Who vouches for the owner, as [`Principal::issuer`]. Default: nobody is named.
    pub fn issuer(mut self, name: impl Into<Arc<str>>) -> Self {
        self.issuer = Some(name.into());
        self
    }

    /// Puts the owner into a group.
    pub fn group(mut self, group: impl Into<Arc<str>>) -> Self {
        self.groups.push(group.into());
        self
    }

    /// Grants the owner a scope.
    pub fn scope(mut self, scope: impl Into<Arc<str>>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Sets an attribute of the owner.
    pub fn attribute(mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.attributes.push((name.into(), value.into()));
        self
    }

    pub(super) fn check(&self) -> Result<(), CertificateRuleError> {
        let texts = self.subject.iter().chain(&self.issuer).chain(&self.groups).chain(&self.scopes);
        let names = self.attributes.iter().map(|(name, _)| name);
        let blank = texts.chain(names).any(|text| text.is_empty());
        match blank || self.issued_by.as_deref() == Some("") {
            true => Err(CertificateRuleError::new(&self.matches.to_string(), Fault::Blank)),
            false => Ok(()),
        }
    }

    /// The owner of a certificate, if the rule covers it.
    pub(super) fn owner(&self, facts: &Facts) -> Option<Principal> {
        let name = self.matches.find(facts)?;
        if self.issued_by.is_some() && self.issued_by != facts.issuer {
            return None;
        }
        let subject = self.subject.clone().unwrap_or_else(|| name.into());
        let mut owner = Principal::new(self.kind, subject);
        if let Some(issuer) = &self.issuer {
            owner = owner.with_issuer(Arc::clone(issuer));
        }
        owner = self.groups.iter().cloned().fold(owner, Principal::with_group);
        owner = self.scopes.iter().cloned().fold(owner, Principal::with_scope);
        let attributes = self.attributes.iter().cloned();
        Some(attributes.fold(owner, |owner, (name, value)| owner.with_attribute(name, value)))
    }
}

impl Match {
    /// What it found.
    fn find(&self, facts: &Facts) -> Option<String> {
        if facts.is_authority && !matches!(self, Self::Fingerprint(_)) {
            return None;
        }
        let uri = facts.uri.as_deref();
        let found = match self {
            Self::Uri(wanted) => uri == Some(wanted),
            Self::UriBelow(base) => {
                let below = uri.and_then(|uri| uri.strip_prefix(base.as_str())?.strip_prefix('/'));
                if below.is_some_and(is_path) {
                    return facts.uri.clone();
                }
                false
            }
            Self::Dns(wanted) => facts.hosts.iter().any(|host| host.eq_ignore_ascii_case(wanted)),
            Self::CommonName(wanted) => facts.common_name.as_ref() == Some(wanted),
            Self::Fingerprint(wanted) => facts.thumbprint == *wanted,
        };
        found.then(|| self.to_string())
    }
}

/// What the rule is for, as its owner's name.
impl std::fmt::Display for Match {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uri(text) | Self::UriBelow(text) | Self::Dns(text) | Self::CommonName(text) => {
                f.write_str(text)
            }
            Self::Fingerprint(digest) => {
                f.write_str("sha256:")?;
                digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

fn is_uri(text: &str) -> bool {
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    visible && text.split_once(':').is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty())
}

/// Steps of a path in which nothing means anything but itself: no `..`, no escapes.
fn is_path(path: &str) -> bool {
    path.split('/').all(|step| {
        !matches!(step, "" | "." | "..")
            && step.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte))
    })
}

fn read_sha256(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    let mut digits = text.as_bytes();
    for (index, byte) in digest.iter_mut().enumerate() {
        if index > 0 {
            digits = digits.strip_prefix(b":").unwrap_or(digits);
        }
        let [high, low, rest @ ..] = digits else { return None };
        let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(high)? << 4 | digit(low)?;
        digits = rest;
    }
    digits.is_empty().then_some(digest)
}
