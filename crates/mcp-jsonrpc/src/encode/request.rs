//! From a call to an HTTP request.

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header as names};
use portcullis_core::Body;

use crate::header::{self, HeaderParams};
use crate::rules::NAMED;
use crate::{Call, Failure, FailureKind, Message};

/// What speaks of the client's connection or of the client's bytes, and is wrong on any other (RFC 9110, 7.6.1).
const OF_THE_CONNECTION: [HeaderName; 11] = [
    names::CONNECTION,
    HeaderName::from_static("keep-alive"),
    names::PROXY_AUTHENTICATE,
    names::PROXY_AUTHORIZATION,
    names::TE,
    names::TRAILER,
    names::TRANSFER_ENCODING,
    names::UPGRADE,
    names::CONTENT_LENGTH,
    names::CONTENT_ENCODING,
    names::EXPECT,
];

pub(super) fn from_call(call: Call, target: Option<&Uri>) -> Result<Request<Body>, Failure> {
    let (message, head) = call.into_parts();
    let Parts { uri, mut headers, extensions, .. } = head;
    let params = extensions.get::<HeaderParams>();
    let forwarded_name = headers.remove(header::MCP_NAME);

    let mut outgoing = match target {
        None => {
            for name in of_this_connection(&headers) {
                headers.remove(name);
            }
            OF_THE_CONNECTION.iter().for_each(|name| drop(headers.remove(name)));
            headers
        }
        Some(_) => headers
            .into_iter()
            // A header of several lines has its name on the first one only; parameters have one line each.
            .filter_map(|(name, value)| Some((name?, value)))
            .filter(|(name, _)| name.as_str().starts_with(header::MCP_PARAM_PREFIX))
            .collect(),
    };
    describe(&message, forwarded_name, params, &mut outgoing)?;

    let mut request = Request::new(Body::from(message.into_text()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target.cloned().unwrap_or(uri);
    *request.headers_mut() = outgoing;
    *request.extensions_mut() = extensions;
    Ok(request)
}

/// What the `Connection` header itself names.
fn of_this_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let lines = headers.get_all(names::CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).filter_map(|name| name.trim().parse().ok()).collect()
}

/// Sets the protocol's headers to what the message says.
fn describe(
    message: &Message,
    forwarded_name: Option<HeaderValue>,
    params: Option<&HeaderParams>,
    headers: &mut HeaderMap,
) -> Result<(), Failure> {
    let plain = |text: &str| HeaderValue::from_str(text).map_err(|error| internal(error.into()));
    headers.insert(names::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(names::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    if let Some(method) = message.method() {
        headers.insert(header::MCP_METHOD, plain(method)?);
    }
    if let Some(version) = message.protocol_version() {
        headers.insert(header::MCP_PROTOCOL_VERSION, plain(version)?);
    }
    let named = message.method().is_some_and(|method| NAMED.contains(&method));
    // Methods of extensions may have an `Mcp-Name` whose source only the extension knows.
    let name = if named { message.name().map(header::encode_value) } else { forwarded_name };
    if let Some(name) = name {
        headers.insert(header::MCP_NAME, name);
    }
    if let Some(params) = params {
        let stale = headers.keys().filter(|name| name.as_str().starts_with(header::MCP_PARAM_PREFIX));
        stale.cloned().collect::<Vec<_>>().into_iter().for_each(|name| drop(headers.remove(name)));
        let arguments = message.arguments().unwrap_or(b"{}");
        headers.extend(params.headers_for(arguments).map_err(|error| internal(error.into()))?);
    }
    Ok(())
}

fn internal(error: portcullis_core::BoxError) -> Failure {
    Failure::new(FailureKind::Internal).with_source(error)
}
