#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use portcullis_mcp_jsonrpc::Fragment;
use portcullis_mcp_jsonrpc::sse::Decoder;

use super::*;

fn outbox(events: usize, bytes: usize) -> Outbox {
    let bounds = Bounds { events, bytes, total: usize::MAX, held: Arc::default() };
    Outbox::new("a-1".into(), bounds)
}

fn message(size: usize) -> Message {
    let params = Fragment::parse(format!(r#"{{"text":"{}"}}"#, "x".repeat(size))).unwrap();
    Message::from_notification("m", &params)
}

/// The numbers of the events that are handed over.
fn taken(outbox: &mut Outbox) -> Vec<u64> {
    let mut chunks = VecDeque::new();
    outbox.take(&mut chunks);
    let mut decoder = Decoder::new();
    let mut numbers = Vec::new();
    for chunk in chunks {
        decoder.push(chunk);
        while let Some(event) = decoder.next().unwrap() {
            let id = String::from_utf8(event.id.unwrap().to_vec()).unwrap();
            assert!(Message::parse(event.data).is_ok());
            numbers.push(parse_id(&id).unwrap().1);
        }
    }
    numbers
}

fn write(outbox: &mut Outbox, sizes: &[usize]) {
    sizes.iter().for_each(|size| outbox.write(&message(*size)));
    outbox.close();
}

#[test]
fn what_is_written_together_leaves_in_one_chunk() {
    let mut outbox = outbox(100, 1 << 20);
    write(&mut outbox, &[1, 2, 3]);
    let mut chunks = VecDeque::new();
    outbox.take(&mut chunks);
    assert_eq!(chunks.len(), 1);
    assert!(chunks[0].starts_with(b"id: a-1.1\ndata: {"));
    assert!(!outbox.has_unsent());
    outbox.take(&mut chunks);
    assert_eq!(chunks.len(), 1, "nothing leaves twice");
}

#[test]
fn a_large_message_is_not_copied_and_keeps_its_place() {
    let mut outbox = outbox(100, 1 << 30);
    let large = message(1 << 20);
    outbox.write(&message(1));
    outbox.write(&large);
    outbox.write(&message(1));
    outbox.close();
    let mut chunks = VecDeque::new();
    outbox.take(&mut chunks);
    assert!(chunks.iter().any(|chunk| chunk.as_ptr() == large.text().as_ptr()));
    assert!(outbox.rewind(0).is_ok());
    assert_eq!(taken(&mut outbox), [1, 2, 3]);
}

#[test]
fn goes_back_to_any_event_that_was_sent() {
    let mut outbox = outbox(100, 1 << 20);
    write(&mut outbox, &[1, 1, 1]);
    write(&mut outbox, &[1]);
    write(&mut outbox, &[1 << 15]);
    assert_eq!(outbox.rewind(1), Err(Lost), "it was not sent yet");
    assert_eq!(taken(&mut outbox), [1, 2, 3, 4, 5]);
    for number in 0..=5 {
        assert_eq!(outbox.rewind(number), Ok(()));
        assert_eq!(taken(&mut outbox), (number + 1..=5).collect::<Vec<_>>());
    }
    assert_eq!(outbox.rewind(6), Err(Lost));
    assert_eq!(outbox.rewind(u64::MAX - 1), Err(Lost));
}

#[test]
fn an_event_that_was_sent_once_stays_sent() {
    let mut outbox = outbox(100, 1 << 20);
    write(&mut outbox, &[1, 1]);
    taken(&mut outbox);
    outbox.rewind(0).unwrap();
    assert_eq!(outbox.rewind(2), Ok(()), "an earlier connection was given it");
}

#[test]
fn keeps_no_more_than_its_bounds_of_what_was_sent() {
    let mut outbox = outbox(3, 1 << 20);
    for number in 1..=10 {
        write(&mut outbox, &[1]);
        assert_eq!(taken(&mut outbox), [number]);
    }
    assert_eq!(outbox.rewind(6), Err(Lost));
    assert_eq!(outbox.rewind(7), Ok(()));
    assert_eq!(taken(&mut outbox), [8, 9, 10]);

    let mut outbox = self::outbox(100, 5_000);
    for number in 1..=10 {
        write(&mut outbox, &[2_000]);
        assert_eq!(taken(&mut outbox), [number]);
    }
    assert_eq!(outbox.rewind(7), Err(Lost));
    assert_eq!(outbox.rewind(8), Ok(()));
}

#[test]
fn what_is_far_too_large_is_not_kept_at_all() {
    let mut outbox = outbox(100, 5_000);
    write(&mut outbox, &[20_000]);
    assert_eq!(taken(&mut outbox), [1]);
    assert_eq!((outbox.rewind(0), outbox.rewind(1)), (Err(Lost), Ok(())));
    assert_eq!(outbox.bounds.held.load(Ordering::Relaxed), 0);
}

#[test]
fn is_full_of_what_was_not_sent_and_gives_none_of_it_up() {
    let mut outbox = outbox(3, 1 << 20);
    let mut written = 0;
    while !outbox.is_full() {
        write(&mut outbox, &[1]);
        written += 1;
    }
    assert_eq!(written, 4, "one over");
    assert_eq!(taken(&mut outbox), [1, 2, 3, 4]);
    assert!(!outbox.is_full());
}

#[test]
fn all_streams_share_a_bound() {
    let held = Arc::new(AtomicUsize::new(0));
    let bounds = Bounds { events: 100, bytes: 1 << 20, total: 3_000, held: Arc::clone(&held) };
    let mut first = Outbox::new("a".into(), bounds.clone());
    let mut second = Outbox::new("b".into(), bounds);
    write(&mut first, &[2_000]);
    taken(&mut first);
    assert_eq!(first.rewind(0), Ok(()));
    taken(&mut first);
    write(&mut second, &[2_000]);
    assert!(second.is_full());
    assert_eq!(taken(&mut second), [1]);
    assert_eq!(second.rewind(0), Err(Lost), "there is no room to keep it");
    drop(first);
    drop(second);
    assert_eq!(held.load(Ordering::Relaxed), 0);
}

#[test]
fn what_is_given_up_is_gone() {
    let mut outbox = outbox(100, 1 << 20);
    write(&mut outbox, &[1, 1]);
    taken(&mut outbox);
    outbox.clear();
    assert_eq!(outbox.rewind(1), Err(Lost));
    assert_eq!(outbox.bounds.held.load(Ordering::Relaxed), 0);
}

#[test]
fn ids() {
    let table = [
        ("a-1.7", Some(("a-1", 7))),
        ("a-1.0", Some(("a-1", 0))),
        ("a.b.3", Some(("a.b", 3))),
        ("a-1.07", None),
        ("a-1.+7", None),
        ("a-1.-7", None),
        ("a-1.", None),
        ("a-1", None),
        ("", None),
        (".", None),
        ("a.18446744073709551615", Some(("a", u64::MAX))),
        ("a.18446744073709551616", None),
    ];
    for (id, expected) in table {
        assert_eq!(parse_id(id), expected, "{id:?}");
    }
}

#[test]
fn the_priming_event_carries_no_data() {
    let mut outbox = outbox(100, 1 << 20);
    assert_eq!(outbox.priming(Duration::from_secs(1)), "id: a-1.0\nretry: 1000\ndata: \n\n");
    write(&mut outbox, &[1, 1]);
    taken(&mut outbox);
    assert!(outbox.priming(Duration::ZERO).starts_with(b"id: a-1.2\nretry: 0\n"));
}
