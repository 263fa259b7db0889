use base64::Engine;
use percent_encoding::percent_decode_str;

use super::header::BASE64;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The first certificate of a URL-encoded PEM text, as DER. `+` is one: proxies that leave it alone mean base64.
pub(super) fn read_escaped(text: &str) -> Option<Vec<u8>> {
    let text = percent_decode_str(text).decode_utf8().ok()?;
    let (body, rest) = text.trim_start().strip_prefix(BEGIN)?.split_once(END)?;
    let rest = rest.trim_start();
    if !rest.is_empty() && !rest.starts_with(BEGIN) {
        return None;
    }
    let body: String = body.split_ascii_whitespace().collect();
    BASE64.decode(body).ok()
}
