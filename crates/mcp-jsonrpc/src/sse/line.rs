//! One line of an event stream, after its end was found.

use std::ops::Range;

/// What a line says. Values are given by where they stand in the line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Data(Range<usize>),
    Event(Range<usize>),
    Id(Range<usize>),
    /// Milliseconds.
    Retry(u64),
    /// A comment, an unknown field, or a value the format tells us to ignore.
    Ignored,
}

/// Reads one non-empty line without its line end.
#[inline]
pub(super) fn parse(line: &[u8]) -> Line {
    // The line of nearly every MCP event; the general path gives the same answer.
    if line.starts_with(b"data: ") { Line::Data(6..line.len()) } else { parse_any(line) }
}

fn parse_any(line: &[u8]) -> Line {
    let colon = memchr::memchr(b':', line);
    let name = line.get(..colon.unwrap_or(line.len())).unwrap_or_default();
    let start = colon.map_or(line.len(), |colon| colon + 1);
    let space = line.get(start) == Some(&b' ');
    let range = start + usize::from(space)..line.len();
    let value = line.get(range.clone()).unwrap_or_default();
    match name {
        b"data" => Line::Data(range),
        b"event" => Line::Event(range),
        b"id" if memchr::memchr(0, value).is_none() => Line::Id(range),
        b"retry" => milliseconds(value).map_or(Line::Ignored, Line::Retry),
        _ => Line::Ignored,
    }
}

/// Digits only: `+5`, which Rust's own parser reads, is not a value of the format. Nor is one beyond 64 bits.
fn milliseconds(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::{Line, parse};

    #[test]
    fn lines() {
        for (line, want) in [
            ("data: x", "data=x"),
            ("data:x", "data=x"),
            ("data:  x", "data= x"),
            ("data:\tx", "data=\tx"),
            ("data", "data="),
            ("data:", "data="),
            ("data: ", "data="),
            ("data: a: b", "data=a: b"),
            (" data: x", "ignored"),
            ("Data: x", "ignored"),
            ("data : x", "ignored"),
            ("dat", "ignored"),
            (": comment", "ignored"),
            (":", "ignored"),
            ("event: ping", "event=ping"),
            ("event", "event="),
            ("id: 7", "id=7"),
            ("id", "id="),
            ("id: a\0b", "ignored"),
            ("retry: 250", "retry=250"),
            ("retry:250", "retry=250"),
            ("retry: 18446744073709551615", "retry=18446744073709551615"),
            ("retry: 18446744073709551616", "ignored"),
            ("retry: +5", "ignored"),
            ("retry: 5s", "ignored"),
            ("retry:", "ignored"),
            ("retry", "ignored"),
        ] {
            let got = match parse(line.as_bytes()) {
                Line::Data(range) => format!("data={}", &line[range]),
                Line::Event(range) => format!("event={}", &line[range]),
                Line::Id(range) => format!("id={}", &line[range]),
                Line::Retry(milliseconds) => format!("retry={milliseconds}"),
                Line::Ignored => "ignored".into(),
            };
            assert_eq!(got, want, "{line:?}");
        }
    }
}
