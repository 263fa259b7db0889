use std::fmt;

/// A rule that can never hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRuleError {
    input: String,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Uri,
    Below,
    Dns,
    CommonName,
    Fingerprint,
    Blank,
    NoRules,
    Twice,
}

impl CertificateRuleError {
    pub(super) fn new(input: &str, fault: Fault) -> Self {
        Self { input: input.to_owned(), fault }
    }

    /// What was given.
    #[must_use]
    pub fn input(&self) -> &str {
        &self.input
    }
}

impl fmt::Display for CertificateRuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let input = &self.input;
        match self.fault {
            Fault::Uri => write!(f, "{input:?} is no URI that a certificate can name"),
            Fault::Below => {
                write!(
                    f,
                    "{input:?} has a slash at its end, a query, a fragment or an empty step in its path"
                )
            }
            Fault::Dns => write!(f, "{input:?} is no host name; wildcards name nobody"),
            Fault::CommonName => f.write_str("the common name \"\" is empty"),
            Fault::Fingerprint => write!(f, "{input:?} is no SHA-256: 64 hexadecimal digits"),
            Fault::Blank => write!(f, "the rule for {input:?} has \"\" for a name or value"),
            Fault::NoRules => {
                f.write_str("there is no rule for certificates, so nobody would be known by one")
            }
            Fault::Twice => {
                write!(f, "there are two rules for {input:?} and the same issuer: the second never holds")
            }
        }
    }
}

impl std::error::Error for CertificateRuleError {}
