//! The `Origin` of a request: scheme, host and port (RFC 6454).

use super::authority::{Authority, Flaw, Host};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// What browsers send for a sandboxed frame, a `data:` or a `file:` page: it may be anybody.
    Null,
    Site(Site),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Site {
    scheme: Box<str>,
    host: Host,
    /// The written port, or the scheme's own where there is one.
    port: Option<u16>,
}

impl Origin {
    pub(super) fn parse(text: &str) -> Result<Self, Flaw> {
        if text == "null" {
            return Ok(Self::Null);
        }
        Site::parse(text).map(Self::Site)
    }
}

impl Site {
    pub(super) fn parse(text: &str) -> Result<Self, Flaw> {
        let (scheme, rest) = text.split_once("://").ok_or(Flaw::Scheme)?;
        let first = scheme.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
        let others =
            scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        if !(first && others) {
            return Err(Flaw::Scheme);
        }
        let scheme = scheme.to_ascii_lowercase();
        let Authority { host, port } = Authority::parse(rest)?;
        let port = port.or_else(|| default_port(&scheme));
        Ok(Self { scheme: scheme.into(), host, port })
    }

    /// A page served from this machine. Schemes of desktop shells (`tauri://localhost`) are not: allow them by name.
    pub(super) fn is_loopback(&self) -> bool {
        matches!(&*self.scheme, "http" | "https") && self.host.is_loopback()
    }
}

pub(super) fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}
