use super::{DEFAULT_MAX_EVENT, Decoder, Ending, Event};
use crate::sse::{KEEP_ALIVE, SseError, write_event};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use std::time::Duration;

fn drain(decoder: &mut Decoder, events: &mut Vec<Event>) -> Result<(), SseError> {
    while let Some(event) = decoder.next()? {
        events.push(event);
    }
    Ok(())
}

/// Decodes `wire` cut before each of `cuts`.
fn decode_cut(wire: &[u8], cuts: &[usize]) -> (Vec<Event>, Ending) {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (wire.len() + 1)).collect();
    cuts.extend([0, wire.len()]);
    cuts.sort_unstable();
    let mut decoder = Decoder::new();
    let mut events = Vec::new();
    for pair in cuts.windows(2) {
        decoder.push(Bytes::copy_from_slice(&wire[pair[0]..pair[1]]));
        drain(&mut decoder, &mut events).unwrap();
    }
    (events, decoder.finish())
}

fn event(data: &str) -> Event {
    Event { data: Bytes::copy_from_slice(data.as_bytes()), ..Event::default() }
}

fn named(name: &str, data: &str) -> Event {
    Event { event: Some(Bytes::copy_from_slice(name.as_bytes())), ..event(data) }
}

fn with_id(id: &str, data: &str) -> Event {
    Event { id: Some(Bytes::copy_from_slice(id.as_bytes())), ..event(data) }
}

#[test]
fn tables() {
    use Ending::{Clean, CutOff};
    let cases: Vec<(&str, &str, Vec<Event>, Ending)> = vec![
        ("nothing", "", vec![], Clean),
        ("one", "data: a\n\n", vec![event("a")], Clean),
        ("several lines", "data: a\ndata: b\ndata:\ndata: c\n\n", vec![event("a\nb\n\nc")], Clean),
        ("event and data", "event: ping\ndata: a\n\n", vec![named("ping", "a")], Clean),
        ("empty event name", "event\ndata: a\n\n", vec![event("a")], Clean),
        ("last event name counts", "event: a\nevent: b\ndata: c\n\n", vec![named("b", "c")], Clean),
        ("name without data", "event: ping\n\ndata: a\n\n", vec![event("a")], Clean),
        (
            "retry",
            "retry: 10\ndata: a\n\n",
            vec![Event { retry: Some(Duration::from_millis(10)), ..event("a") }],
            Clean,
        ),
        ("NUL in id", "id: a\0\ndata: a\n\n", vec![event("a")], Clean),
        ("NUL does not undo the id before", "id: 1\nid: a\0\ndata: a\n\n", vec![with_id("1", "a")], Clean),
        ("unknown fields", "data: a\nfoo: b\nbar\n: c\n\n", vec![event("a")], Clean),
        ("BOM", "\u{feff}data: a\n\n", vec![event("a")], Clean),
        ("BOM alone", "\u{feff}", vec![], Clean),
        ("two BOMs", "\u{feff}\u{feff}data: a\n\n", vec![], Clean),
        ("BOM later", "\n\u{feff}data: a\n\n", vec![], Clean),
        ("BOM before a comment", "\u{feff}: x\ndata: a\n\n", vec![event("a")], Clean),
        ("BOM before a blank line", "\u{feff}\ndata: a\n\n", vec![event("a")], Clean),
        ("comment", ": x\n\n:\n\n:data: y\n\n", vec![], Clean),
        ("comment inside an event", "data: a\n: x\ndata: b\n\n", vec![event("a\nb")], Clean),
        ("comment not ended", "data: a\n\n: x", vec![event("a")], Clean),
        ("CR", "data: a\r\rdata: b\r\r", vec![event("a"), event("b")], Clean),
        ("CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", vec![event("a"), event("b")], Clean),
        ("mixed", "data: a\r\n\ndata: b\n\rdata: c\r\r\n", vec![event("a"), event("b"), event("c")], Clean),
        ("LF CR is two ends", "data: a\n\r\n", vec![event("a")], Clean),
        ("CR LF is one end", "data: a\r\ndata: b\r\n\r\n", vec![event("a\nb")], Clean),
        ("no blank line", "data: a\n\ndata: b\n", vec![event("a")], CutOff),
        ("no line end", "data: a\n\ndata: b", vec![event("a")], CutOff),
        ("no colon yet", "data: a\n\nda", vec![event("a")], CutOff),
        ("id, then the end", "id: 1\n", vec![], CutOff),
        ("retry, then the end", "retry: 1\n", vec![], Clean),
        ("not UTF-8", "data: \u{80}\n\n", vec![event("\u{80}")], Clean),
        // The examples of the WHATWG text, in its order.
        ("WHATWG 1", "data: YHOO\ndata: +2\ndata: 10\n\n", vec![event("YHOO\n+2\n10")], Clean),
        (
            "WHATWG 2",
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event",
            vec![with_id("1", "first event"), with_id("", "second event")],
            CutOff,
        ),
        ("WHATWG 3", "data\n\ndata\ndata\n\ndata:", vec![event(""), event("\n")], CutOff),
        ("WHATWG 4", "data:test\n\ndata: test\n\n", vec![event("test"), event("test")], Clean),
    ];
    for (name, wire, want, ending) in cases {
        let every: Vec<usize> = (0..wire.len()).collect();
        for cuts in [&[][..], &every] {
            let got = decode_cut(wire.as_bytes(), cuts);
            assert_eq!(got, (want.clone(), ending), "{name}, {} cuts", cuts.len());
        }
        for cut in every {
            assert_eq!(decode_cut(wire.as_bytes(), &[cut]).0, want, "{name}, cut at {cut}");
        }
    }
}

#[test]
fn bytes_that_are_not_utf8_pass() {
    let (events, _) = decode_cut(b"data: \xff\xfe\n\n", &[]);
    assert_eq!(events[0].data, &b"\xff\xfe"[..]);
}

#[test]
fn an_event_inside_one_chunk_is_a_slice_of_it() {
    let chunk =
        Bytes::from(b"event: message\ndata: {\"id\":1}\n\nid: 2\r\ndata: {\"id\":2}\r\n\r\n".to_vec());
    let range = chunk.as_ptr_range();
    let mut decoder = Decoder::new();
    decoder.push(chunk.clone());
    for want in [r#"{"id":1}"#, r#"{"id":2}"#] {
        let event = decoder.next().unwrap().unwrap();
        assert_eq!(event.data, want);
        assert!(range.contains(&event.data.as_ptr()));
    }
    // The blank line may come later: the data line was whole.
    decoder.push(chunk.slice(..30));
    assert_eq!(decoder.next(), Ok(None));
    decoder.push(chunk.slice(30..));
    assert!(range.contains(&decoder.next().unwrap().unwrap().data.as_ptr()));
}

#[test]
fn events_do_not_wait_for_the_lf_of_a_crlf() {
    let mut decoder = Decoder::new();
    decoder.push(Bytes::from_static(b"data: a\r\n\r"));
    assert_eq!(decoder.next(), Ok(Some(event("a"))));
    decoder.push(Bytes::from_static(b"\ndata: b\r\n\r\n"));
    assert_eq!(decoder.next(), Ok(Some(event("b"))));
    assert_eq!(decoder.next(), Ok(None));
    assert_eq!(decoder.finish(), Ending::Clean);
}

#[test]
fn sticky_fields_outlive_their_block() {
    let mut decoder = Decoder::new();
    decoder.push(Bytes::from_static(b"id: 1\nretry: 500\n\ndata: a\n\nid: 2\n"));
    assert_eq!(decoder.next(), Ok(Some(event("a"))));
    assert_eq!(decoder.next(), Ok(None));
    assert_eq!(decoder.last_event_id(), Some(&Bytes::from_static(b"1")), "2 has not been ended");
    assert_eq!(decoder.retry(), Some(Duration::from_millis(500)));
}

#[test]
fn limit() {
    let run = |max: usize, wire: &[u8], size: usize| {
        let mut decoder = Decoder::new().max_event(max);
        let mut events = Vec::new();
        let result = wire.chunks(size).try_for_each(|chunk| {
            decoder.push(Bytes::copy_from_slice(chunk));
            drain(&mut decoder, &mut events)
        });
        (result, events.len(), decoder)
    };
    // An event that spans chunks counts its field names too, until its line ends.
    for (wire, fits) in [
        (&b"data: 1234\n\n"[..], 10),
        (b"data: 1\ndata: 2\n\n", 8),
        (b"id: 1\nevent: 22\ndata: 3\n\n", 10),
        (b"foooooooo\n\n", 9),
    ] {
        for size in [1, 3, 5] {
            assert!(run(fits, wire, size).0.is_ok(), "{wire:?} by {size}");
            let (result, _, mut decoder) = run(fits - 1, wire, size);
            let error = result.unwrap_err();
            assert_eq!(error.limit(), fits - 1, "{wire:?} by {size}");
            decoder.push(Bytes::from_static(b"\n\ndata: x\n\n"));
            assert_eq!(decoder.next(), Err(error), "the error is terminal");
            assert_eq!(decoder.finish(), Ending::CutOff);
        }
    }
    // Inside one chunk only the values count, and whole events before the big one are still delivered.
    assert_eq!(run(4, b"data: 1234\n\ndata: 12345\n\n", 100).1, 1);
    assert!(run(4, b"data: 1234\n\n", 100).0.is_ok());
    assert!(run(3, b"data: 1234\n\n", 100).0.is_err());
    // Comments are never kept.
    assert!(run(1, format!(":{}\n\n", "x".repeat(1000)).as_bytes(), 7).0.is_ok());
    assert!(run(1, &KEEP_ALIVE.repeat(100), 2).0.is_ok());
    // Endless empty lines of data are an endless event.
    assert!(run(100, &b"data\n".repeat(200), 16).0.is_err());
}

#[test]
fn chunks_may_wait_up_to_the_limit() {
    let mut decoder = Decoder::new().max_event(16);
    for chunk in ["data: a\n", "\n", "data:", " b\n\n"] {
        decoder.push(Bytes::from_static(chunk.as_bytes()));
    }
    assert_eq!(decoder.next(), Ok(Some(event("a"))));
    assert_eq!(decoder.next(), Ok(Some(event("b"))));
    decoder.push(Bytes::from_static(b"x"));
    (0..1000).for_each(|_| decoder.push(Bytes::from_static(b"x")));
    assert!(decoder.next().unwrap_err().to_string().contains("16 bytes"));
}

#[test]
fn a_big_event_in_tiny_chunks_takes_linear_time() {
    let wire = [&b"data: "[..], &vec![b'x'; 1 << 20], b"\n\n"].concat();
    let mut decoder = Decoder::new();
    let mut events = Vec::new();
    for chunk in Bytes::from(wire).chunks(3) {
        decoder.push(Bytes::copy_from_slice(chunk));
        drain(&mut decoder, &mut events).unwrap();
    }
    assert_eq!(events[0].data.len(), 1 << 20);
    assert!(events[0].data.len() < DEFAULT_MAX_EVENT);
}

#[test]
fn types_can_cross_threads() {
    fn check<T: Send + Sync>() {}
    check::<Decoder>();
    check::<Event>();
    check::<SseError>();
    check::<crate::sse::EventChunks>();
}

const LINE_ENDS: [&str; 3] = ["\n", "\r", "\r\n"];

/// The byte order mark is one at the start of the stream only, also when the first line is a comment in two chunks.
#[test]
fn a_mark_after_a_comment_is_part_of_its_line() {
    let wire = ":comment\n\u{feff}data: hidden\n\ndata: shown\n\n".as_bytes();
    for cut in 0..wire.len() {
        let (events, ending) = decode_cut(wire, &[cut]);
        assert_eq!((events, ending), (vec![event("shown")], Ending::Clean), "cut at {cut}");
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    (
        prop::collection::vec("[^\r\n]{0,12}", 1..4),
        prop::option::of("[^\r\n]{1,8}"),
        prop::option::of("[^\r\n\0]{0,8}"),
        prop::option::of(any::<u64>()),
    )
        .prop_map(|(lines, name, id, retry)| Event {
            data: lines.join("\n").into(),
            event: name.map(Bytes::from),
            id: id.map(Bytes::from),
            retry: retry.map(Duration::from_millis),
        })
}

/// Writes `event` with line ends and optional spaces picked by `picks`, going round.
fn write(event: &Event, wire: &mut Vec<u8>, picks: &mut impl Iterator<Item = u8>) {
    let mut line = |name: &str, value: &[u8]| {
        let pick = picks.next().unwrap();
        wire.extend_from_slice(name.as_bytes());
        wire.push(b':');
        if pick & 1 == 1 || value.first() == Some(&b' ') {
            wire.push(b' ');
        }
        wire.extend_from_slice(value);
        wire.extend_from_slice(LINE_ENDS[usize::from(pick >> 1) % 3].as_bytes());
    };
    for value in event.id.iter() {
        line("id", value);
    }
    for data in event.data.split(|byte| *byte == b'\n') {
        line("", b"comment");
        line("data", data);
    }
    for value in event.event.iter() {
        line("event", value);
    }
    for value in event.retry.iter() {
        line("retry", value.as_millis().to_string().as_bytes());
    }
    let pick = picks.next().unwrap();
    wire.extend_from_slice(LINE_ENDS[usize::from(pick >> 1) % 3].as_bytes());
}

proptest! {
    #[test]
    fn any_encoding_at_any_cuts_decodes_to_the_same(
        events in prop::collection::vec(any_event(), 0..6),
        picks in prop::collection::vec(any::<u8>(), 1..40),
        cuts in prop::collection::vec(any::<usize>(), 0..40),
        uniform in any::<bool>(),
        bom in any::<bool>(),
    ) {
        let mut wire = if bom { "\u{feff}".as_bytes().to_vec() } else { Vec::new() };
        // A line that ends in CR before an empty line that ends in LF would read as CRLF: so ends mix only
        // when none of them is a bare CR.
        let end = picks[0] % 3;
        let picks: Vec<u8> = picks.into_iter().map(|pick| (if uniform { end } else { (pick >> 1) % 2 * 2 }, pick)).map(|(end, pick)| (end << 1) | (pick & 1)).collect();
        let mut picks = picks.iter().copied().cycle();
        for event in &events {
            write(event, &mut wire, &mut picks);
        }
        let (got, ending) = decode_cut(&wire, &cuts);
        prop_assert_eq!(got, events);
        prop_assert_eq!(ending, Ending::Clean);
    }

    #[test]
    fn what_write_event_wrote_comes_back(
        texts in prop::collection::vec("[a\r\n :]{0,20}", 0..6),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        let mut wire = BytesMut::new();
        for text in &texts {
            write_event(&mut wire, text.as_bytes());
            wire.extend_from_slice(KEEP_ALIVE);
        }
        let (got, ending) = decode_cut(&wire, &cuts);
        let want: Vec<Event> =
            texts.iter().map(|text| event(&text.replace("\r\n", "\n").replace('\r', "\n"))).collect();
        prop_assert_eq!(got, want);
        prop_assert_eq!(ending, Ending::Clean);
    }

    #[test]
    fn cuts_never_change_what_is_read(
        wire in "(data|id|event|retry|[:\r\n a\0]|\u{feff}){0,40}",
        cuts in prop::collection::vec(any::<usize>(), 0..40),
    ) {
        prop_assert_eq!(decode_cut(wire.as_bytes(), &cuts), decode_cut(wire.as_bytes(), &[]));
    }
}
