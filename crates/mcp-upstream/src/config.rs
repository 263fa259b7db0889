//! What the builder's raw input must be, as pure checks.

#[cfg(test)]
mod tests;

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header as names};
use portcullis_core::Secret;
use portcullis_mcp_jsonrpc::header;

use crate::BuildError;

/// Headers that the codec, or the connection, sets from what is really sent. Their truth is what the protocol rests on.
const OF_THE_PROTOCOL: [HeaderName; 17] = [
    names::ACCEPT,
    names::ACCEPT_ENCODING,
    names::CONNECTION,
    names::CONTENT_ENCODING,
    names::CONTENT_LENGTH,
    names::CONTENT_TYPE,
    names::EXPECT,
    names::HOST,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    header::LAST_EVENT_ID,
    HeaderName::from_static("proxy-connection"),
    names::RANGE,
    names::TE,
    names::TRAILER,
    names::TRANSFER_ENCODING,
    names::UPGRADE,
];

/// Reads an absolute `http` or `https` URL that names one server and no credentials.
pub(crate) fn url(text: &str) -> Result<Uri, BuildError> {
    // The parser drops a fragment without a word, so it is looked for first.
    let fragment = text.contains('#');
    let uri = text.parse::<Uri>().map_err(|_| flawed_url("?", "is not a URL"))?;
    let host = uri.host().unwrap_or("?").to_owned();
    let flaw = match (uri.scheme_str(), uri.authority()) {
        (Some("http" | "https"), Some(_)) if fragment => "holds a fragment, which is never sent",
        (Some("http" | "https"), Some(authority)) if authority.as_str().contains('@') => {
            "holds a user or password; use a header instead"
        }
        (Some("http" | "https"), Some(authority)) if authority.host().is_empty() => "names no host",
        (Some("http" | "https"), Some(authority)) => match port_is_usable(authority) {
            true => return Ok(uri),
            false => "has a port that is not a number from 1 to 65535",
        },
        _ => "must start with http:// or https://",
    };
    Err(flawed_url(&host, flaw))
}

fn port_is_usable(authority: &http::uri::Authority) -> bool {
    match authority.port() {
        Some(port) => port.as_u16() != 0,
        // A colon that no port was read from: none is there, or it is too large.
        None => authority.as_str().len() == authority.host().len(),
    }
}

fn flawed_url(host: &str, flaw: &'static str) -> BuildError {
    BuildError::Url { host: host.to_owned(), flaw }
}

/// Adds a header that goes with every request, if it is one that may be chosen.
pub(crate) fn inject(headers: &mut HeaderMap, name: &str, value: &Secret) -> Result<(), BuildError> {
    let flawed = |flaw| BuildError::Header { name: name.to_owned(), flaw };
    let name = free_header(name)?;
    // `from_str` would let through everything but control characters; a secret with other than ASCII is a slip.
    let mut value = match value.expose() {
        "" => return Err(flawed("has an empty value")),
        text if text.trim() != text => return Err(flawed("has a value with white space around it")),
        text if !text.is_ascii() => return Err(flawed("has a value that is not ASCII")),
        text => HeaderValue::from_str(text).map_err(|_| flawed("has a value with control characters"))?,
    };
    value.set_sensitive(true);
    match headers.entry(name) {
        http::header::Entry::Occupied(_) => Err(flawed("is given twice")),
        http::header::Entry::Vacant(free) => {
            free.insert(value);
            Ok(())
        }
    }
}

/// The name of a header that may be chosen.
pub(crate) fn free_header(name: &str) -> Result<HeaderName, BuildError> {
    let flawed = |flaw| BuildError::Header { name: name.to_owned(), flaw };
    let name = HeaderName::try_from(name).map_err(|_| flawed("is not the name of a header"))?;
    if OF_THE_PROTOCOL.contains(&name) || name.as_str().starts_with("mcp-") {
        return Err(flawed("is set by the protocol"));
    }
    Ok(name)
}

/// Adds a secret that goes with every request and never changes.
pub(crate) fn inject_secret(
    headers: &mut HeaderMap,
    header: &HeaderName,
    secret: &Secret,
    is_bearer: bool,
) -> Result<(), BuildError> {
    if !is_bearer {
        return inject(headers, header.as_str(), secret);
    }
    if secret.expose().is_empty() || secret.expose().contains(char::is_whitespace) {
        let flaw = "has a token that is empty or holds white space";
        return Err(BuildError::Header { name: header.to_string(), flaw });
    }
    inject(headers, header.as_str(), &Secret::new(format!("Bearer {}", secret.expose())))
}
