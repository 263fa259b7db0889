//! Literals with many escapes, a block at a time.
//!
//! A loop that stops at each escape pays a mispredicted branch for most of them, which is several times what the bytes
//! in between cost. Here every byte of a block gets the same few operations, whatever it is, and one branch decides on
//! the whole block. What a byte needs to know is in the three bytes before it, so the compiler makes vector
//! instructions of the loops, on any target that has some.

use super::super::escape;
use super::{is_special, plain_long};

/// How many bytes [`survey`] looks at.
const BLOCK: usize = 128;
/// How many of them at a time; a multiple of any vector.
const LANES: usize = 16;
/// How many bytes [`first_stop`] looks at.
const STEP: usize = 32;
/// How many bytes before a byte tell whether it is escaped.
const BACK: usize = 3;
/// After so many blocks in a row without a backslash, the loop for plain text is the faster one.
const PLAIN: u32 = 2;

/// Goes over text with many short escapes: from `at` to an offset outside of an escape, whose byte is not plain.
///
/// That is the quote, a control character, the backslash of anything but a short escape (`\u`, a mistake, the last
/// byte), or the length; or, where escapes have become few, the backslash of a short one.
///
/// `at` must be outside of an escape.
#[inline(never)]
pub(in super::super) fn escapes(bytes: &[u8], at: usize) -> usize {
    // Past the run that `at` may be in: from here on, each run is looked at from its start.
    let mut next = walk(bytes, at);
    let mut plain = 0;
    loop {
        let at = match next {
            Next::On(at) => at,
            Next::Stop(at) => return at,
        };
        next = match window(bytes, at).map(survey) {
            Some(Survey { sound: true, backslash }) => {
                plain = if backslash { 0 } else { plain + 1 };
                if plain == PLAIN {
                    return plain_long(bytes, at + BLOCK);
                }
                Next::On(at + BLOCK)
            }
            _ => {
                plain = 0;
                let mut next = Next::On(at);
                while let Next::On(from) = next
                    && from < at + BLOCK
                {
                    next = step(bytes, from);
                }
                next
            }
        }
    }
}

/// Where to go on, outside of an escape or one byte into one; or where to stop.
enum Next {
    On(usize),
    Stop(usize),
}

/// The bytes from `at` on, with those before them.
#[inline(always)]
fn window<const LENGTH: usize>(bytes: &[u8], at: usize) -> Option<&[u8; LENGTH]> {
    bytes.get(at.checked_sub(BACK)?..)?.first_chunk()
}

struct Survey {
    /// All bytes are plain or part of a short escape.
    sound: bool,
    /// One of them is a backslash.
    backslash: bool,
}

/// Looks at a block as a whole. It does not know rare escapes, and takes them for unsound.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "all indices are constant once the loops are unrolled")]
fn survey(window: &[u8; BACK + BLOCK]) -> Survey {
    let (mut doubts, mut backslashes, mut lowest) = ([false; LANES], [false; LANES], [0xFF; LANES]);
    for row in 0..BLOCK / LANES {
        for lane in 0..LANES {
            let at = BACK + row * LANES + lane;
            doubts[lane] |= is_doubtful(window, at, false);
            backslashes[lane] |= window[at] == b'\\';
            lowest[lane] = window[at].min(lowest[lane]);
        }
    }
    let (mut doubt, mut backslash) = (false, false);
    for lane in 0..LANES {
        doubt |= doubts[lane] | (lowest[lane] < 0x20);
        backslash |= backslashes[lane];
    }
    Survey { sound: !doubt, backslash }
}

/// Whether a byte, if it is no control character, is a quote that ends the literal; or is escaped, and not by a short
/// escape; or is the fourth backslash of a run, behind which three bytes do not tell what is escaped.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "the callers leave room for the bytes before")]
const fn is_doubtful<const LENGTH: usize>(window: &[u8; LENGTH], at: usize, rare: bool) -> bool {
    let byte = window[at];
    let backslash = byte == b'\\';
    let first = window[at - 1] == b'\\';
    let second = window[at - 2] == b'\\';
    let third = window[at - 3] == b'\\';
    // An odd number of them escapes.
    let escaped = first & !(second & !third);
    let letter = (byte == b'n') | (byte == b'r') | (byte == b't');
    let letter = letter | (rare & ((byte == b'/') | (byte == b'b') | (byte == b'f')));
    // An escaped backslash with one two bytes before it is the fourth: without a third, it would not be escaped.
    let letter = letter | (backslash & !second);
    // A quote must be escaped, and what is escaped must be a quote or such a letter.
    (escaped ^ (byte == b'"')) & !letter
}

/// Goes over the next bytes exactly.
#[inline]
fn step(bytes: &[u8], at: usize) -> Next {
    let padded;
    let window = match window(bytes, at) {
        Some(window) => window,
        None => {
            padded = pad(bytes, at);
            &padded
        }
    };
    let Some(offset) = first_stop(window) else { return Next::On(at + STEP) };
    let at = at + offset;
    // No byte before this one is the fourth of a run, so the run is in sight.
    let run = bytes.iter().take(at).rev().take(BACK).take_while(|byte| **byte == b'\\').count();
    walk(bytes, at - run % 2)
}

/// The window at an end of `bytes`. Around them are control characters, which stop.
#[cold]
fn pad(bytes: &[u8], at: usize) -> [u8; BACK + STEP] {
    let mut window = [0; BACK + STEP];
    let before = at.min(BACK);
    let rest = bytes.get(at - before..).unwrap_or_default();
    for (to, from) in window.iter_mut().skip(BACK - before).zip(rest) {
        *to = *from;
    }
    window
}

/// The first byte (not counting those before) that is a control character or doubtful.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "all indices are constant once the loop is unrolled")]
fn first_stop(window: &[u8; BACK + STEP]) -> Option<usize> {
    let mut stops = [0; STEP];
    for (offset, stop) in stops.iter_mut().enumerate() {
        let at = BACK + offset;
        *stop = u8::from(is_doubtful(window, at, true) | (window[at] < 0x20));
    }
    let (words, _) = stops.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        if word != 0 {
            return Some(8 * index + word.trailing_zeros() as usize / 8);
        }
    }
    None
}

/// Goes over the short escapes that begin here, if any, and over a plain byte behind them.
#[inline]
fn walk(bytes: &[u8], mut at: usize) -> Next {
    loop {
        match bytes.get(at..).unwrap_or_default() {
            [b'\\', letter, ..] if escape::is_short(*letter) => at += 2,
            [byte, ..] if !is_special(*byte) => return Next::On(at + 1),
            _ => return Next::Stop(at),
        }
    }
}
