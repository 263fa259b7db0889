//! How a token looks in a header.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The longest token that is looked at, as text.
pub(super) const MAX_TEXT: usize = 16 << 10;

/// What tokens may start with, to tell them from others.
const PREFIX: &str = "biscuit:";

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn encode(bytes: &[u8]) -> String {
    ENGINE.encode(bytes)
}

/// The token's bytes, if it is base64 and not too long.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_prefix(PREFIX).unwrap_or(text);
    (text.len() <= MAX_TEXT).then(|| ENGINE.decode(text).ok()).flatten()
}

/// Whether a text claims to be a token of this kind, by its prefix or by its first bytes.
pub(super) fn resembles(text: &str) -> bool {
    text.starts_with(PREFIX) || begins_like_one(text).unwrap_or_default()
}

/// A token begins with the number of its root key, if it has one, and goes on with its first block, which is as long as
/// it says and begins with its content. A JWT holds dots, which this alphabet does not.
fn begins_like_one(text: &str) -> Option<bool> {
    let head = ENGINE.decode(text.get(..32)?).ok()?;
    let mut rest = &*head;
    if let [0x08, number @ ..] = rest {
        rest = varint(number)?.1;
    }
    let [0x12, length @ ..] = rest else { return Some(false) };
    let (length, [0x0a, ..]) = varint(length)? else { return Some(false) };
    Some(length > 64 && length < text.len() as u64)
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(index + 1..)?));
        }
    }
    None
}
