//! Protection against DNS rebinding: is this request meant for us, and did a page we trust send it?
//!
//! A browser lets any page send requests to its own host name. The owner of that name can point it at `127.0.0.1` or
//! at a machine of your network after the page has loaded, and the page then talks to a server that was never meant
//! to be reached from outside. Such a request betrays itself: its `Host` is the attacker's name, and its `Origin`
//! the attacker's page. The MCP spec demands that servers check `Origin` (Streamable HTTP, "Security & Endpoint");
//! [`HostGuard`] checks both.
//!
//! ```
//! use http::{HeaderMap, HeaderValue, Uri, header};
//! use portcullis_mcp_jsonrpc::guard::HostGuard;
//!
//! let guard = HostGuard::new();
//! let target = Uri::from_static("/mcp");
//! let mut headers = HeaderMap::new();
//!
//! headers.insert(header::HOST, HeaderValue::from_static("localhost:8080"));
//! assert!(guard.check(&target, &headers).is_ok());
//!
//! headers.insert(header::HOST, HeaderValue::from_static("evil.example"));
//! let forbidden = guard.check(&target, &headers).unwrap_err();
//! assert_eq!(forbidden.header(), header::HOST);
//! ```
//!
//! # What it cannot see
//!
//! It does not say who calls: programs that are not browsers send what they like. And a proxy in front that rewrites
//! `Host` hides the name the client used; let the proxy check it, or keep it as it is.

mod authority;
mod error;
mod origin;

use std::sync::Arc;

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName, Uri};

use self::authority::{Authority, Flaw};
use self::error::Fault;
pub use self::error::{Forbidden, InvalidRule};
use self::origin::{Origin, Site, default_port};
use crate::header::only;

/// Decides by `Host` and `Origin` whether a request may pass.
///
/// Unless told more, it lets requests pass that are addressed to this machine by one of its own names (`localhost`,
/// `127.0.0.1`, `[::1]`, any port), and that come from no page or from a page of this machine. Requests without
/// `Origin` pass: only browsers send it, and they always do when it matters.
///
/// ```
/// use http::{HeaderMap, HeaderValue, Uri, header};
/// use portcullis_mcp_jsonrpc::guard::HostGuard;
///
/// let guard = HostGuard::new()
///     .allow_host("mcp.example.com")? // on any port
///     .allow_host("10.0.0.5:8080")? // on this one
///     .allow_origin("https://app.example.com")?;
///
/// let target = Uri::from_static("/mcp");
/// let mut headers = HeaderMap::new();
/// headers.insert(header::HOST, HeaderValue::from_static("MCP.example.com"));
/// headers.insert(header::ORIGIN, HeaderValue::from_static("https://app.example.com:443"));
/// assert!(guard.check(&target, &headers).is_ok());
///
/// headers.insert(header::ORIGIN, HeaderValue::from_static("http://app.example.com"));
/// assert!(guard.check(&target, &headers).is_err(), "another scheme is another origin");
///
/// assert!(HostGuard::new().allow_host("https://mcp.example.com").is_err(), "not a host");
/// # Ok::<(), portcullis_mcp_jsonrpc::guard::InvalidRule>(())
/// ```
///
/// Cloning is cheap.
#[derive(Debug, Clone)]
#[must_use]
pub struct HostGuard {
    rules: Arc<Rules>,
}

#[derive(Debug, Clone)]
struct Rules {
    loopback: bool,
    any_host: bool,
    any_origin: bool,
    null_origin: bool,
    hosts: Vec<Authority>,
    origins: Vec<Site>,
}

impl HostGuard {
    /// Allows the names of this machine, and nothing else.
    pub fn new() -> Self {
        Self {
            rules: Arc::new(Rules {
                loopback: true,
                any_host: false,
                any_origin: false,
                null_origin: false,
                hosts: Vec::new(),
                origins: Vec::new(),
            }),
        }
    }

    /// Allows requests addressed to `host`: a name or an IP address, with a port (`mcp.example.com:8443`) if only
    /// that port is meant.
    ///
    /// A request that names no port matches the default port of its scheme; if the scheme is not known, 80 and 443.
    ///
    /// # Errors
    ///
    /// If `host` is not a host, so that nothing could match it: a URL, a wildcard, an IPv6 address without brackets.
    pub fn allow_host(self, host: &str) -> Result<Self, InvalidRule> {
        let rule = Authority::parse(host).map_err(|flaw| InvalidRule::new(host, flaw))?;
        Ok(self.with(|rules| rules.hosts.push(rule)))
    }

    /// Allows requests from pages of `origin`: scheme, host, and port unless it is the scheme's own, exactly.
    ///
    /// # Errors
    ///
    /// If `origin` is not an origin: a bare host, a URL with a path (even just `/`), `null`.
    pub fn allow_origin(self, origin: &str) -> Result<Self, InvalidRule> {
        match Origin::parse(origin) {
            Ok(Origin::Site(site)) => Ok(self.with(|rules| rules.origins.push(site))),
            Ok(Origin::Null) => Err(InvalidRule::new(origin, Flaw::NullOrigin)),
            Err(flaw) => Err(InvalidRule::new(origin, flaw)),
        }
    }

    /// No longer allows the names of this machine: only what was allowed by name may pass.
    pub fn without_loopback(self) -> Self {
        self.with(|rules| rules.loopback = false)
    }

    /// Allows any `Host`, so that only `Origin` protects against rebinding.
    ///
    /// A `Host` that is missing, repeated or malformed, or disagrees with the request target, is still refused.
    pub fn danger_allow_any_host(self) -> Self {
        self.with(|rules| rules.any_host = true)
    }

    /// Ignores `Origin`, so that every page of the web may send requests.
    pub fn danger_allow_any_origin(self) -> Self {
        self.with(|rules| rules.any_origin = true)
    }

    /// Allows `Origin: null`, which every page can obtain by framing itself in a sandbox.
    pub fn danger_allow_null_origin(self) -> Self {
        self.with(|rules| rules.null_origin = true)
    }

    /// Whether a request with this target and these headers may pass.
    ///
    /// # Errors
    ///
    /// [`Forbidden`] if it may not.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Forbidden> {
        self.check_host(uri, headers).map_err(Forbidden::host)?;
        self.check_origin(headers).map_err(Forbidden::origin)
    }

    fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Fault> {
        let scheme_port = uri.scheme_str().and_then(default_port);
        // The target names the host in HTTP/2 (`:authority`) and in the absolute form of HTTP/1.
        let target = uri.authority().map(|authority| parse_authority(authority.as_str())).transpose()?;
        let host = text(headers, &HOST)?.map(parse_authority).transpose()?;
        let addressed = match (target, host) {
            (Some(target), Some(host)) => {
                let port = |authority: &Authority| authority.port.or(scheme_port);
                if target.host != host.host || port(&target) != port(&host) {
                    return Err(Fault::Disagrees);
                }
                target
            }
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => return Err(Fault::Missing),
        };
        let rules = &self.rules;
        let allowed = rules.any_host
            || (rules.loopback && addressed.host.is_loopback())
            || rules.hosts.iter().any(|rule| matches(rule, &addressed, scheme_port));
        if allowed { Ok(()) } else { Err(Fault::NotAllowed) }
    }

    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Fault> {
        let rules = &self.rules;
        if rules.any_origin {
            return Ok(());
        }
        let Some(origin) = text(headers, &ORIGIN)? else { return Ok(()) };
        let allowed = match Origin::parse(origin).map_err(|_| Fault::Malformed)? {
            Origin::Null => rules.null_origin,
            Origin::Site(site) => (rules.loopback && site.is_loopback()) || rules.origins.contains(&site),
        };
        if allowed { Ok(()) } else { Err(Fault::NotAllowed) }
    }

    fn with(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(Arc::make_mut(&mut self.rules));
        self
    }
}

impl Default for HostGuard {
    fn default() -> Self {
        Self::new()
    }
}

fn matches(rule: &Authority, addressed: &Authority, scheme_port: Option<u16>) -> bool {
    let port = match (rule.port, addressed.port.or(scheme_port)) {
        (None, _) => true,
        (Some(rule), Some(port)) => rule == port,
        // TLS may have ended before us, so the scheme is not known: the default port of either.
        (Some(rule), None) => matches!(rule, 80 | 443),
    };
    port && rule.host == addressed.host
}

fn parse_authority(text: &str) -> Result<Authority, Fault> {
    Authority::parse(text).map_err(|_| Fault::Malformed)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Fault> {
    let Some(value) = only(headers, name).map_err(|_| Fault::Repeated)? else { return Ok(None) };
    value.to_str().map(Some).map_err(|_| Fault::Malformed)
}

#[cfg(test)]
mod tests;
