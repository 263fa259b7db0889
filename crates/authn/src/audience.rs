/// Whom a token must have been issued for: the names under which a service is known to issuers.
///
/// The first is the canonical URI of the resource (RFC 8707); some issuers use names of their own besides, such as an
/// application's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    names: Vec<String>,
}

impl Audience {
    pub(crate) fn new(names: Vec<String>) -> Self {
        Self { names: names.into_iter().map(|name| canonical(&name)).collect() }
    }

    /// Whether a token for `name` is meant for this service.
    #[must_use]
    pub fn includes(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name) || {
            let name = canonical(name);
            self.names.contains(&name)
        }
    }

    /// The names, the resource first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}

/// Scheme and host in lower case, and no slash for an empty path (RFC 3986, section 6.2): MCP asks for both to be
/// accepted. Everything else is compared as it is.
fn canonical(name: &str) -> String {
    let Some((scheme, rest)) = name.split_once("://") else { return name.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let path = if path == "/" { "" } else { path };
    format!("{}://{}{path}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_what_names_the_same_resource() {
        let audience = Audience::new(vec!["https://MCP.example.com".into(), "api://finance".into()]);
        for (name, included) in [
            ("https://mcp.example.com", true),
            ("https://mcp.example.com/", true),
            ("HTTPS://mcp.EXAMPLE.com", true),
            ("api://finance", true),
            ("https://mcp.example.com/other", false),
            ("https://mcp.example.com//", false),
            ("https://mcp.example.com.evil.example", false),
            ("http://mcp.example.com", false),
            ("https://mcp.example.com:443", false),
            ("api://Finance/x", false),
            ("", false),
        ] {
            assert_eq!(audience.includes(name), included, "{name}");
        }
    }
}
