use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::json::escape;

/// Where the short escapes and plain bytes from `at` on end, byte by byte.
fn reference(bytes: &[u8], mut at: usize) -> usize {
    loop {
        match bytes.get(at..).unwrap_or_default() {
            [b'\\', letter, ..] if escape::is_short(*letter) => at += 2,
            [b'\\' | b'"' | 0..0x20, ..] | [] => return at,
            _ => at += 1,
        }
    }
}

/// The same by [`escapes`], which may take a rest before a short escape if there were none for long.
fn by_blocks(bytes: &[u8], mut at: usize) -> usize {
    loop {
        let from = at;
        at = escapes(bytes, at);
        match bytes.get(at..).unwrap_or_default() {
            [b'\\', letter, ..] if escape::is_short(*letter) => {
                assert!(at - from >= 200 && !bytes[at - 200..at].contains(&b'\\'), "at {at} from {from}");
                at += 2;
            }
            _ => return at,
        }
    }
}

/// Compares from every place of the literal that `inside` is the start of.
fn agree(before: &[u8], inside: &[u8]) {
    let mut bytes = before.to_vec();
    bytes.push(b'"');
    let mut at = bytes.len();
    bytes.extend_from_slice(inside);
    loop {
        assert_eq!(by_blocks(&bytes, at), reference(&bytes, at), "from {at} in {bytes:?}");
        match bytes.get(at..).unwrap_or_default() {
            [b'\\', letter, ..] if escape::is_short(*letter) => at += 2,
            [] | [b'\\', ..] => return,
            // Behind a quote or a control character is a literal as good as any.
            _ => at += 1,
        }
    }
}

/// What literals are made of, and what breaks them; sound for the most part, so that the scan gets far.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        60 => prop::sample::select(vec![r"\n", r"\t", r#"\""#, r"\\", r"\r", r"\/", r"\b", r"\f"])
            .prop_map(|escape| escape.as_bytes().to_vec()),
        20 => (1..12_usize).prop_map(|pairs| br"\\".repeat(pairs)),
        40 => prop::sample::select(b"nt/brfu]!^ #x~\x7F".to_vec()).prop_map(|byte| vec![byte]),
        20 => (prop::sample::select(vec![b'n', b'a', 0x80, 0xFF]), 1..200_usize)
            .prop_map(|(byte, count)| vec![byte; count]),
        1 => (1..9_usize).prop_map(|count| vec![b'\\'; count]),
        1 => any::<u8>().prop_map(|letter| vec![b'\\', letter]),
        1 => prop_oneof![Just(b'"'), 0..0x20_u8, any::<u8>()].prop_map(|byte| vec![byte]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn escapes_as_the_reference(before in vec(any::<u8>(), 0..8), inside in vec(piece(), 0..40)) {
        agree(&before, &inside.concat());
    }

    #[test]
    fn escapes_in_noise(inside in vec(prop::sample::select(b"\\\\\\\\\\\\nu\"/a\x1F".to_vec()), 0..200)) {
        agree(b"", &inside);
    }
}

/// Every byte, plain and escaped, at every place relative to the borders of blocks and to the end.
#[test]
fn escapes_stop_at_every_byte() {
    for filler in [&b"aa"[..], br"\n", br"\/", br"\\"] {
        for lead in 0..=80 {
            for byte in 0..=0xFF {
                for tail in [0, 40] {
                    let mut bytes = [b"\"", &*filler.repeat(lead), b"\\"].concat();
                    bytes.push(byte);
                    bytes.resize(bytes.len() + tail, b'n');
                    assert_eq!(by_blocks(&bytes, 1), reference(&bytes, 1), "{bytes:?}");
                    // The same without the backslash.
                    bytes.remove(1 + 2 * lead);
                    assert_eq!(by_blocks(&bytes, 1), reference(&bytes, 1), "{bytes:?}");
                }
            }
        }
    }
}

/// Runs of backslashes of every length across the borders of blocks, before each kind of byte.
#[test]
fn escapes_tell_runs_apart() {
    for lead in 0..=140 {
        for run in 0..=12 {
            for after in *b"\"n/ux\x1F\x80" {
                for tail in [0, 40, 300] {
                    let mut bytes = b"\"".to_vec();
                    bytes.resize(bytes.len() + lead, b'a');
                    bytes.resize(bytes.len() + run, b'\\');
                    bytes.push(after);
                    bytes.resize(bytes.len() + tail, b'a');
                    assert_eq!(by_blocks(&bytes, 1), reference(&bytes, 1), "{bytes:?}");
                }
            }
        }
    }
}
