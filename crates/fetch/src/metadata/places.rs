//! Where the metadata of an issuer may be.

use crate::Endpoint;
use crate::endpoint::EndpointError;

/// The places to look at, in the order of "Authorization Server Metadata Discovery" of MCP 2026-07-28.
///
/// An issuer with a query has none (RFC 8414, section 2).
pub(super) fn of(issuer: &Endpoint) -> Vec<Result<Endpoint, EndpointError>> {
    if issuer.uri().query().is_some() {
        return vec![Err(EndpointError::new("holds a query, which no issuer does"))];
    }
    let scheme = issuer.uri().scheme_str().unwrap_or("https");
    let host = issuer.uri().authority().map_or("", |authority| authority.as_str());
    // RFC 8414, section 3.1: a slash at the end goes first.
    let path = issuer.uri().path();
    let path = path.strip_suffix('/').unwrap_or(path);

    let mut places = vec![
        format!("{scheme}://{host}/.well-known/oauth-authorization-server{path}"),
        format!("{scheme}://{host}/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        places.push(format!("{scheme}://{host}{path}/.well-known/openid-configuration"));
    }
    places.iter().map(|place| issuer.named(place)).collect()
}
