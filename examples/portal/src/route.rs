//! Which portal a request is for, by host and path.

use http::{HeaderMap, Uri, header};

/// Where health is served, on the portals' addresses unless `[admin]` names others.
pub(crate) const HEALTH_PATHS: [&str; 2] = ["/healthz", "/readyz"];

/// Destinations by host and path. No two of them can be meant by one request; the configuration has seen to that.
#[derive(Debug)]
pub(crate) struct Routes<T> {
    entries: Vec<Entry<T>>,
    /// Other paths that lead to one of them. Looked at last, so that none can hide an entry.
    aliases: Vec<Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    host: Option<String>,
    path: Option<String>,
    to: T,
}

impl<T> Routes<T> {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), aliases: Vec::new() }
    }

    /// Without a host or a path, any will do.
    pub(crate) fn add(&mut self, host: Option<String>, path: Option<String>, to: T) {
        self.entries.push(Entry { host, path, to });
    }

    /// Another path that leads to what is already there.
    pub(crate) fn add_alias(&mut self, host: Option<String>, path: String, to: T) {
        // Before those of any host: what a host says of itself is not for the others to say.
        let at = match host {
            Some(_) => self.aliases.iter().take_while(|alias| alias.host.is_some()).count(),
            None => self.aliases.len(),
        };
        self.aliases.insert(at, Entry { host, path: Some(path), to });
    }

    /// Compares borrowed texts one by one: nothing is cheaper for the dozen portals that one process serves.
    pub(crate) fn find(&self, uri: &Uri, headers: &HeaderMap) -> Option<&T> {
        let host = host_of(uri, headers);
        let entry = self.entries.iter().chain(&self.aliases).find(|entry| {
            entry.path.as_deref().is_none_or(|path| path == uri.path())
                && entry.host.as_deref().is_none_or(|name| name.eq_ignore_ascii_case(host))
        });
        entry.map(|entry| &entry.to)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|entry| &entry.to)
    }
}

/// The host that a request is addressed to, without its port; empty if it names none. Whether the target and the
/// header agree is for the host guard to say, which every request meets next.
fn host_of<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> &'a str {
    match uri.authority() {
        Some(authority) => name_of(authority.as_str()),
        None => headers.get(header::HOST).and_then(|host| host.to_str().ok()).map_or("", name_of),
    }
}

/// A host without its port and the dot that ends an absolute name.
pub(crate) fn name_of(authority: &str) -> &str {
    let name = match authority.rfind(']') {
        Some(end) => authority.get(..=end).unwrap_or(authority),
        None => authority.split_once(':').map_or(authority, |(name, _)| name),
    };
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(routes: &Routes<&'static str>, target: &str, host: &str) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        routes.find(&target.parse().unwrap(), &headers).copied()
    }

    #[test]
    fn finds_by_host_by_path_and_by_both() {
        let mut routes = Routes::new();
        routes.add(Some("a.example".into()), None, "a");
        routes.add(Some("b.example".into()), Some("/mcp".into()), "b");
        routes.add(Some("[::1]".into()), Some("/six".into()), "six");
        for (target, host, expected) in [
            ("/any", "a.example", Some("a")),
            ("/any?query", "A.Example:8080", Some("a")),
            ("/", "a.example.", Some("a")),
            ("/mcp", "b.example", Some("b")),
            ("/mcp?x=/", "b.example:1", Some("b")),
            ("/mcp/", "b.example", None),
            ("/MCP", "b.example", None),
            ("/mcp", "c.example", None),
            ("/mcp", "", None),
            ("/six", "[::1]:8808", Some("six")),
            // The target outweighs the header, as in RFC 9112, section 3.2.2.
            ("http://b.example/mcp", "a.example", Some("b")),
        ] {
            assert_eq!(find(&routes, target, host), expected, "{target} at {host:?}");
        }
        assert_eq!(routes.iter().count(), 3);
    }

    #[test]
    fn an_alias_hides_no_entry_and_is_none() {
        let mut routes = Routes::new();
        routes.add_alias(None, "/other".into(), "alias");
        routes.add_alias(None, "/mcp".into(), "hidden");
        routes.add(None, Some("/mcp".into()), "entry");
        assert_eq!(find(&routes, "/mcp", "a.example"), Some("entry"));
        assert_eq!(find(&routes, "/other", "a.example"), Some("alias"));
        assert_eq!(routes.iter().count(), 1);
    }

    #[test]
    fn an_alias_of_any_host_hides_none_of_a_host() {
        let mut routes = Routes::new();
        routes.add_alias(None, "/told".into(), "all");
        routes.add_alias(Some("b.example".into()), "/told".into(), "b");
        routes.add_alias(Some("c.example".into()), "/told".into(), "c");
        for (host, expected) in [("a.example", "all"), ("b.example", "b"), ("c.example", "c")] {
            assert_eq!(find(&routes, "/told", host), Some(expected), "{host}");
        }
    }

    #[test]
    fn any_host_will_do_where_none_is_named() {
        let mut routes = Routes::new();
        routes.add(None, Some("/mcp".into()), "all");
        assert_eq!(find(&routes, "/mcp", "whatever"), Some("all"));
        assert_eq!(find(&routes, "/other", "whatever"), None);
    }
}
