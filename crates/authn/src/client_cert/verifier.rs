use std::time::{Duration, SystemTime};

use super::error::{CertificateRuleError, Fault};
use super::facts::Facts;
use super::rule::CertificateRule;
use crate::{Audience, BoxFuture, Credential, Denial, Verified, Verifier};

#[cfg(test)]
mod tests;

/// Knows the owners of client certificates by rules, the first that covers a certificate.
///
/// TLS has checked that the certificate leads to an authority it trusts, was not revoked, and that the client holds its
/// key: here, or at a proxy that passes it on. What is checked here once more is the time. A certificate that no rule
/// covers is refused.
///
/// ```
/// use portcullis_authn::{CertificateRule, ClientCertificates};
/// use portcullis_core::Kind;
///
/// let certificates = ClientCertificates::new([
///     CertificateRule::uri("spiffe://example.org/ns/prod/nightly")?.group("jobs"),
///     CertificateRule::uri_below("spiffe://example.org/agents")?.kind(Kind::Agent).scope("tools:call"),
///     CertificateRule::dns("batch.example.org")?.issued_by("O=Example, CN=Example CA"),
/// ])?;
/// # let _ = certificates;
///
/// // Nobody could ever be known.
/// assert!(ClientCertificates::new([]).is_err());
/// # Ok::<(), portcullis_authn::CertificateRuleError>(())
/// ```
///
/// # Cost
///
/// Tens of microseconds for a certificate, and a comparison for each rule; a certificate of more than 16 KiB is refused
/// unseen.
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientCertificates {
    rules: Vec<CertificateRule>,
}

/// How far the clock of an authority may be ahead.
const SKEW: Duration = Duration::from_secs(30);

/// How much of a name is written down.
const MAX_SHOWN: usize = 256;

impl ClientCertificates {
    /// Knows owners by these rules.
    ///
    /// # Errors
    ///
    /// If there is none, one looks for what another before it looks for, or one has an empty name.
    pub fn new(rules: impl IntoIterator<Item = CertificateRule>) -> Result<Self, CertificateRuleError> {
        let rules: Vec<CertificateRule> = rules.into_iter().collect();
        if rules.is_empty() {
            return Err(CertificateRuleError::new("", Fault::NoRules));
        }
        for (index, rule) in rules.iter().enumerate() {
            rule.check()?;
            let covers = |earlier: &CertificateRule| {
                earlier.matches == rule.matches
                    && (earlier.issued_by.is_none() || earlier.issued_by == rule.issued_by)
            };
            if rules.iter().take(index).any(covers) {
                return Err(CertificateRuleError::new(&rule.matches.to_string(), Fault::Twice));
            }
        }
        Ok(Self { rules })
    }

    fn judge(&self, credential: &Credential, now: SystemTime) -> Result<Verified, Denial> {
        let Credential::Certificate(certificate) = credential else {
            return Err(Denial::invalid("not a certificate"));
        };
        let facts = Facts::read(certificate).map_err(Denial::invalid)?;
        if now >= facts.not_after {
            return Err(Denial::invalid("the certificate has expired"));
        }
        if now.checked_add(SKEW).is_none_or(|soon| soon < facts.not_before) {
            return Err(Denial::invalid("the certificate is not valid yet"));
        }
        match self.rules.iter().find_map(|rule| rule.owner(&facts)) {
            Some(owner) => Ok(Verified::new(owner).issued(facts.not_before).expires(facts.not_after)),
            None => Err(Denial::forbid(format!(
                "no rule covers the certificate of {:?}, issued by {:?}",
                shown(facts.subject.as_deref()),
                shown(facts.issuer.as_deref()),
            ))),
        }
    }
}

fn shown(name: Option<&str>) -> String {
    name.unwrap_or("something that is no text").chars().take(MAX_SHOWN).collect()
}

impl Verifier for ClientCertificates {
    fn recognizes(&self, credential: &Credential) -> bool {
        matches!(credential, Credential::Certificate(_))
    }

    fn verify<'a>(
        &'a self,
        credential: &'a Credential,
        _: &'a Audience,
        now: SystemTime,
    ) -> BoxFuture<'a, Result<Verified, Denial>> {
        Box::pin(std::future::ready(self.judge(credential, now)))
    }
}
