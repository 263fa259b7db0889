//! Which era a request belongs to, as far as its head tells.

use http::{HeaderMap, Method};
use portcullis_mcp_jsonrpc::header;

use crate::front::Version;

/// Who is to look at a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// The decoder: it is modern, or nothing that either era knows.
    Decode,
    /// A message of a legacy client, unless its body says otherwise.
    Post,
    /// A legacy client that listens or comes back.
    Get,
    /// A legacy client that is done.
    Delete,
}

/// A version header that names no legacy revision makes a request modern, whatever else it says: modern servers pass over
/// `Mcp-Session-Id`. A header that is there twice is for the decoder too, which says what is wrong with it.
pub(super) fn route(method: &Method, headers: &HeaderMap) -> Route {
    let legacy = match header::only(headers, &header::MCP_PROTOCOL_VERSION) {
        Ok(None) => true,
        Ok(Some(version)) => version.to_str().ok().and_then(Version::parse).is_some(),
        Err(_) => false,
    };
    match *method {
        Method::POST if legacy => Route::Post,
        Method::GET if legacy && headers.contains_key(header::MCP_SESSION_ID) => Route::Get,
        Method::DELETE if legacy && headers.contains_key(header::MCP_SESSION_ID) => Route::Delete,
        _ => Route::Decode,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Method};
    use portcullis_mcp_jsonrpc::header;

    use super::{Route, route};

    #[test]
    fn routes() {
        type Row = (&'static str, Method, &'static [&'static str], bool, Route);
        let table: &[Row] = &[
            ("modern", Method::POST, &["2026-07-28"], false, Route::Decode),
            ("modern, with a session id", Method::POST, &["2026-07-28"], true, Route::Decode),
            ("of the future", Method::POST, &["2027-01-01"], true, Route::Decode),
            ("no version", Method::POST, &["latest"], true, Route::Decode),
            ("empty", Method::POST, &[""], true, Route::Decode),
            ("twice", Method::POST, &["2025-06-18", "2025-06-18"], true, Route::Decode),
            ("two eras", Method::POST, &["2025-06-18", "2026-07-28"], true, Route::Decode),
            ("no header", Method::POST, &[], false, Route::Post),
            ("the first revision", Method::POST, &["2024-11-05"], true, Route::Post),
            ("the last revision", Method::POST, &["2025-11-25"], true, Route::Post),
            ("listens", Method::GET, &[], true, Route::Get),
            ("listens, with a version", Method::GET, &["2025-11-25"], true, Route::Get),
            ("no session", Method::GET, &["2025-11-25"], false, Route::Decode),
            ("modern GET", Method::GET, &["2026-07-28"], true, Route::Decode),
            ("is done", Method::DELETE, &[], true, Route::Delete),
            ("no session to end", Method::DELETE, &[], false, Route::Decode),
            ("another method", Method::PUT, &[], true, Route::Decode),
        ];
        for (name, method, versions, session, expected) in table {
            let mut headers = HeaderMap::new();
            for version in *versions {
                headers.append(header::MCP_PROTOCOL_VERSION, HeaderValue::from_static(version));
            }
            if *session {
                headers.insert(header::MCP_SESSION_ID, HeaderValue::from_static("x"));
            }
            assert_eq!(route(method, &headers), *expected, "{name}");
        }
    }
}
