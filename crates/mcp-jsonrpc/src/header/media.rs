//! Media types: what a body is, and what a client takes.

use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue};

/// Which of MCP's two kinds of answer a client takes: see [`accepts`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accept {
    /// A single JSON object (`application/json`).
    pub json: bool,
    /// A stream of events (`text/event-stream`).
    pub event_stream: bool,
    /// Whether the client would rather have events: it gives them the higher weight, or the same and names them
    /// more exactly or first.
    ///
    /// HTTP says nothing about the order of equal weights. Among MCP clients it tells: those that poll and resume their
    /// streams name events first, and those that limit the size of an event, but not of a JSON answer, name JSON first.
    pub prefers_event_stream: bool,
}

/// Reads the `Accept` headers: which kinds of answer the client takes.
///
/// MCP clients must list both. Clients that send no `Accept` at all take neither here, though HTTP reads that as
/// "anything": whether to be that generous is for the caller to say. Ranges (`*/*`, `text/*`) and weights are
/// understood; of several ranges that fit, the most specific counts, so `*/*, text/event-stream;q=0` is no to
/// streams. A malformed element is passed over.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::ACCEPT};
/// use portcullis_mcp_jsonrpc::header::accepts;
///
/// let mut headers = HeaderMap::new();
/// headers.append(ACCEPT, HeaderValue::from_static("Application/JSON; q=0.9, text/event-stream"));
/// let accept = accepts(&headers);
/// assert!(accept.json && accept.event_stream && accept.prefers_event_stream);
/// ```
#[must_use]
pub fn accepts(headers: &HeaderMap) -> Accept {
    let mut json = Fit::default();
    let mut event_stream = Fit::default();
    let mut place = 0;
    for value in headers.get_all(ACCEPT) {
        let Ok(text) = value.to_str() else { continue };
        for element in split(text, b',') {
            let Some(range) = Media::parse(element) else { continue };
            let Some(weight) = range.weight() else { continue };
            json.consider(&range, "application", "json", weight, place);
            event_stream.consider(&range, "text", "event-stream", weight, place);
            place += 1;
        }
    }
    Accept {
        json: json.weight > 0,
        event_stream: event_stream.weight > 0,
        prefers_event_stream: event_stream.is_before(&json),
    }
}

/// Whether a `Content-Type` says `application/json`.
///
/// Parameters are allowed, but a `charset` other than UTF-8 is not: JSON between systems is UTF-8 (RFC 8259).
///
/// ```
/// use http::HeaderValue;
/// use portcullis_mcp_jsonrpc::header::is_json;
///
/// assert!(is_json(&HeaderValue::from_static("application/json; charset=utf-8")));
/// assert!(!is_json(&HeaderValue::from_static("application/json; charset=utf-16")));
/// assert!(!is_json(&HeaderValue::from_static("text/plain")));
/// ```
#[must_use]
pub fn is_json(content_type: &HeaderValue) -> bool {
    is(content_type, "application", "json")
}

/// Whether a `Content-Type` says `text/event-stream`, in UTF-8 as the format demands.
///
/// ```
/// use http::HeaderValue;
/// use portcullis_mcp_jsonrpc::header::is_event_stream;
///
/// assert!(is_event_stream(&HeaderValue::from_static("text/event-stream;charset=UTF-8")));
/// assert!(!is_event_stream(&HeaderValue::from_static("application/json")));
/// ```
#[must_use]
pub fn is_event_stream(content_type: &HeaderValue) -> bool {
    is(content_type, "text", "event-stream")
}

fn is(content_type: &HeaderValue, kind: &str, subtype: &str) -> bool {
    let Some(media) = content_type.to_str().ok().and_then(Media::parse) else { return false };
    media.is(kind, subtype) && media.is_utf8()
}

/// `type/subtype` with parameters. The parameters are known to be well-formed.
struct Media<'a> {
    kind: &'a str,
    subtype: &'a str,
    parameters: &'a str,
}

impl<'a> Media<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        let (kind, subtype) = trim(essence).split_once('/')?;
        let media = Self { kind, subtype, parameters };
        let well_formed = is_token(kind) && is_token(subtype) && media.parameters().all(|one| one.is_some());
        well_formed.then_some(media)
    }

    fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
    }

    /// The parameters as name and value, `None` for what is neither a parameter nor empty.
    fn parameters(&self) -> impl Iterator<Item = Option<(&'a str, &'a str)>> + use<'a> {
        split(self.parameters, b';').map(trim).filter(|one| !one.is_empty()).map(|one| {
            let (name, value) = one.split_once('=')?;
            (is_token(name) && (is_token(value) || is_quoted(value))).then_some((name, value))
        })
    }

    fn is_utf8(&self) -> bool {
        let mut charsets =
            self.parameters().flatten().filter(|(name, _)| name.eq_ignore_ascii_case("charset"));
        charsets.all(|(_, value)| value.trim_matches('"').eq_ignore_ascii_case("utf-8"))
    }

    /// How much a range of `Accept` is wanted, in thousandths; `None` if that is malformed.
    fn weight(&self) -> Option<u16> {
        let mut weights = self.parameters().flatten().filter(|(name, _)| name.eq_ignore_ascii_case("q"));
        let Some((_, weight)) = weights.next() else { return Some(1000) };
        let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
        let is_fraction = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
        let thousandths = format!("{fraction:0<3}").parse().ok().filter(|_| is_fraction)?;
        match (whole, thousandths) {
            ("0", _) => Some(thousandths),
            ("1", 0) => Some(1000),
            _ => None,
        }
    }
}

/// How well the best range so far fits one media type.
#[derive(Default)]
struct Fit {
    /// 0: none fits, 1: `*/*`, 2: `type/*`, 3: the type itself.
    precision: u8,
    weight: u16,
    /// Which range of the header it is.
    place: usize,
}

impl Fit {
    fn consider(&mut self, range: &Media<'_>, kind: &str, subtype: &str, weight: u16, place: usize) {
        let precision = if range.is(kind, subtype) {
            3
        } else if range.is(kind, "*") {
            2
        } else if range.is("*", "*") {
            1
        } else {
            return;
        };
        if (precision, weight) > (self.precision, self.weight) {
            *self = Self { precision, weight, place };
        }
    }

    /// Whether this type is wanted, and rather than the other.
    fn is_before(&self, other: &Self) -> bool {
        let rank = |fit: &Self| (fit.weight, fit.precision, std::cmp::Reverse(fit.place));
        self.weight > 0 && rank(self) > rank(other)
    }
}

/// Splits at `separator`, but not inside quoted strings.
fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |character: char| {
        let escape = std::mem::take(&mut escaped);
        match character {
            '\\' if quoted && !escape => escaped = true,
            '"' if !escape => quoted = !quoted,
            _ => {}
        }
        !quoted && character == char::from(separator)
    })
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Characters a token may hold (RFC 9110, section 5.6.2).
pub(super) fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `1*tchar`
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_tchar)
}

fn is_quoted(text: &str) -> bool {
    let Some(inside) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return false };
    let mut bytes = inside.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return false,
            b'\\' if bytes.next().is_none() => return false,
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests;
