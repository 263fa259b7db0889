//! Escapes in string literals: checking, reading and writing them.

use super::error::{Error, Reason};

/// Checks the escape whose backslash is at `at`, and gives the offset of the byte after it.
///
/// A surrogate pair counts as one escape, so that half of one is never accepted.
#[inline]
pub(super) fn check(bytes: &[u8], at: usize) -> Result<usize, Error> {
    match bytes.get(at + 1) {
        Some(letter) if is_short(*letter) => Ok(at + 2),
        Some(b'u') => check_unicode(bytes, at),
        Some(_) => Err(Error::new(Reason::Escape, at)),
        None => Err(Error::new(Reason::EndOfDocument, at + 1)),
    }
}

/// Whether a backslash and this byte are an escape.
#[inline]
pub(super) const fn is_short(letter: u8) -> bool {
    matches!(letter, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')
}

fn check_unicode(bytes: &[u8], at: usize) -> Result<usize, Error> {
    let Some(unit) = unit(bytes, at) else { return Err(Error::new(Reason::Escape, at)) };
    match unit {
        0xDC00..=0xDFFF => Err(Error::new(Reason::LoneSurrogate, at)),
        0xD800..=0xDBFF => match self::unit(bytes, at + 6) {
            Some(0xDC00..=0xDFFF) => Ok(at + 12),
            _ => Err(Error::new(Reason::LoneSurrogate, at)),
        },
        _ => Ok(at + 6),
    }
}

/// The UTF-16 unit that `\uXXXX` at `at` names.
fn unit(bytes: &[u8], at: usize) -> Option<u32> {
    let [b'\\', b'u', digits @ ..] = bytes.get(at..at + 6)? else { return None };
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}

/// Reads the escape at the start of `escape`: the character it stands for, and its length in bytes.
///
/// `None` for what [`check`] refuses.
pub(super) fn read(escape: &[u8]) -> Option<(char, usize)> {
    let short = match escape.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return read_unicode(escape),
        _ => return None,
    };
    Some((short, 2))
}

fn read_unicode(escape: &[u8]) -> Option<(char, usize)> {
    let high = unit(escape, 0)?;
    if !(0xD800..=0xDBFF).contains(&high) {
        return Some((char::from_u32(high)?, 6));
    }
    let low = unit(escape, 6)?.checked_sub(0xDC00)?;
    Some((char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + low)?, 12))
}

/// How a byte of UTF-8 must be written inside a literal, where it cannot stand for itself.
fn short(byte: u8) -> Option<[u8; 2]> {
    Some(match byte {
        b'"' => *b"\\\"",
        b'\\' => *b"\\\\",
        0x08 => *b"\\b",
        0x0C => *b"\\f",
        b'\n' => *b"\\n",
        b'\r' => *b"\\r",
        b'\t' => *b"\\t",
        0x00..0x20 => *b"\\u",
        _ => return None,
    })
}

/// Appends `text` as the inside of a JSON string literal, without the quotes.
///
/// ```
/// let mut literal = Vec::new();
/// portcullis_core::json::escape_into(&mut literal, "say \"hi\"\n\u{1}");
/// assert_eq!(literal, br#"say \"hi\"\n\u0001"#);
/// ```
pub fn escape_into(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let plain = super::scan::plain(rest, 0);
        let Some((head, tail)) = rest.split_at_checked(plain) else { return };
        out.extend_from_slice(head);
        let Some((byte, tail)) = tail.split_first() else { return };
        if let Some(pair) = short(*byte) {
            out.extend_from_slice(&pair);
            if pair == *b"\\u" {
                out.extend_from_slice(format!("{byte:04x}").as_bytes());
            }
        }
        rest = tail;
    }
}

/// Whether `text` can stand inside a literal as it is.
pub(super) fn is_plain(text: &str) -> bool {
    super::scan::plain(text.as_bytes(), 0) == text.len()
}

/// `text` as a JSON string literal, with its quotes.
///
/// ```
/// assert_eq!(portcullis_core::json::quote("C:\\temp"), r#""C:\\temp""#);
/// ```
pub fn quote(text: &str) -> String {
    format!("\"{}\"", escape(text))
}

/// `text` as the inside of a literal.
pub(super) fn escape(text: &str) -> String {
    let mut literal = Vec::with_capacity(text.len());
    escape_into(&mut literal, text);
    // Never replaces anything: only ASCII was added, between whole characters.
    String::from_utf8(literal).unwrap_or_default()
}
