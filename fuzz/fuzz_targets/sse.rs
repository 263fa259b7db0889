//! However a stream is cut, the same events come out; within a limit, at most fewer; and what we write, we read.
#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use portcullis_mcp_jsonrpc::sse::{Decoder, Ending, Event, SseError, event_chunks, write_event};

/// Decodes `wire`, cut into the given chunks. Gives what was read before the end or the first error.
fn decode<'a>(
    chunks: impl Iterator<Item = &'a [u8]>,
    max_event: usize,
) -> (Vec<Event>, Result<Ending, SseError>) {
    let mut decoder = Decoder::new().max_event(max_event);
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.push(Bytes::copy_from_slice(chunk));
        loop {
            match decoder.next() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Err(error)),
            }
        }
    }
    (events, Ok(decoder.finish()))
}

/// Cuts `wire` into chunks of one to eight bytes, as `seed` has it.
fn cut(wire: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let mut state = u32::from(seed);
    let mut rest = wire;
    std::iter::from_fn(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let length = (1 + (state >> 24) as usize % 8).min(rest.len());
        let (chunk, after) = rest.split_at(length);
        rest = after;
        (!chunk.is_empty()).then_some(chunk)
    })
}

fn normalised(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'\r' {
            bytes.next_if_eq(&b'\n');
            out.push(b'\n');
        } else {
            out.push(byte);
        }
    }
    out
}

fuzz_target!(|data: &[u8]| {
    let Some((&seed, wire)) = data.split_first() else { return };

    let (whole, ending) = decode(std::iter::once(wire), usize::MAX);
    assert!(ending.is_ok(), "nothing passes the largest limit");
    let (pieces, ending_of_pieces) = decode(cut(wire, seed), usize::MAX);
    assert_eq!(whole, pieces);
    assert_eq!(ending, ending_of_pieces);

    let limit = usize::from(seed);
    let (within, _) = decode(cut(wire, seed), limit);
    assert!(whole.starts_with(&within), "a limit can only end the stream early");
    assert!(within.iter().all(|event| event.data.len() <= limit));

    let mut written = BytesMut::new();
    write_event(&mut written, wire);
    let (read, ending) = decode(cut(&written, seed), usize::MAX);
    assert_eq!(ending, Ok(Ending::Clean));
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].data, normalised(wire));

    let chunks: Vec<Bytes> = event_chunks(Bytes::copy_from_slice(wire)).collect();
    assert_eq!(chunks.concat(), written, "both ways of writing an event write the same");
});
