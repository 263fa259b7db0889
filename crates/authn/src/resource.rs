#[cfg(test)]
mod tests;

use http::Uri;

use crate::ConfigError;

/// Where the metadata of a resource without a path is served (RFC 9728, section 3).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Longer identifiers are refused: this one goes into headers.
const MAX_LENGTH: usize = 1024;

/// The name under which clients ask for tokens, and in whose name tokens are issued: the canonical URI of a service.
///
/// It is what RFC 8707 and RFC 9728 call the resource identifier: an absolute `https` URL without query, fragment and
/// credentials. Scheme and host are brought into lower case, a default port and a lone trailing slash are dropped, so
/// that it is spelled as clients spell it. Everything that clients would spell in another way is refused.
///
/// ```
/// use portcullis_authn::Resource;
///
/// let resource = Resource::new("HTTPS://MCP.example.com/mcp")?;
/// assert_eq!(resource.as_str(), "https://mcp.example.com/mcp");
/// assert_eq!(
///     resource.metadata_url(),
///     "https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
/// );
/// assert_eq!(Resource::new("https://mcp.example.com/")?.as_str(), "https://mcp.example.com");
/// assert!(Resource::new("http://mcp.example.com").is_err());
/// # Ok::<(), portcullis_authn::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    uri: String,
    /// How many bytes of `uri` are scheme and authority.
    origin: usize,
    metadata_url: String,
}

impl Resource {
    /// The service at this `https` URL.
    ///
    /// # Errors
    ///
    /// Another scheme, a query, a fragment, credentials, a path that clients would spell differently (`/a/../b`), or no
    /// URL at all.
    pub fn new(uri: &str) -> Result<Self, ConfigError> {
        Self::read(uri, false)
    }

    /// The service at this `http` or `https` URL. Tokens sent over `http` can be read on the way: for development on one
    /// machine.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new), `http` aside.
    pub fn insecure_http(uri: &str) -> Result<Self, ConfigError> {
        Self::read(uri, true)
    }

    /// The canonical URI.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.uri
    }

    /// Scheme, host and port: `https://mcp.example.com`.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.uri.get(..self.origin).unwrap_or(&self.uri)
    }

    /// The path: `/mcp`, or nothing.
    #[must_use]
    pub fn path(&self) -> &str {
        self.uri.get(self.origin..).unwrap_or_default()
    }

    /// Where clients find the metadata: the well-known path is put between host and path (RFC 9728, section 3.1).
    #[must_use]
    pub fn metadata_url(&self) -> &str {
        &self.metadata_url
    }

    /// The paths of requests for the metadata: the one of [`metadata_url`](Self::metadata_url), and the root's, which
    /// MCP clients try next. The two are equal for a resource without a path.
    ///
    /// Where several resources share a host, the root can speak for one of them only.
    #[must_use]
    pub fn metadata_paths(&self) -> [&str; 2] {
        [self.metadata_url.get(self.origin..).unwrap_or(WELL_KNOWN), WELL_KNOWN]
    }

    fn read(text: &str, insecure: bool) -> Result<Self, ConfigError> {
        let flawed = |flaw: &'static str| ConfigError::new("resource", text, flaw);
        if text.len() > MAX_LENGTH {
            return Err(flawed("is longer than 1024 bytes"));
        }
        // The parser drops a fragment without a word, so it is looked for first.
        if text.contains('#') {
            return Err(flawed("holds a fragment"));
        }
        let uri: Uri = text.parse().map_err(|_| flawed("is not an absolute URL"))?;
        let scheme = match uri.scheme_str() {
            Some("https") => "https",
            Some("http") if insecure => "http",
            Some("http") => return Err(flawed("must start with https://")),
            _ => return Err(flawed("is not an absolute URL that starts with https://")),
        };
        let authority = authority(&uri, scheme).map_err(flawed)?;
        if uri.query().is_some() {
            return Err(flawed("holds a query"));
        }
        let path = if uri.path() == "/" { "" } else { uri.path() };
        check_path(path).map_err(flawed)?;

        let origin = format!("{scheme}://{authority}");
        let metadata_url = format!("{origin}{WELL_KNOWN}{path}");
        Ok(Self { uri: format!("{origin}{path}"), origin: origin.len(), metadata_url })
    }
}

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.uri)
    }
}

/// Host and port as clients write them: in lower case, without the scheme's own port.
fn authority(uri: &Uri, scheme: &str) -> Result<String, &'static str> {
    let authority = uri.authority().ok_or("names no host")?;
    if authority.as_str().contains('@') {
        return Err("holds a user or password");
    }
    let host = authority.host();
    if host.is_empty() {
        return Err("names no host");
    }
    let name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if !(name || address.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())) {
        return Err("names a host that is neither a name (international ones in Punycode) nor an address");
    }
    let host = host.to_ascii_lowercase();
    if authority.as_str().len() == host.len() {
        return Ok(host);
    }
    match (authority.port_u16(), scheme) {
        (Some(443), "https") | (Some(80), "http") => Ok(host),
        (Some(port), _) if port != 0 => Ok(format!("{host}:{port}")),
        _ => Err("has a port that is not a number from 1 to 65535"),
    }
}

/// Refuses what a client would send in another spelling, and so ask for a token for something else.
fn check_path(path: &str) -> Result<(), &'static str> {
    if path.contains("//") {
        return Err("holds an empty path segment");
    }
    // URL parsers read %2e as a dot.
    if path.split('/').any(|segment| matches!(&*segment.to_ascii_lowercase().replace("%2e", "."), "." | ".."))
    {
        return Err("holds a path segment of dots");
    }
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => {
                let mut digit = || bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
                digit() && digit()
            }
            // RFC 3986, section 3.3.
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b','
            | b';' | b'=' | b':' | b'@' | b'/' => true,
            byte => byte.is_ascii_alphanumeric(),
        };
        if !fits {
            return Err("holds a character that a path has to encode");
        }
    }
    Ok(())
}
