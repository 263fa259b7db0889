use crate::ConfigError;

/// An issuer is a URL without query and fragment (RFC 8414, section 2).
pub(crate) fn check_issuer(issuer: &str, insecure_http: bool) -> Result<(), ConfigError> {
    let fail = |flaw| Err(ConfigError::new("issuer", issuer, flaw));
    let Ok(url) = issuer.parse::<http::Uri>() else { return fail("is not a URL") };
    match url.scheme_str() {
        Some("https") => {}
        Some("http") if insecure_http => {}
        Some("http") => return fail("is not https, and insecure_http_issuer was not asked for"),
        _ => return fail("is not an https URL"),
    }
    if url.authority().is_none_or(|authority| authority.as_str().contains('@')) {
        return fail("has no host, or credentials before the host");
    }
    if issuer.contains(['?', '#']) {
        return fail("has a query or a fragment");
    }
    Ok(())
}
