use super::*;

#[test]
fn takes_what_clients_write_in_one_way() {
    for (input, uri, metadata) in [
        (
            "https://mcp.example.com/mcp",
            "https://mcp.example.com/mcp",
            "https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
        ),
        (
            "https://mcp.example.com",
            "https://mcp.example.com",
            "https://mcp.example.com/.well-known/oauth-protected-resource",
        ),
        (
            "https://mcp.example.com/",
            "https://mcp.example.com",
            "https://mcp.example.com/.well-known/oauth-protected-resource",
        ),
        (
            "HTTPS://MCP.Example.com:8443/Server/MCP",
            "https://mcp.example.com:8443/Server/MCP",
            "https://mcp.example.com:8443/.well-known/oauth-protected-resource/Server/MCP",
        ),
        (
            "https://mcp.example.com:443/mcp",
            "https://mcp.example.com/mcp",
            "https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
        ),
        // The trailing slash of a path can mean something.
        (
            "https://mcp.example.com/mcp/",
            "https://mcp.example.com/mcp/",
            "https://mcp.example.com/.well-known/oauth-protected-resource/mcp/",
        ),
        (
            "https://[2001:DB8::1]:9/a%20b",
            "https://[2001:db8::1]:9/a%20b",
            "https://[2001:db8::1]:9/.well-known/oauth-protected-resource/a%20b",
        ),
    ] {
        let resource = Resource::new(input).unwrap();
        assert_eq!(resource.as_str(), uri, "{input}");
        assert_eq!(resource.to_string(), uri);
        assert_eq!(resource.metadata_url(), metadata, "{input}");
        assert_eq!(format!("{}{}", resource.origin(), resource.path()), uri);
        let [own, root] = resource.metadata_paths();
        assert_eq!(format!("{}{own}", resource.origin()), metadata);
        assert_eq!(root, "/.well-known/oauth-protected-resource");
        assert_eq!(own == root, resource.path().is_empty());
    }
}

#[test]
fn refuses_the_rest_and_names_it() {
    for (input, flaw) in [
        ("", "is not an absolute URL"),
        ("mcp.example.com", "is not an absolute URL"),
        ("/mcp", "is not an absolute URL"),
        ("https://", "is not an absolute URL"),
        ("https:///mcp", "is not an absolute URL"),
        ("https://:443", "names no host"),
        ("ftp://mcp.example.com", "is not an absolute URL"),
        ("http://mcp.example.com", "must start with https://"),
        ("https://mcp.example.com#fragment", "holds a fragment"),
        ("https://mcp.example.com/#", "holds a fragment"),
        ("https://mcp.example.com/mcp?tenant=1", "holds a query"),
        ("https://mcp.example.com/mcp?", "holds a query"),
        ("https://alice:secret@mcp.example.com", "holds a user or password"),
        ("https://mcp.example.com:/", "has a port"),
        ("https://mcp.example.com:0", "has a port"),
        ("https://mcp.example.com:65536", "has a port"),
        ("https://mcp.example.com/a//b", "holds an empty path segment"),
        ("https://mcp.example.com/a/../b", "holds a path segment of dots"),
        ("https://mcp.example.com/.", "holds a path segment of dots"),
        ("https://mcp.example.com/a/%2E./b", "holds a path segment of dots"),
        ("https://mcp.example.com/a\"b", "holds a character"),
        ("https://mcp.example.com/a%2", "holds a character"),
        ("https://mcp.example.com/a%zz", "holds a character"),
        ("https://bücher.example/mcp", "is not an absolute URL"),
        ("https://mcp.example.com /mcp", "is not an absolute URL"),
        ("https://[::1", "is not an absolute URL"),
        ("https://[nine]/", "names a host"),
    ] {
        let error = Resource::new(input).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(flaw), "{input}: {text}");
        assert_eq!((error.setting(), error.value()), ("resource", input));
    }
    assert!(Resource::new(&format!("https://a.example/{}", "a".repeat(1024))).is_err());
}

#[test]
fn http_has_to_be_asked_for() {
    let resource = Resource::insecure_http("http://127.0.0.1:80/mcp").unwrap();
    assert_eq!(resource.as_str(), "http://127.0.0.1/mcp");
    assert_eq!(resource.origin(), "http://127.0.0.1");
    assert!(Resource::insecure_http("https://127.0.0.1/mcp").is_ok());
    assert!(Resource::insecure_http("ws://127.0.0.1/mcp").is_err());
}

#[test]
fn is_send_and_sync() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Resource>();
    assert_send_sync::<ConfigError>();
}

proptest::proptest! {
    /// What is taken is canonical: it is taken again, unchanged, and can stand in quotes in a header.
    #[test]
    fn a_canonical_uri_is_canonical(
        text in "(https|HTTP|http)://[a-zA-Z0-9.:\\[\\]@%-]{0,12}(/[a-z%2E./A\"\\\\?#~é ]{0,12})?",
    ) {
        if let Ok(resource) = Resource::insecure_http(&text) {
            proptest::prop_assert_eq!(&Resource::insecure_http(resource.as_str()).unwrap(), &resource);
            let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
            proptest::prop_assert!(resource.metadata_url().bytes().all(fits), "{resource}");
        }
    }
}
