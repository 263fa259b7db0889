use http::HeaderMap;
use portcullis_core::Secret;

use super::*;

#[test]
fn a_url_names_one_server_and_no_credentials() {
    let table = [
        ("plain", "http://127.0.0.1:3000/mcp", None),
        ("tls", "https://mcp.example.com/mcp", None),
        ("no path", "https://mcp.example.com", None),
        ("ipv6", "http://[::1]:8080/mcp", None),
        ("ipv6, no port", "http://[::1]/mcp", None),
        ("query", "https://mcp.example.com/mcp?tenant=7", None),
        ("relative", "/mcp", Some("must start with http")),
        ("host only", "mcp.example.com", Some("must start with http")),
        ("other scheme", "ftp://mcp.example.com/", Some("must start with http")),
        ("file", "file:///etc/passwd", Some("")),
        ("empty", "", Some("is not a URL")),
        ("space", "http://mcp example/", Some("is not a URL")),
        ("user", "https://alice@mcp.example.com/", Some("user or password")),
        ("password", "https://a:s3cr3t@mcp.example.com/", Some("user or password")),
        ("fragment", "https://mcp.example.com/mcp#top", Some("fragment")),
        ("port of zero", "http://127.0.0.1:0/", Some("port")),
        ("port too large", "http://127.0.0.1:65536/", Some("")),
        ("port missing", "http://127.0.0.1:/", Some("port")),
    ];
    for (name, text, flaw) in table {
        match (url(text), flaw) {
            (Ok(uri), None) => {
                assert_eq!(uri.to_string().trim_end_matches('/'), text.trim_end_matches('/'), "{name}")
            }
            (Err(error), Some(flaw)) => {
                assert!(error.to_string().contains(flaw), "{name}: {error}");
                assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{name}: {error}");
            }
            (outcome, _) => panic!("{name}: {outcome:?}"),
        }
    }
}

#[test]
fn only_headers_outside_the_protocol_may_be_chosen() {
    let table = [
        ("own", "x-api-key", "s3cr3t", None),
        ("authorization", "Authorization", "Bearer s3cr3t", None),
        ("cookie", "cookie", "a=s3cr3t", None),
        ("accept", "Accept", "*/*", Some("protocol")),
        ("content type", "content-type", "text/plain", Some("protocol")),
        ("content length", "content-length", "0", Some("protocol")),
        ("method", "Mcp-Method", "tools/list", Some("protocol")),
        ("any of mcp", "mcp-anything", "1", Some("protocol")),
        ("param", "MCP-Param-Region", "eu", Some("protocol")),
        ("host", "host", "evil", Some("protocol")),
        ("transfer", "transfer-encoding", "chunked", Some("protocol")),
        ("compression", "accept-encoding", "gzip", Some("protocol")),
        ("no name", "", "s3cr3t", Some("not the name")),
        ("bad name", "x api key", "s3cr3t", Some("not the name")),
        ("line break", "x-api-key", "s3cr3t\r\nx-evil: 1", Some("control")),
        ("padded", "x-api-key", " s3cr3t", Some("white space")),
        ("trailing newline", "x-api-key", "s3cr3t\n", Some("white space")),
        ("empty", "x-api-key", "", Some("empty")),
        ("not ascii", "x-api-key", "s3cr3tä", Some("ASCII")),
    ];
    for (name, header, value, flaw) in table {
        let mut headers = HeaderMap::new();
        match (inject(&mut headers, header, &Secret::new(value)), flaw) {
            (Ok(()), None) => {
                assert!(headers[header].is_sensitive(), "{name}");
                assert!(!format!("{headers:?}").contains("s3cr3t"), "{name}: {headers:?}");
            }
            (Err(error), Some(flaw)) => {
                assert!(error.to_string().contains(flaw), "{name}: {error}");
                assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{name}: {error}");
            }
            (outcome, _) => panic!("{name}: {outcome:?}"),
        }
    }
}

#[test]
fn a_header_given_twice_is_refused_rather_than_merged() {
    let mut headers = HeaderMap::new();
    inject(&mut headers, "x-api-key", &Secret::new("one")).unwrap();
    assert!(inject(&mut headers, "X-Api-Key", &Secret::new("two")).is_err());
    assert_eq!(headers["x-api-key"], "one");
}
