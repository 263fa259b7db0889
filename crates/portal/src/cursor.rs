//! Opaque places in a list.
//!
//! A cursor says which item came last, not which number comes next, so that it still means the same place after
//! items before it have come or gone. It holds no secret and gives no right, so it is not encrypted; the check at its
//! end is there to tell a cursor of ours from all else, not to keep out someone who makes one.

#[cfg(test)]
mod tests;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::kind::Kind;

/// Changes with the layout below, so that no version reads the cursors of another.
const VERSION: u8 = 1;

/// Version, kind, server, item, offset, check.
const LENGTH: usize = 1 + 1 + 8 + 8 + 4 + 8;

/// The last item that a client has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// The [`digest`] of its server's id.
    pub(crate) server: u64,
    /// The [`digest`] of its name or URI.
    pub(crate) key: u64,
    /// Where it stood among the items of its server, for the case that it has gone.
    pub(crate) offset: u32,
}

/// Writes a cursor into the list `kind` of the portal `portal`.
pub(crate) fn encode(portal: &str, kind: Kind, position: Position) -> String {
    let mut bytes = Vec::with_capacity(LENGTH);
    bytes.extend([VERSION, kind as u8]);
    bytes.extend(position.server.to_be_bytes());
    bytes.extend(position.key.to_be_bytes());
    bytes.extend(position.offset.to_be_bytes());
    bytes.extend(check(portal, &bytes).to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a cursor. `None` for what [`encode`] cannot have written for the same portal and list.
pub(crate) fn decode(portal: &str, kind: Kind, cursor: &str) -> Option<Position> {
    // Four letters for three bytes; anything else need not be decoded.
    if cursor.len() != LENGTH.div_ceil(3) * 4 {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (body, sum) = bytes.split_last_chunk::<8>()?;
    if u64::from_be_bytes(*sum) != check(portal, body) {
        return None;
    }
    let (head, body) = body.split_first_chunk::<2>()?;
    if *head != [VERSION, kind as u8] {
        return None;
    }
    let (server, body) = body.split_first_chunk::<8>()?;
    let (key, body) = body.split_first_chunk::<8>()?;
    let (offset, []) = body.split_first_chunk::<4>()? else { return None };
    Some(Position {
        server: u64::from_be_bytes(*server),
        key: u64::from_be_bytes(*key),
        offset: u32::from_be_bytes(*offset),
    })
}

fn check(portal: &str, body: &[u8]) -> u64 {
    mix(mix(digest(portal), b"/"), body)
}

/// A short stand-in for a name, the same in every process (FNV-1a).
pub(crate) fn digest(text: &str) -> u64 {
    mix(0xCBF2_9CE4_8422_2325, text.as_bytes())
}

fn mix(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}
