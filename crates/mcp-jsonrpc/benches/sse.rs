//! What framing costs: many small notifications in one read, one big result over many reads, and writing both.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use portcullis_mcp_jsonrpc::sse::{Decoder, event_chunks, write_event};

const NOTIFICATION: &[u8] = br#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":3,"total":10}}"#;
const READ: usize = 16 * 1024;

fn wire(events: &[&[u8]]) -> Bytes {
    let mut wire = BytesMut::new();
    for event in events {
        write_event(&mut wire, event);
    }
    wire.freeze()
}

fn reads(wire: &Bytes) -> Vec<Bytes> {
    (0..wire.len()).step_by(READ).map(|at| wire.slice(at..wire.len().min(at + READ))).collect()
}

fn decode(decoder: &mut Decoder, chunks: impl IntoIterator<Item = Bytes>) -> usize {
    let mut count = 0;
    for chunk in chunks {
        decoder.push(chunk);
        while let Ok(Some(event)) = decoder.next() {
            black_box(&event);
            count += 1;
        }
    }
    count
}

fn decoding(c: &mut Criterion) {
    let small = wire(&[NOTIFICATION; 10]);
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(10));
    group.bench_function("10 notifications in one chunk", |b| {
        let mut decoder = Decoder::new();
        b.iter(|| assert_eq!(decode(&mut decoder, [small.clone()]), 10));
    });

    let big = wire(&[&vec![b'1'; 1 << 20]]);
    group.throughput(Throughput::Bytes(big.len() as u64));
    let chunks = reads(&big);
    group.bench_function("1 MiB event over 16 KiB chunks", |b| {
        b.iter(|| assert_eq!(decode(&mut Decoder::new(), chunks.iter().cloned()), 1));
    });
    group.bench_function("1 MiB event in one chunk", |b| {
        b.iter(|| assert_eq!(decode(&mut Decoder::new(), [big.clone()]), 1));
    });

    let pretty = wire(&["  \"key\": \"value\",\n".repeat(1 << 16).as_bytes()]);
    group.throughput(Throughput::Bytes(pretty.len() as u64));
    let chunks = reads(&pretty);
    group.bench_function("1 MiB event of 65,536 lines over 16 KiB chunks", |b| {
        b.iter(|| assert_eq!(decode(&mut Decoder::new(), chunks.iter().cloned()), 1));
    });
    group.finish();
}

fn encoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode");
    group.throughput(Throughput::Elements(10));
    group.bench_function("10 notifications into one buffer", |b| {
        b.iter_batched_ref(
            || BytesMut::with_capacity(4096),
            |buffer| (0..10).for_each(|_| write_event(buffer, black_box(NOTIFICATION))),
            BatchSize::SmallInput,
        );
    });

    let big = Bytes::from(vec![b'1'; 1 << 20]);
    group.throughput(Throughput::Bytes(big.len() as u64));
    group.bench_function("1 MiB event without copying", |b| {
        b.iter(|| event_chunks(black_box(big.clone())).map(|chunk| chunk.len()).sum::<usize>());
    });
    group.finish();
}

criterion_group!(benches, decoding, encoding);
criterion_main!(benches);
