//! `load soak`: mixed traffic for minutes, to see whether anything piles up.
//!
//! Calls that must succeed are verified as always. Beside them run clients that go away in the middle of a call, that
//! open and leave streams, and that send what no client should. The first quarter of the time counts as warm-up; the
//! median memory of the last quarter is compared to that of the second.

mod traffic;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;

use crate::field::{Field, FieldArgs, Known};
use crate::process::Process;
use crate::report::median;
use crate::target::Target;

/// How long the upstream may take to hear that its callers are gone.
const CANCELLED: Duration = Duration::from_secs(2);
/// Growth that says nothing: a page here and there, a pooled connection more.
const SLACK_KIB: f64 = 1024.0;
const SLACK_DESCRIPTORS: f64 = 8.0;

#[derive(Args, Clone, Debug)]
pub(crate) struct SoakArgs {
    #[command(flatten)]
    field: FieldArgs,
    /// How long
    #[arg(long, default_value_t = 600)]
    seconds: u32,
    /// Clients of each kind
    #[arg(long, default_value_t = 4)]
    clients: u32,
    /// How long each client waits between two calls, in milliseconds
    #[arg(long, default_value_t = 5)]
    think_ms: u64,
    /// The growth of memory that is accepted, in percent (and 1 MiB)
    #[arg(long, default_value_t = 5.0)]
    max_growth: f64,
}

/// What was seen at one moment.
#[derive(Clone, Copy, Debug)]
struct Moment {
    rss_kib: f64,
    descriptors: f64,
}

/// Soaks each gateway in turn and returns whether all stayed flat.
pub(crate) async fn run(args: &SoakArgs) -> io::Result<bool> {
    let field = Field::start(&args.field, &[Known::Portal]).await?;
    let mut well = true;
    for target in field.targets {
        let target = Arc::new(target);
        let Some(process) = &target.process else { continue };
        let (moments, calls) = soak(&target, process, args).await?;
        tokio::time::sleep(CANCELLED).await;
        let waiting = traffic::waiting(field.upstream_address).await?;
        println!("{}: {calls} calls in {} s, {waiting} left waiting upstream", target.name, args.seconds);
        let memory = Growth::of(&moments, |moment| moment.rss_kib);
        let descriptors = Growth::of(&moments, |moment| moment.descriptors);
        let flat = memory.within(args.max_growth, SLACK_KIB);
        let even = descriptors.within(args.max_growth, SLACK_DESCRIPTORS);
        println!("  memory, KiB: {memory}: {}", if flat { "flat" } else { "GREW" });
        println!("  descriptors: {descriptors}: {}", if even { "flat" } else { "GREW" });
        well &= flat && even && waiting == 0;
    }
    Ok(well)
}

/// Runs the traffic and watches; returns what was seen, and how many calls were made.
async fn soak(target: &Arc<Target>, process: &Process, args: &SoakArgs) -> io::Result<(Vec<Moment>, u64)> {
    let end = Instant::now() + Duration::from_secs(args.seconds.into());
    let think = Duration::from_millis(args.think_ms);
    let mut clients = traffic::start(target, args.clients, think, end);
    // A hundred samples, but no more than four in a second.
    let every = (Duration::from_secs(args.seconds.into()) / 100).max(Duration::from_millis(250));
    let mut tick = tokio::time::interval(every);
    let mut moments = Vec::new();
    let mut calls = 0;
    loop {
        tokio::select! {
            _ = tick.tick() => moments.push(Moment {
                rss_kib: process.rss_kib()? as f64,
                descriptors: process.descriptors()? as f64,
            }),
            client = clients.join_next() => match client {
                None => return Ok((moments, calls)),
                Some(outcome) => calls += outcome.map_err(io::Error::other)??,
            },
        }
    }
}

/// Medians of the second and the last quarter.
#[derive(Debug)]
struct Growth {
    second: f64,
    last: f64,
}

impl Growth {
    fn of(moments: &[Moment], figure: fn(&Moment) -> f64) -> Self {
        let quarter = moments.len() / 4;
        let second = median(moments.iter().skip(quarter).take(quarter).map(figure));
        let last = median(moments.iter().rev().take(quarter).map(figure));
        Self { second, last }
    }

    fn within(&self, percent: f64, slack: f64) -> bool {
        self.last <= self.second * (1.0 + percent / 100.0) + slack
    }
}

impl std::fmt::Display for Growth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = (self.last / self.second - 1.0) * 100.0;
        write!(f, "{:.0} in the second quarter, {:.0} in the last ({percent:+.1} %)", self.second, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth(figures: impl Iterator<Item = f64>) -> Growth {
        let moments: Vec<_> = figures.map(|rss_kib| Moment { rss_kib, descriptors: 0.0 }).collect();
        Growth::of(&moments, |moment| moment.rss_kib)
    }

    #[test]
    fn what_rises_only_at_first_is_flat() {
        let growth = growth((0..100).map(|second| 10_000.0 * f64::from(second).min(20.0)));
        assert!(growth.within(5.0, 0.0), "{growth}");
    }

    #[test]
    fn what_rises_all_the_time_is_not() {
        let growth = growth((0..100).map(|second| 10_000.0 + 100.0 * f64::from(second)));
        assert!(!growth.within(5.0, SLACK_KIB), "{growth}");
    }

    #[test]
    fn a_peak_is_not_growth() {
        let growth = growth((0..100).map(|second| if second == 99 { 1e9 } else { 10_000.0 }));
        assert!(growth.within(5.0, 0.0), "{growth}");
    }
}
