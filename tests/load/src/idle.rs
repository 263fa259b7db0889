//! `load idle`: what an open stream costs that nothing happens on.
//!
//! Each stream is a `subscriptions/listen` of its own that was acknowledged. The proxy is measured in the same way. A
//! gateway holds two connections for each stream, one to the client and one to the upstream, unless it shares those to
//! the upstream (`--http2`).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use memchr::memmem;
use serde_json::json;
use tokio::net::TcpStream;

use crate::field::{Field, FieldArgs, Known};
use crate::generator::{Plan, drive};
use crate::process::{Process, open_files};
use crate::request::{Era, FIRST_ID, Shape};
use crate::target::Target;
use crate::wire::Connection;

/// Streams opened at the same time.
const OPENERS: usize = 64;
/// How long one stream may take to be acknowledged.
const OPEN: Duration = Duration::from_secs(10);
/// How long things may settle before memory is read.
const SETTLE: Duration = Duration::from_secs(3);
/// Descriptors a process needs besides those of the streams.
const SPARE: usize = 200;
/// The most one stream through the portal may cost.
const MAX_KIB: f64 = 30.0;

#[derive(Args, Clone, Debug)]
pub(crate) struct IdleArgs {
    #[command(flatten)]
    field: FieldArgs,
    /// How many streams to open
    #[arg(long, default_value_t = 10_000)]
    streams: usize,
    /// Exit with status 1 when a stream through the portal costs more than 30 KiB
    #[arg(long)]
    check: bool,
}

/// Memory of a gateway, in KiB.
#[derive(Debug)]
struct Memory {
    before: u64,
    open: u64,
    closed: u64,
}

/// Measures each gateway in turn and returns whether all is well.
pub(crate) async fn run(args: &IdleArgs) -> io::Result<bool> {
    let field = Field::start(&args.field, &[Known::Proxy, Known::Portal]).await?;
    let mut well = true;
    println!(
        "{:<10}{:>8}{:>13}{:>12}{:>18}{:>14}",
        "target", "streams", "before MiB", "open MiB", "KiB per stream", "closed MiB"
    );
    for target in field.targets {
        let target = Arc::new(target);
        let Some(process) = &target.process else { continue };
        let shared = args.field.http2 && target.name == "portal";
        let streams = possible(&target, args.streams, if shared { 1 } else { 2 });
        let memory = measure(&target, process, &field.upstream, streams).await?;
        let each = memory.open.saturating_sub(memory.before) as f64 / streams.max(1) as f64;
        let mib = |kib: u64| kib as f64 / 1024.0;
        println!(
            "{:<10}{streams:>8}{:>13.1}{:>12.1}{each:>18.1}{:>14.1}",
            target.name,
            mib(memory.before),
            mib(memory.open),
            mib(memory.closed)
        );
        well &= target.name != "portal" || each <= MAX_KIB;
    }
    Ok(well || !args.check)
}

/// How many streams can be open at once that need so many descriptors each.
fn possible(target: &Target, wanted: usize, descriptors: usize) -> usize {
    let streams = wanted.min(open_files().saturating_sub(SPARE) / descriptors);
    if streams < wanted {
        eprintln!("{}: {streams} streams instead of {wanted}, for want of file descriptors", target.name);
    }
    streams
}

async fn measure(
    target: &Arc<Target>,
    process: &Process,
    upstream: &Process,
    streams: usize,
) -> io::Result<Memory> {
    // What a gateway allocates once is not what a stream costs.
    let plan = Plan { connections: 32, warm_up: Duration::ZERO, measured: Duration::from_secs(1) };
    drive(target, upstream, Shape { bytes: 1024, ..Shape::default() }, plan).await?;
    let before = process.rss_kib()?;

    let openers = (0..OPENERS).map(|number| {
        let target = Arc::clone(target);
        let share = streams / OPENERS + usize::from(number < streams % OPENERS);
        tokio::spawn(async move { open_some(&target, share, FIRST_ID + (number * streams) as u64).await })
    });
    let mut open = Vec::with_capacity(streams);
    for opener in openers.collect::<Vec<_>>() {
        open.extend(opener.await.map_err(io::Error::other)??);
    }
    tokio::time::sleep(SETTLE).await;
    let memory = process.rss_kib()?;
    let lost = open.iter().filter(|stream| !is_open(stream)).count();
    if lost > 0 {
        return Err(io::Error::other(format!("{}: {lost} of {streams} streams were closed", target.name)));
    }

    drop(open);
    tokio::time::sleep(SETTLE).await;
    Ok(Memory { before, open: memory, closed: process.rss_kib()? })
}

async fn open_some(target: &Target, count: usize, first: u64) -> io::Result<Vec<TcpStream>> {
    let mut streams = Vec::with_capacity(count);
    for id in (first..).take(count) {
        let stream = tokio::time::timeout(OPEN, listen(target, id)).await;
        streams.push(stream.map_err(|_| io::Error::other("a stream was not acknowledged in time"))??);
    }
    Ok(streams)
}

/// Opens one stream and reads up to its acknowledgement.
pub(crate) async fn listen(target: &Target, id: u64) -> io::Result<TcpStream> {
    let params = json!({ "notifications": { "toolsListChanged": true } });
    let mut request = target.request(&Era::Modern, "subscriptions/listen", params);
    let mut connection = Connection::open(target.address).await?;
    let head = connection.send(request.with_id(id)).await?;
    let mut seen = Vec::new();
    while let Some(piece) = connection.piece().await? {
        seen.extend_from_slice(piece);
        let acknowledged = memmem::find(&seen, b"notifications/subscriptions/acknowledged").is_some();
        if acknowledged && seen.ends_with(b"\n\n") && memmem::find(&seen, id.to_string().as_bytes()).is_some()
        {
            return Ok(connection.into_stream());
        }
    }
    let text = String::from_utf8_lossy(&seen);
    Err(io::Error::other(format!("no stream but HTTP {}: {text:.200}", head.status)))
}

/// Whether a stream has neither ended nor failed. What has come meanwhile may stay unread.
fn is_open(stream: &TcpStream) -> bool {
    match stream.try_read(&mut [0; 512]) {
        Ok(count) => count > 0,
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}
