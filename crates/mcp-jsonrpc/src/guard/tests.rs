use super::{Forbidden, HostGuard, InvalidRule};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use proptest::prelude::*;

fn check(guard: &HostGuard, target: &str, headers: &[(HeaderName, &str)]) -> Result<(), String> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    guard.check(&target.parse::<Uri>().unwrap(), &map).map_err(|forbidden| forbidden.to_string())
}

/// The last word of the refusal, or "pass".
fn verdict(guard: &HostGuard, target: &str, headers: &[(HeaderName, &str)]) -> String {
    match check(guard, target, headers) {
        Ok(()) => "pass".into(),
        Err(text) => text.trim_start_matches("the ").replace(" header", "").replace(" is", ""),
    }
}

#[test]
fn hosts_by_default() {
    let guard = HostGuard::new();
    for (host, want) in [
        ("localhost", "pass"),
        ("localhost:8080", "pass"),
        ("LocalHost.", "pass"),
        ("127.0.0.1", "pass"),
        ("127.0.0.1:1", "pass"),
        ("127.0.0.1.", "pass"),
        ("[::1]", "pass"),
        ("[::1]:65535", "pass"),
        ("[0:0:0:0:0:0:0:1]", "pass"),
        ("[0000:0000::0001]:80", "pass"),
        ("evil.example", "Host not allowed"),
        ("localhost.evil.example", "Host not allowed"),
        ("127.0.0.1.evil.example", "Host not allowed"),
        ("127.0.0.1.nip.io", "Host not allowed"),
        ("notlocalhost", "Host not allowed"),
        ("localhostx", "Host not allowed"),
        ("127.0.0.2", "Host not allowed"),
        ("0.0.0.0", "Host not allowed"),
        ("[::]", "Host not allowed"),
        ("[::ffff:127.0.0.1]", "Host not allowed"),
        ("10.0.0.1", "Host not allowed"),
        ("", "Host malformed"),
        (":80", "Host malformed"),
        (".", "Host malformed"),
        ("localhost..", "Host malformed"),
        (".localhost", "Host malformed"),
        ("localhost:", "Host malformed"),
        ("localhost:x", "Host malformed"),
        ("localhost:+80", "Host malformed"),
        ("localhost:65536", "Host malformed"),
        ("localhost:000080", "Host malformed"),
        ("localhost:80:80", "Host malformed"),
        ("localhost, evil.example", "Host malformed"),
        ("localhost evil.example", "Host malformed"),
        ("localhost@evil.example", "Host malformed"),
        ("evil.example@localhost", "Host malformed"),
        ("http://localhost", "Host malformed"),
        ("localhost/", "Host malformed"),
        ("localhost#", "Host malformed"),
        ("localhost%00.evil.example", "Host malformed"),
        ("local\thost", "Host malformed"),
        ("::1", "Host malformed"),
        ("[::1", "Host malformed"),
        ("[::1]x", "Host malformed"),
        ("[::1%25lo]", "Host malformed"),
        ("[127.0.0.1]", "Host malformed"),
        ("127.1", "Host malformed"),
        ("2130706433", "Host malformed"),
        ("0x7f000001", "Host malformed"),
        ("0x7f.0.0.0x1", "Host malformed"),
        ("0177.0.0.1", "Host malformed"),
    ] {
        assert_eq!(verdict(&guard, "/mcp", &[(HOST, host)]), want, "{host:?}");
    }
    let long = "a.".repeat(200);
    assert_eq!(verdict(&guard, "/mcp", &[(HOST, &long)]), "Host malformed");
}

#[test]
fn host_and_target() {
    let guard = HostGuard::new().allow_host("mcp.example").unwrap();
    for (name, target, hosts, want) in [
        ("none", "/mcp", &[][..], "Host missing"),
        ("two", "/mcp", &["localhost", "localhost"], "Host sent more than once"),
        ("two that differ", "/mcp", &["localhost", "evil.example"], "Host sent more than once"),
        ("HTTP/2", "https://mcp.example/mcp", &[], "pass"),
        ("HTTP/2, with Host", "https://mcp.example/mcp", &["mcp.example"], "pass"),
        ("same but for case and dot", "https://mcp.example/mcp", &["MCP.Example."], "pass"),
        ("same but for the default port", "https://mcp.example/mcp", &["mcp.example:443"], "pass"),
        (
            "not the default port",
            "https://mcp.example/mcp",
            &["mcp.example:80"],
            "Host disagrees with the request target",
        ),
        (
            "both allowed, but different",
            "http://mcp.example/",
            &["localhost"],
            "Host disagrees with the request target",
        ),
        (
            "good target, bad Host",
            "http://localhost/",
            &["evil.example"],
            "Host disagrees with the request target",
        ),
        (
            "bad target, good Host",
            "http://evil.example/",
            &["localhost"],
            "Host disagrees with the request target",
        ),
        ("bad target", "http://evil.example/", &[], "Host not allowed"),
        ("user name in the target", "http://localhost@evil.example/", &[], "Host malformed"),
        ("user name before a good host", "http://evil.example@localhost/", &[], "Host malformed"),
        ("authority form", "mcp.example:443", &["mcp.example:443"], "pass"),
        (
            "authority form, no default port",
            "mcp.example:443",
            &["mcp.example"],
            "Host disagrees with the request target",
        ),
    ] {
        let headers: Vec<_> = hosts.iter().map(|host| (HOST, *host)).collect();
        assert_eq!(verdict(&guard, target, &headers), want, "{name}");
    }
}

#[test]
fn host_rules() {
    let guard = HostGuard::new().without_loopback();
    let guard = ["any.example", "one.example:8443", "web.example:443", "[2001:db8::1]:80", "Upper.Example."]
        .into_iter()
        .fold(guard, |guard, host| guard.allow_host(host).unwrap());
    for (target, host, want) in [
        ("/", "localhost", "Host not allowed"),
        ("/", "any.example", "pass"),
        ("/", "any.example:1", "pass"),
        ("/", "sub.any.example", "Host not allowed"),
        ("/", "one.example:8443", "pass"),
        ("/", "one.example", "Host not allowed"),
        ("/", "one.example:443", "Host not allowed"),
        ("/", "web.example", "pass"),
        ("/", "web.example:443", "pass"),
        ("/", "web.example:80", "Host not allowed"),
        ("https://web.example/", "web.example", "pass"),
        ("http://web.example/", "web.example", "Host not allowed"),
        ("/", "[2001:DB8:0::1]", "pass"),
        ("/", "upper.example", "pass"),
    ] {
        assert_eq!(verdict(&guard, target, &[(HOST, host)]), want, "{target} {host}");
    }
}

#[test]
fn origins() {
    let guard = HostGuard::new();
    let guard = ["https://app.example", "http://dev.example:3000", "vscode-webview://abc-1"]
        .into_iter()
        .fold(guard, |guard, origin| guard.allow_origin(origin).unwrap());
    for (origin, want) in [
        ("https://app.example", "pass"),
        ("https://app.example:443", "pass"),
        ("HTTPS://App.Example", "pass"),
        ("https://app.example.", "pass"),
        ("http://dev.example:3000", "pass"),
        ("vscode-webview://abc-1", "pass"),
        ("http://localhost", "pass"),
        ("http://localhost:6274", "pass"),
        ("https://127.0.0.1:1", "pass"),
        ("http://[::1]:80", "pass"),
        ("http://app.example", "Origin not allowed"),
        ("https://app.example:8443", "Origin not allowed"),
        ("https://sub.app.example", "Origin not allowed"),
        ("https://app.example.evil.example", "Origin not allowed"),
        ("http://dev.example", "Origin not allowed"),
        ("vscode-webview://abc-2", "Origin not allowed"),
        ("tauri://localhost", "Origin not allowed"),
        ("http://localhost.evil.example", "Origin not allowed"),
        ("http://evil.example", "Origin not allowed"),
        ("null", "Origin not allowed"),
        ("NULL", "Origin malformed"),
        ("", "Origin malformed"),
        ("localhost", "Origin malformed"),
        ("//localhost", "Origin malformed"),
        ("://localhost", "Origin malformed"),
        ("http:/localhost", "Origin malformed"),
        ("http://", "Origin malformed"),
        ("file://", "Origin malformed"),
        ("http://localhost/", "Origin malformed"),
        ("http://localhost?x", "Origin malformed"),
        ("http://localhost#@evil.example", "Origin malformed"),
        ("http://localhost\\@evil.example", "Origin malformed"),
        ("http://localhost:80@evil.example", "Origin malformed"),
        ("http://evil.example@localhost", "Origin malformed"),
        ("http://localhost http://evil.example", "Origin malformed"),
        ("http://localhost, http://evil.example", "Origin malformed"),
        ("1http://localhost", "Origin malformed"),
        ("ht tp://localhost", "Origin malformed"),
    ] {
        assert_eq!(verdict(&guard, "/", &[(HOST, "localhost"), (ORIGIN, origin)]), want, "{origin:?}");
    }
    let twice = [(HOST, "localhost"), (ORIGIN, "http://localhost"), (ORIGIN, "http://localhost")];
    assert_eq!(verdict(&guard, "/", &twice), "Origin sent more than once");
    assert_eq!(verdict(&guard, "/", &[(HOST, "localhost")]), "pass", "not a browser");
}

#[test]
fn values_beyond_ascii_are_malformed() {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_bytes(b"localhost\xff").unwrap());
    let forbidden = HostGuard::new().check(&Uri::from_static("/"), &headers).unwrap_err();
    assert_eq!(forbidden.to_string(), "the Host header is malformed");
    assert_eq!(forbidden.header(), HOST);
}

#[test]
fn dangers_are_separate() {
    let evil = [(HOST, "evil.example"), (ORIGIN, "http://evil.example")];
    let null = [(HOST, "localhost"), (ORIGIN, "null")];
    let any_host = HostGuard::new().danger_allow_any_host();
    assert_eq!(verdict(&any_host, "/", &evil), "Origin not allowed");
    assert_eq!(verdict(&any_host, "/", &[]), "Host missing");
    assert_eq!(
        verdict(&any_host, "http://a.example/", &[(HOST, "b.example")]),
        "Host disagrees with the request target"
    );
    let any_origin = HostGuard::new().danger_allow_any_origin();
    assert_eq!(verdict(&any_origin, "/", &evil), "Host not allowed");
    assert_eq!(verdict(&any_origin, "/", &null), "pass");
    assert_eq!(verdict(&any_host.danger_allow_any_origin(), "/", &evil), "pass");
    assert_eq!(verdict(&HostGuard::new().danger_allow_null_origin(), "/", &null), "pass");
}

#[test]
fn rules_that_can_never_match_are_errors() {
    for host in [
        "",
        "https://a.example",
        "a.example/",
        "*.example",
        "a.example:https",
        "::1",
        "127.1",
        "ex\u{e4}mple",
        "a@b",
        "a..b",
    ] {
        let error = HostGuard::new().allow_host(host).unwrap_err();
        assert_eq!(error.input(), host);
        assert!(error.to_string().contains(&format!("{host:?}")), "{error}");
    }
    for origin in ["", "null", "*", "a.example", "https://a.example/", "https://*.a.example", "https://"] {
        assert_eq!(HostGuard::new().allow_origin(origin).unwrap_err().input(), origin);
    }
}

#[test]
fn types_can_cross_threads() {
    fn check<T: Send + Sync + Clone>() {}
    check::<HostGuard>();
    check::<Forbidden>();
    check::<InvalidRule>();
}

proptest! {
    /// Only spellings of the three loopback names pass, whatever the bytes.
    #[test]
    fn nothing_but_loopback_passes(host in "[ -~]{0,30}|(localhost|127\\.0\\.0\\.1|\\[::1\\]|[:.@0-9a]){1,4}") {
        if verdict(&HostGuard::new(), "/", &[(HOST, &host)]) == "pass" {
            let lower = host.to_ascii_lowercase();
            let rest = ["localhost", "127.0.0.1", "[::1]"].iter().find_map(|name| lower.strip_prefix(name)).unwrap();
            let port = rest.strip_prefix('.').unwrap_or(rest);
            prop_assert!(port.is_empty() || port[1..].parse::<u16>().is_ok(), "{host:?}");
        }
    }

    #[test]
    fn origins_never_panic(origin in "[ -~]{0,40}", target in "/|http://[a-z@:.0-9]{1,12}/") {
        if target.parse::<Uri>().is_ok() {
            let _ = check(&HostGuard::new(), &target, &[(HOST, "localhost"), (ORIGIN, &origin)]);
        }
    }
}
