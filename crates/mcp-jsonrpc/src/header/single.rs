use std::error::Error;
use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

/// The value of a header that may be sent once at most; `None` if it was not sent.
///
/// Of a repeated header some read the first value and some the last (`HeaderMap::get` gives the first), so what
/// decides anything must not be read from one. Equal values are refused too: no honest client sends them.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::HOST};
/// use portcullis_mcp_jsonrpc::header::only;
///
/// let mut headers = HeaderMap::new();
/// assert_eq!(only(&headers, &HOST), Ok(None));
/// headers.append(HOST, HeaderValue::from_static("localhost"));
/// assert_eq!(only(&headers, &HOST).unwrap().unwrap(), "localhost");
/// headers.append(HOST, HeaderValue::from_static("evil.example"));
/// assert_eq!(only(&headers, &HOST).unwrap_err().to_string(), "the host header is sent more than once");
/// ```
///
/// # Errors
///
/// If the header was sent more than once.
pub fn only<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a HeaderValue>, RepeatedHeader> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    match values.next() {
        None => Ok(first),
        Some(_) => Err(RepeatedHeader { name: name.clone() }),
    }
}

/// A header that may be sent once was sent more often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatedHeader {
    name: HeaderName,
}

impl RepeatedHeader {
    /// The header that was repeated.
    #[must_use]
    pub fn name(&self) -> &HeaderName {
        &self.name
    }
}

impl fmt::Display for RepeatedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} header is sent more than once", self.name)
    }
}

impl Error for RepeatedHeader {}
