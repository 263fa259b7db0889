//! `load compare`: every target under the same load, in turn, several times.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::field::{Field, FieldArgs, Known};
use crate::generator::{Plan, Sample, drive};
use crate::report::Report;
use crate::request::Shape;

/// What to compare, and for how long.
#[derive(Args, Clone, Debug)]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    field: FieldArgs,
    /// What is called [default: all but sse-paced-1k]
    #[arg(long, value_delimiter = ',')]
    scenarios: Option<Vec<Scenario>>,
    /// Numbers of connections [default: 1,32,256]
    #[arg(long, value_delimiter = ',')]
    connections: Option<Vec<u32>>,
    /// Seconds to measure each target in each round, after a fifth of that to warm up [default: 3]
    #[arg(long)]
    seconds: Option<f64>,
    /// How often each target has its turn; medians are reported
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// A run of about 20 seconds: the scenarios with a requirement, 32 connections, half a second each
    #[arg(long)]
    short: bool,
    /// Exit with status 1 when a requirement is missed
    #[arg(long)]
    check: bool,
    /// Also write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// A JSON reply with 1 KiB of text
    #[value(name = "json-1k")]
    Json1k,
    /// A JSON reply with 100 KiB of text
    #[value(name = "json-100k")]
    Json100k,
    /// A JSON reply with 1 MB of text
    #[value(name = "json-1m")]
    Json1m,
    /// Ten notifications, then 1 KiB of text; all of it ready at once
    #[value(name = "sse-1k")]
    Sse1k,
    /// Ten notifications, then 100 KiB of text
    #[value(name = "sse-100k")]
    Sse100k,
    /// Ten notifications, then 1 MB of text
    #[value(name = "sse-1m")]
    Sse1m,
    /// Ten notifications and 1 KiB of text, each of them written to the socket by itself
    #[value(name = "sse-paced-1k")]
    SsePaced1k,
}

impl Scenario {
    const DEFAULT: [Self; 6] =
        [Self::Json1k, Self::Json100k, Self::Json1m, Self::Sse1k, Self::Sse100k, Self::Sse1m];
    const SHORT: [Self; 4] = [Self::Json1k, Self::Json100k, Self::Json1m, Self::Sse1k];

    pub(crate) fn shape(self) -> Shape {
        let (bytes, notifications) = match self {
            Self::Json1k => (1024, 0),
            Self::Json100k => (100 * 1024, 0),
            Self::Json1m => (1_000_000, 0),
            Self::Sse1k | Self::SsePaced1k => (1024, 10),
            Self::Sse100k => (100 * 1024, 10),
            Self::Sse1m => (1_000_000, 10),
        };
        Shape { bytes, notifications, paced: self == Self::SsePaced1k, delay_ms: 0 }
    }

    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// One load that all targets were put under.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) scenario: Scenario,
    pub(crate) connections: u32,
    /// By target, in the order of [`Comparison::targets`], then by round; empty for a peer that failed.
    pub(crate) samples: Vec<Vec<Sample>>,
}

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) targets: Vec<String>,
    pub(crate) cells: Vec<Cell>,
}

/// Runs the comparison and returns whether all is well.
pub(crate) async fn run(args: &CompareArgs) -> io::Result<bool> {
    let short = args.short;
    let scenarios = args
        .scenarios
        .clone()
        .unwrap_or_else(|| if short { Scenario::SHORT.to_vec() } else { Scenario::DEFAULT.to_vec() });
    let connections =
        args.connections.clone().unwrap_or_else(|| if short { vec![32] } else { vec![1, 32, 256] });
    let seconds = args.seconds.unwrap_or(if short { 0.45 } else { 3.0 });
    let measured = Duration::try_from_secs_f64(seconds).map_err(io::Error::other)?;

    let field = Field::start(&args.field, &[Known::Direct, Known::Proxy, Known::Portal]).await?;
    let targets: Vec<_> = field.targets.iter().map(|target| target.name.clone()).collect();
    let mut comparison = Comparison { targets, cells: Vec::new() };
    for &scenario in &scenarios {
        for &connections in &connections {
            eprintln!("{} on {connections} connections", scenario.name());
            let plan = Plan { connections, warm_up: measured / 5, measured };
            let samples = rounds(&field, scenario.shape(), plan, args.rounds).await?;
            comparison.cells.push(Cell { scenario, connections, samples });
        }
    }

    let report = Report::new(&comparison);
    print!("{report}");
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_vec_pretty(&report)?)?;
    }
    Ok(!args.check || report.passed())
}

/// Drives the targets in turn, so that what else happens on the machine happens to all of them.
///
/// A peer that fails is left out of the rest; its samples are empty.
async fn rounds(field: &Field, shape: Shape, plan: Plan, rounds: u32) -> io::Result<Vec<Vec<Sample>>> {
    let mut samples = vec![Some(Vec::new()); field.targets.len()];
    for _ in 0..rounds.max(1) {
        for (target, place) in field.targets.iter().zip(&mut samples) {
            let Some(samples) = place else { continue };
            match drive(target, &field.upstream, shape, plan).await {
                Ok(sample) => samples.push(sample),
                Err(error) if target.is_peer => {
                    eprintln!("  without {error}");
                    *place = None;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(samples.into_iter().map(Option::unwrap_or_default).collect())
}
