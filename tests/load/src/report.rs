//! What the figures say: medians, ratios to the minimal proxy, and whether they suffice.

use std::fmt;

use serde::Serialize;

use crate::compare::{Cell, Comparison, Scenario};
use crate::generator::Sample;

/// The target all others are compared to.
const YARDSTICK: &str = "proxy";
const PORTAL: &str = "portal";
const PEER: &str = "mcp-proxy";

/// Numbers of connections at which the portal is judged: with one, latency is all there is to see.
const JUDGED: [u32; 2] = [32, 256];
const MAX_P99_RATIO: f64 = 1.5;
const MAX_SMALL_CALL_US: f64 = 40.0;
const MAX_SMALL_CALL_TO_PEER: f64 = 0.4;

/// The least throughput the portal must reach, as a part of the yardstick's.
fn min_throughput_ratio(scenario: Scenario) -> Option<f64> {
    match scenario {
        Scenario::Json1k => Some(0.70),
        Scenario::Json100k => Some(0.80),
        Scenario::Json1m => Some(0.90),
        // The yardstick writes each event by itself; a gateway that writes what it read in one go does better.
        Scenario::Sse1k => Some(2.0),
        Scenario::Sse100k | Scenario::Sse1m | Scenario::SsePaced1k => None,
    }
}

/// The outcome of a comparison.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    processors: usize,
    rows: Vec<Row>,
    requirements: Vec<Requirement>,
}

/// One target under one load: medians over the rounds.
#[derive(Debug, Serialize)]
struct Row {
    scenario: String,
    connections: u32,
    target: String,
    per_second: f64,
    p50_us: f64,
    p99_us: f64,
    gateway_cpu_us: f64,
    upstream_cpu_us: f64,
    generator_cpu_us: f64,
    rss_kib: u64,
    /// Medians of the ratios within each round; none without the yardstick.
    ratios: Option<Ratios>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Ratios {
    per_second: f64,
    p50: f64,
    p99: f64,
    gateway_cpu: f64,
}

/// One thing the portal must reach.
#[derive(Debug, Serialize)]
struct Requirement {
    what: String,
    bound: f64,
    found: f64,
    met: bool,
}

impl Requirement {
    fn at_least(what: String, bound: f64, found: f64) -> Self {
        Self { what: format!("{what} >= {bound}"), bound, found, met: found >= bound }
    }

    fn at_most(what: String, bound: f64, found: f64) -> Self {
        Self { what: format!("{what} <= {bound}"), bound, found, met: found <= bound }
    }
}

impl Report {
    pub(crate) fn new(comparison: &Comparison) -> Self {
        let rows: Vec<_> = comparison.cells.iter().flat_map(|cell| rows(cell, &comparison.targets)).collect();
        let requirements = comparison.cells.iter().flat_map(|cell| requirements(cell, &rows)).collect();
        let processors = std::thread::available_parallelism().map_or(0, Into::into);
        Self { processors, rows, requirements }
    }

    /// Whether there were requirements to judge by, and all were met.
    pub(crate) fn passed(&self) -> bool {
        !self.requirements.is_empty() && self.requirements.iter().all(|requirement| requirement.met)
    }
}

fn rows<'a>(cell: &'a Cell, targets: &'a [String]) -> impl Iterator<Item = Row> + 'a {
    let yardstick =
        targets.iter().zip(&cell.samples).find_map(|(name, samples)| (name == YARDSTICK).then_some(samples));
    let present = targets.iter().zip(&cell.samples).filter(|(_, samples)| !samples.is_empty());
    present.map(move |(target, samples)| {
        let of = |figure: fn(&Sample) -> f64| median(samples.iter().map(figure));
        let ratio = |figure: fn(&Sample) -> f64| {
            let pairs = samples.iter().zip(yardstick?);
            Some(median(pairs.map(|(sample, yardstick)| figure(sample) / figure(yardstick))))
        };
        let ratios = || {
            Some(Ratios {
                per_second: ratio(|sample| sample.per_second)?,
                p50: ratio(|sample| sample.p50_us)?,
                p99: ratio(|sample| sample.p99_us)?,
                gateway_cpu: ratio(|sample| sample.gateway_us)?,
            })
        };
        Row {
            scenario: cell.scenario.name(),
            connections: cell.connections,
            target: target.clone(),
            per_second: of(|sample| sample.per_second),
            p50_us: of(|sample| sample.p50_us),
            p99_us: of(|sample| sample.p99_us),
            gateway_cpu_us: of(|sample| sample.gateway_us),
            upstream_cpu_us: of(|sample| sample.upstream_us),
            generator_cpu_us: of(|sample| sample.generator_us),
            rss_kib: samples.iter().map(|sample| sample.rss_kib).max().unwrap_or_default(),
            ratios: ratios(),
        }
    })
}

/// What is required of the portal in this cell, where it and the yardstick took part.
fn requirements(cell: &Cell, rows: &[Row]) -> Vec<Requirement> {
    let scenario = cell.scenario.name();
    let row = |target| {
        let of = |row: &&Row| {
            row.scenario == scenario && row.connections == cell.connections && row.target == target
        };
        rows.iter().find(of)
    };
    let Some(portal) = row(PORTAL) else { return Vec::new() };
    let (Some(ratios), Some(throughput)) = (portal.ratios, min_throughput_ratio(cell.scenario)) else {
        return Vec::new();
    };
    if !JUDGED.contains(&cell.connections) {
        return Vec::new();
    }
    let place = format!("{scenario} on {}", cell.connections);
    let mut all = vec![
        Requirement::at_least(format!("{place}: throughput to proxy"), throughput, ratios.per_second),
        Requirement::at_most(format!("{place}: p99 to proxy"), MAX_P99_RATIO, ratios.p99),
    ];
    if cell.scenario == Scenario::Json1k {
        let found = portal.gateway_cpu_us;
        all.push(Requirement::at_most(format!("{place}: CPU us per call"), MAX_SMALL_CALL_US, found));
        if let Some(peer) = row(PEER) {
            let found = found / peer.gateway_cpu_us;
            let what = format!("{place}: CPU to {PEER}");
            all.push(Requirement::at_most(what, MAX_SMALL_CALL_TO_PEER, found));
        }
    }
    all
}

/// The middle of the values, or the mean of the two in the middle; 0 of none.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    match (values.get(low), values.get(high)) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        _ => 0.0,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Medians; x = ratio to the minimal hyper proxy; CPU in us per call; {} processors\n",
            self.processors
        )?;
        writeln!(
            f,
            "{:<13}{:>5} {:<10}{:>8} {:>6}{:>9} {:>6}{:>9} {:>6}{:>9} {:>6}{:>9}{:>10}{:>8}",
            "scenario",
            "conns",
            "target",
            "calls/s",
            "x",
            "p50 us",
            "x",
            "p99 us",
            "x",
            "CPU",
            "x",
            "upstream",
            "generator",
            "RSS MiB"
        )?;
        for row in &self.rows {
            write!(f, "{:<13}{:>5} {:<10}", row.scenario, row.connections, row.target)?;
            let ratios = row.ratios;
            let ratio = |pick: fn(Ratios) -> f64| {
                ratios.map_or_else(|| "-".into(), |all| format!("{:.2}", pick(all)))
            };
            write!(f, "{:>8.0} {:>6}", row.per_second, ratio(|all| all.per_second))?;
            write!(f, "{:>9.0} {:>6}", row.p50_us, ratio(|all| all.p50))?;
            write!(f, "{:>9.0} {:>6}", row.p99_us, ratio(|all| all.p99))?;
            write!(f, "{:>9.1} {:>6}", row.gateway_cpu_us, ratio(|all| all.gateway_cpu))?;
            write!(f, "{:>9.1}{:>10.1}", row.upstream_cpu_us, row.generator_cpu_us)?;
            writeln!(f, "{:>8.1}", row.rss_kib as f64 / 1024.0)?;
        }
        if !self.requirements.is_empty() {
            writeln!(f)?;
        }
        for requirement in &self.requirements {
            let verdict = if requirement.met { "met   " } else { "MISSED" };
            writeln!(f, "{verdict} {}: {:.2}", requirement.what, requirement.found)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
