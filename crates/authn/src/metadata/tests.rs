use super::*;

fn resource() -> Resource {
    Resource::new("https://mcp.example.com/mcp").unwrap()
}

fn full() -> MetadataDocument {
    Metadata::new(&resource())
        .authorization_server("https://login.example.com/tenant")
        .and_then(|metadata| metadata.authorization_server("http://127.0.0.1:4444"))
        .and_then(|metadata| metadata.authorization_server("https://login.example.com/tenant"))
        .and_then(|metadata| metadata.scopes_supported(["mcp:read", "api://finance/Tools.Call", "mcp:read"]))
        .and_then(|metadata| metadata.documentation("https://docs.example.com/mcp#start"))
        .unwrap()
        .name("The \"finance\" tools")
        .dpop(["ES256", "EdDSA"], true)
        .certificate_bound_tokens()
        .max_age(Duration::from_secs(60))
        .build()
}

#[test]
fn the_document_in_full_and_at_its_shortest() {
    assert_eq!(
        full().json(),
        concat!(
            r#"{"resource":"https://mcp.example.com/mcp","#,
            r#""authorization_servers":["https://login.example.com/tenant","http://127.0.0.1:4444"],"#,
            r#""scopes_supported":["mcp:read","api://finance/Tools.Call"],"#,
            r#""bearer_methods_supported":["header"],"#,
            r#""resource_name":"The \"finance\" tools","#,
            r#""resource_documentation":"https://docs.example.com/mcp#start","#,
            r#""dpop_signing_alg_values_supported":["ES256","EdDSA"],"#,
            r#""dpop_bound_access_tokens_required":true,"#,
            r#""tls_client_certificate_bound_access_tokens":true}"#,
        )
    );
    portcullis_core::json::check(full().json()).unwrap();
    assert_eq!(
        Metadata::new(&resource()).build().json(),
        r#"{"resource":"https://mcp.example.com/mcp","bearer_methods_supported":["header"]}"#
    );
}

#[test]
fn refuses_what_no_client_could_use() {
    let new = || Metadata::new(&resource());
    for (error, text) in [
        (
            new().authorization_server("login.example.com").unwrap_err(),
            "\"login.example.com\" is not an issuer",
        ),
        (new().authorization_server("").unwrap_err(), "\"\" is not an issuer"),
        (new().authorization_server("https://a.example/?x=1").unwrap_err(), "holds a query"),
        (new().scopes_supported(["mcp:read", "offline_access"]).unwrap_err(), "\"offline_access\""),
        (new().scopes_supported(["a b"]).unwrap_err(), "\"a b\""),
        (new().documentation("javascript:alert(1)").unwrap_err(), "is not the URL of a page"),
    ] {
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn answers_by_method() {
    let document = full();
    let length = document.json().len().to_string();
    for (method, status, body, headers) in [
        (
            Method::GET,
            200,
            true,
            vec![
                ("access-control-allow-origin", "*"),
                ("cache-control", "public, max-age=60"),
                ("content-length", &*length),
                ("content-type", "application/json"),
                ("x-content-type-options", "nosniff"),
            ],
        ),
        (
            Method::HEAD,
            200,
            false,
            vec![
                ("access-control-allow-origin", "*"),
                ("cache-control", "public, max-age=60"),
                ("content-length", &*length),
                ("content-type", "application/json"),
                ("x-content-type-options", "nosniff"),
            ],
        ),
        (
            Method::OPTIONS,
            204,
            false,
            vec![
                ("access-control-allow-headers", "*"),
                ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
                ("access-control-allow-origin", "*"),
                ("access-control-max-age", "3600"),
                ("allow", "GET, HEAD, OPTIONS"),
            ],
        ),
        (
            Method::POST,
            405,
            false,
            vec![("access-control-allow-origin", "*"), ("allow", "GET, HEAD, OPTIONS")],
        ),
    ] {
        let response = document.answer(&method);
        assert_eq!(response.status(), status, "{method}");
        let expected = if body { document.json().clone() } else { Bytes::new() };
        assert_eq!(response.body(), &expected, "{method}");
        let mut found: Vec<_> =
            response.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        found.sort_unstable();
        assert_eq!(found, headers, "{method}");
    }
}

#[test]
fn is_send_and_sync() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Metadata>();
    assert_send_sync::<MetadataDocument>();
}
