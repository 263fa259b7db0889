//! URLs that may be written differently and mean the same.

/// A URL without query and fragment, normalised by syntax and scheme (RFC 3986, sections 6.2.2 and 6.2.3), as RFC 9449
/// has it compared. `None` if it is not an absolute `http` or `https` URL, or holds credentials.
///
/// Segments of dots are left as they are: a client that sends them in a proof has not sent them in the request.
pub(super) fn normal(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let rest = rest.split(['?', '#']).next()?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.is_empty() || authority.contains('@') {
        return None;
    }
    let authority = authority.to_ascii_lowercase();
    let host = authority.strip_suffix(default_port).or(authority.strip_suffix(':')).unwrap_or(&authority);
    let path = if path.is_empty() { "/" } else { path };
    Some(format!("{scheme}://{host}{}", normal_escapes(path)?))
}

/// Escapes of characters that need none are undone, the digits of the others are upper case.
fn normal_escapes(path: &str) -> Option<String> {
    let mut normal = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((plain, escaped)) = rest.split_once('%') {
        normal.push_str(plain);
        let (digits, tail) = escaped.split_at_checked(2)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let byte = u8::from_str_radix(digits, 16).ok()?;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            normal.push(char::from(byte));
        } else {
            normal.push('%');
            normal.push_str(&digits.to_ascii_uppercase());
        }
        rest = tail;
    }
    normal.push_str(rest);
    Some(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_mean_the_same_are_the_same() {
        let wanted = normal("https://mcp.example.com/a%20b/x").unwrap();
        for (url, same) in [
            ("https://mcp.example.com/a%20b/x", true),
            ("HTTPS://MCP.example.COM/a%20b/x", true),
            ("https://mcp.example.com:443/a%20b/x", true),
            ("https://mcp.example.com:/a%20b/x", true),
            ("https://mcp.example.com/%61%20b/%78", true),
            ("https://mcp.example.com/a%20b/x?query=1", true),
            ("https://mcp.example.com/a%20b/x#fragment", true),
            ("https://mcp.example.com/a%20b/x?q=#f?", true),
            ("http://mcp.example.com/a%20b/x", false),
            ("https://mcp.example.com:80/a%20b/x", false),
            ("https://mcp.example.com:8443/a%20b/x", false),
            ("https://mcp.example.com/a%20b/X", false),
            ("https://mcp.example.com/a%20b/x/", false),
            ("https://mcp.example.com/a%20b%2Fx", false),
            ("https://mcp.example.com/a%20b/./x", false),
            ("https://mcp.example.com//a%20b/x", false),
            ("https://mcp.example.com.evil.example/a%20b/x", false),
            ("https://mcp.example.com@evil.example/a%20b/x", false),
            ("https://alice@mcp.example.com/a%20b/x", false),
            ("https:///a%20b/x", false),
            ("/a%20b/x", false),
            ("", false),
        ] {
            assert_eq!(normal(url).as_ref() == Some(&wanted), same, "{url}");
        }
        assert_eq!(normal("https://a.example"), normal("https://a.example/"));
        assert_eq!(normal("https://a.example?x"), normal("https://a.example/"));
        assert_eq!(normal("https://[::1]:443/%c3%a4"), Some("https://[::1]/%C3%A4".into()));
        for broken in
            ["https://a/%", "https://a/%4", "https://a/%zz", "https://a/%+1", "https://a/%4ä", "ftp://a/"]
        {
            assert_eq!(normal(broken), None, "{broken}");
        }
    }
}
