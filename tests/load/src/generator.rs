//! The generator: so many connections, each of which sends its next call when it has the reply to the last.

use std::io;
use std::time::{Duration, Instant};

use crate::caller::Caller;
use crate::histogram::Histogram;
use crate::process::{Process, own_cpu};
use crate::request::{FIRST_ID, Shape};
use crate::target::Target;

/// How long replies may be outstanding when time is up.
const GRACE: Duration = Duration::from_secs(20);
/// Ids a connection has for itself.
const IDS: u64 = 10_000_000;

/// How much load, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) connections: u32,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

/// What one drive found.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// Processor time per call: of the gateway (0 without one), the upstream and this generator.
    pub(crate) gateway_us: f64,
    pub(crate) upstream_us: f64,
    pub(crate) generator_us: f64,
    /// Resident memory of the gateway after it.
    pub(crate) rss_kib: u64,
}

/// Drives `target` with calls of one shape.
///
/// # Errors
///
/// The first reply that was not what it should be, with the number of connections that met one.
pub(crate) async fn drive(
    target: &Target,
    upstream: &Process,
    shape: Shape,
    plan: Plan,
) -> io::Result<Sample> {
    // One reply is checked in full before the clock runs: parsing a megabyte takes longer than fetching it.
    let mut first = Caller::open(target, shape).await?;
    first.call(FIRST_ID).await.map_err(|error| io::Error::other(format!("{}: {error}", target.name)))?;
    let mut callers = Vec::new();
    for _ in 1..plan.connections {
        callers.push(first.another(target, shape).await?);
    }
    callers.push(first);
    let start = Instant::now() + plan.warm_up;
    let end = start + plan.measured;
    let tasks: Vec<_> = (0..)
        .zip(callers)
        .map(|(number, caller)| tokio::spawn(closed_loop(caller, FIRST_ID + number * IDS, start, end)))
        .collect();

    tokio::time::sleep_until(start.into()).await;
    let (from, before) = (Instant::now(), Usage::now(target, upstream)?);
    tokio::time::sleep_until(end.into()).await;
    let (elapsed, used) = (from.elapsed(), Usage::now(target, upstream)?.since(&before));

    let deadline = tokio::time::Instant::from_std(end + GRACE);
    let mut latencies = Histogram::default();
    let mut failures = Vec::new();
    for task in tasks {
        match tokio::time::timeout_at(deadline, task).await {
            Ok(Ok(Ok(histogram))) => latencies.merge(&histogram),
            Ok(Ok(Err(error))) => failures.push(error.to_string()),
            Ok(Err(error)) => failures.push(error.to_string()),
            Err(_) => failures.push(format!("no reply within {GRACE:?}")),
        }
    }
    if let Some(first) = failures.first() {
        let count = failures.len();
        return Err(io::Error::other(format!(
            "{}: {count} connections failed, the first: {first}",
            target.name
        )));
    }
    if latencies.total() == 0 {
        return Err(io::Error::other(format!("{}: not one reply within {:?}", target.name, plan.measured)));
    }
    let per_second = latencies.total() as f64 / plan.measured.as_secs_f64();
    // On a busy machine this task looks later than it means to, so what it saw is put in relation to when it looked.
    let per_call = |cpu: Duration| cpu.as_secs_f64() * 1e6 / (elapsed.as_secs_f64() * per_second);
    Ok(Sample {
        per_second,
        p50_us: latencies.quantile_us(0.5),
        p99_us: latencies.quantile_us(0.99),
        gateway_us: per_call(used.gateway),
        upstream_us: per_call(used.upstream),
        generator_us: per_call(used.generator),
        rss_kib: target.process.as_ref().map_or(Ok(0), Process::rss_kib)?,
    })
}

/// Processor time of all who take part.
struct Usage {
    gateway: Duration,
    upstream: Duration,
    generator: Duration,
}

impl Usage {
    fn now(target: &Target, upstream: &Process) -> io::Result<Self> {
        Ok(Self {
            gateway: target.process.as_ref().map_or(Ok(Duration::ZERO), Process::cpu)?,
            upstream: upstream.cpu()?,
            generator: own_cpu()?,
        })
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            gateway: self.gateway.saturating_sub(before.gateway),
            upstream: self.upstream.saturating_sub(before.upstream),
            generator: self.generator.saturating_sub(before.generator),
        }
    }
}

/// Calls until time is up, and returns how long the replies took that came in the measured time.
async fn closed_loop(mut caller: Caller, first: u64, start: Instant, end: Instant) -> io::Result<Histogram> {
    let mut histogram = Histogram::default();
    let mut sent = Instant::now();
    for id in first..first + IDS {
        caller.call(id).await?;
        let now = Instant::now();
        if now >= end {
            break;
        }
        if now >= start {
            histogram.record(now - sent);
        }
        sent = now;
    }
    Ok(histogram)
}
