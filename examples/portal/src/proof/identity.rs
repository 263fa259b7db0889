//! The probes of what asks callers who they are.

use http::{Request, StatusCode, header};
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::code;

use super::{Probe, controls};
use crate::config::Portal;

/// The form of a token of which nobody says whose it is, so that no issuer is asked about it.
const FORGED: &str = "Bearer self.test.token";

/// `authn`: without a credential, or with a forged one, nobody gets in, on any way there is.
pub(super) fn entrance(portal: &Portal) -> Vec<Probe> {
    let Some(_) = &portal.authn else { return Vec::new() };
    let mut forged = controls::plain(portal);
    forged.headers_mut().insert(header::AUTHORIZATION, header::HeaderValue::from_static(FORGED));
    let mut stream = controls::plain(portal).map(|_| Body::empty());
    *stream.method_mut() = http::Method::GET;
    let refused =
        |control, request: Request<Body>| Probe::refused_by_http(control, request, StatusCode::UNAUTHORIZED);
    let mut query = controls::plain(portal);
    if let Ok(uri) = format!("{}?access_token=self-test", query.uri()).parse() {
        *query.uri_mut() = uri;
    }
    vec![
        refused("authn", controls::plain(portal)),
        refused("authn of streams", stream),
        refused("authn of unknown credentials", forged),
        Probe::refused_by_http("refusal of tokens in the URL", query, StatusCode::BAD_REQUEST),
    ]
}

/// The layer that checks single operations: a call that nobody is known for does not pass.
pub(super) fn permit(portal: &Portal) -> Vec<Probe> {
    let refused = (StatusCode::UNAUTHORIZED, code::UNAUTHENTICATED);
    vec![Probe::refused("authn.scopes", controls::plain(portal), refused.0, refused.1)]
}
