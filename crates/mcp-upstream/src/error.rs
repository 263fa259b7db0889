use portcullis_core::BoxError;

/// Why an upstream cannot be built from what was configured.
///
/// The text names the setting and the value at fault. It never repeats a secret: no header value, and of a URL neither
/// the user, the password nor the query.
///
/// ```
/// use portcullis_core::Secret;
/// use portcullis_mcp_upstream::HttpUpstream;
///
/// let error = HttpUpstream::builder("https://alice:s3cr3t@mcp.example.com/").unwrap_err();
/// assert_eq!(error.to_string(), "url of mcp.example.com: holds a user or password; use a header instead");
///
/// let error = HttpUpstream::builder("https://mcp.example.com/")?.header("accept", Secret::new("*/*")).unwrap_err();
/// assert_eq!(error.to_string(), "header accept: is set by the protocol");
/// # Ok::<(), portcullis_mcp_upstream::BuildError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// The URL is not one to send calls to.
    Url {
        /// The host, as far as one could be read.
        host: String,
        /// What is wrong.
        flaw: &'static str,
    },
    /// A header cannot be injected.
    Header {
        /// Its name.
        name: String,
        /// What is wrong.
        flaw: &'static str,
    },
    /// The credentials for the server are not fit.
    Credentials {
        /// The part of them at fault.
        part: String,
        /// What is wrong.
        flaw: &'static str,
    },
    /// A secret cannot be had.
    Secret {
        /// Why. It names where the secret was looked for.
        source: BoxError,
    },
    /// The certificates to trust cannot be used.
    Certificates {
        /// What is wrong.
        flaw: &'static str,
        /// What the reader of certificates said, if it said something.
        source: Option<BoxError>,
    },
    /// A limit makes no sense.
    Limit {
        /// The name of the setting.
        setting: &'static str,
        /// What is wrong.
        flaw: &'static str,
    },
    /// No process can be started like this.
    Command {
        /// The part of the command at fault.
        part: String,
        /// What is wrong.
        flaw: &'static str,
    },
    /// Nothing can be sealed, so there can be no sessions.
    Sessions {
        /// What is missing.
        source: BoxError,
    },
}

impl std::fmt::Display for BuildError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Url { host, flaw } => write!(f, "url of {host}: {flaw}"),
            Self::Header { name, flaw } => write!(f, "header {name}: {flaw}"),
            Self::Credentials { part, flaw } => write!(f, "{part}: {flaw}"),
            Self::Secret { source } => write!(f, "secret: {source}"),
            Self::Certificates { flaw, source: None } => write!(f, "certificates: {flaw}"),
            Self::Certificates { flaw, source: Some(source) } => write!(f, "certificates: {flaw}: {source}"),
            Self::Limit { setting, flaw } => write!(f, "{setting}: {flaw}"),
            Self::Command { part, flaw } => write!(f, "{part}: {flaw}"),
            Self::Sessions { source } => write!(f, "sessions: {source}"),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Certificates { source: Some(source), .. }
            | Self::Secret { source }
            | Self::Sessions { source } => Some(&**source),
            _ => None,
        }
    }
}
