//! One line of an event stream, after its end was found.

use bytes::Bytes;

/// What a line says. Values are slices of the line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Data(Bytes),
    Event(Bytes),
    Id(Bytes),
    /// Milliseconds.
    Retry(u64),
    /// A comment, an unknown field, or a value the format tells us to ignore.
    Ignored,
}

/// Reads one non-empty line without its line end.
pub(super) fn parse(line: &Bytes) -> Line {
    // The line of nearly every MCP event; the general path below gives the same answer.
    if line.starts_with(b"data: ") {
        return Line::Data(line.slice(6..));
    }
    let colon = memchr::memchr(b':', line);
    let name = line.get(..colon.unwrap_or(line.len())).unwrap_or_default();
    let value = || {
        let start = colon.map_or(line.len(), |colon| colon + 1);
        let space = line.get(start) == Some(&b' ');
        line.slice(start + usize::from(space)..)
    };
    match name {
        b"data" => Line::Data(value()),
        b"event" => Line::Event(value()),
        b"id" => {
            let value = value();
            if memchr::memchr(0, &value).is_some() { Line::Ignored } else { Line::Id(value) }
        }
        b"retry" => milliseconds(&value()).map_or(Line::Ignored, Line::Retry),
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
    use bytes::Bytes;

    #[test]
    fn lines() {
        let data = |s: &'static str| Line::Data(Bytes::from_static(s.as_bytes()));
        let id = |s: &'static str| Line::Id(Bytes::from_static(s.as_bytes()));
        let cases: &[(&str, Line)] = &[
            ("data: x", data("x")),
            ("data:x", data("x")),
            ("data:  x", data(" x")),
            ("data:\tx", data("\tx")),
            ("data", data("")),
            ("data:", data("")),
            ("data: ", data("")),
            ("data: a: b", data("a: b")),
            (" data: x", Line::Ignored),
            ("Data: x", Line::Ignored),
            ("data : x", Line::Ignored),
            ("dat", Line::Ignored),
            (": comment", Line::Ignored),
            (":", Line::Ignored),
            ("event: ping", Line::Event(Bytes::from_static(b"ping"))),
            ("event", Line::Event(Bytes::new())),
            ("id: 7", id("7")),
            ("id", id("")),
            ("id: a\0b", Line::Ignored),
            ("retry: 250", Line::Retry(250)),
            ("retry:250", Line::Retry(250)),
            ("retry: 18446744073709551615", Line::Retry(u64::MAX)),
            ("retry: 18446744073709551616", Line::Ignored),
            ("retry: +5", Line::Ignored),
            ("retry: 5s", Line::Ignored),
            ("retry:", Line::Ignored),
            ("retry", Line::Ignored),
        ];
        for (text, want) in cases {
            assert_eq!(&parse(&Bytes::from_static(text.as_bytes())), want, "{text:?}");
        }
    }
}
