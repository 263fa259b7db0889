use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

const PREFIX: &str = "=?base64?";
const SUFFIX: &str = "?=";

/// Writes `text` as the value of `Mcp-Name` or `Mcp-Param-*`.
///
/// Visible ASCII, spaces inside included, goes as it is. Everything else is wrapped in the spec's Base64
/// sentinel: text with other characters (tabs too, which some proxies turn into spaces), with a space at either end
/// (which every parser strips), and text that looks like the sentinel itself.
///
/// ```
/// use portcullis_mcp_jsonrpc::header::encode_value;
///
/// assert_eq!(encode_value("us-west1"), "us-west1");
/// assert_eq!(encode_value(" padded "), "=?base64?IHBhZGRlZCA=?=");
/// assert_eq!(encode_value("=?base64?literal?="), "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=");
/// ```
#[must_use]
pub fn encode_value(text: &str) -> HeaderValue {
    if is_plain(text)
        && let Ok(value) = HeaderValue::from_str(text)
    {
        return value;
    }
    let mut encoded = String::with_capacity(PREFIX.len() + text.len().div_ceil(3) * 4 + SUFFIX.len());
    encoded.push_str(PREFIX);
    STANDARD.encode_string(text, &mut encoded);
    encoded.push_str(SUFFIX);
    // The alphabet of Base64 and the sentinel is visible ASCII, which is always a header value.
    HeaderValue::try_from(encoded).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn is_plain(text: &str) -> bool {
    let visible = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let padded = text.starts_with(' ') || text.ends_with(' ');
    let sentinel = text.starts_with(PREFIX) && text.ends_with(SUFFIX);
    visible && !padded && !sentinel
}

/// Reads the value of `Mcp-Name` or `Mcp-Param-*`.
///
/// The markers of the sentinel are case-sensitive; a value without them stands for itself. Inside them only
/// canonical Base64 of valid UTF-8 will do: the standard alphabet, **padded**, no spare bits set. Decoders differ on
/// the rest (some stop at what they do not know, some skip it), and a value that a router reads otherwise than we do
/// is what this check is for.
///
/// ```
/// use http::HeaderValue;
/// use portcullis_mcp_jsonrpc::header::decode_value;
///
/// let read = |value| decode_value(&HeaderValue::from_static(value)).map(|text| text.into_owned());
/// assert_eq!(read("us-west1")?, "us-west1");
/// assert_eq!(read("=?base64?SGVsbG8=?=")?, "Hello");
/// assert_eq!(read("=?BASE64?SGVsbG8=?=")?, "=?BASE64?SGVsbG8=?=");
/// assert!(read("=?base64?SGVsbG8?=").is_err());
/// # Ok::<(), portcullis_mcp_jsonrpc::header::InvalidHeaderValue>(())
/// ```
///
/// # Errors
///
/// If the value holds other bytes than visible ASCII, space and tab, starts or ends with a space or tab, or is
/// wrapped in the sentinel but is not canonical Base64 of UTF-8.
pub fn decode_value(value: &HeaderValue) -> Result<Cow<'_, str>, InvalidHeaderValue> {
    // Of the control characters, `to_str` lets only the tab pass.
    let text = value.to_str().map_err(|_| InvalidHeaderValue(Kind::Characters))?;
    if text.starts_with([' ', '\t']) || text.ends_with([' ', '\t']) {
        return Err(InvalidHeaderValue(Kind::Space));
    }
    if !(text.starts_with(PREFIX) && text.ends_with(SUFFIX)) {
        return Ok(Cow::Borrowed(text));
    }
    // `=?base64?=` starts and ends right, but with the same question mark: nobody can tell what is meant.
    let encoded = text.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
    let bytes = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
    let bytes = bytes.ok_or(InvalidHeaderValue(Kind::Base64))?;
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| InvalidHeaderValue(Kind::Utf8))
}

/// Why [`decode_value`] refused a value. The text does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidHeaderValue(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Characters,
    Space,
    Base64,
    Utf8,
}

impl fmt::Display for InvalidHeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Characters => "the value holds characters that a header must not hold",
            Kind::Space => "the value starts or ends with whitespace",
            Kind::Base64 => "the value is marked as Base64 but is not canonical, padded Base64",
            Kind::Utf8 => "the Base64 value is not UTF-8",
        })
    }
}

impl Error for InvalidHeaderValue {}

#[cfg(test)]
mod tests;
