//! `load sessions`: what an idle session of a legacy client costs.
//!
//! Each session is opened with `initialize`, makes a call, and is then left alone. In a second round each one also sets a
//! log level and subscribes to a resource, so that there is something to keep. Sessions share the generator's connections,
//! because a connection's memory is not a session's.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::field::{Field, FieldArgs, Known};
use crate::generator::{Plan, drive};
use crate::process::Process;
use crate::request::Shape;
use crate::target::{Target, exchange};

/// Connections that the sessions are opened on.
const OPENERS: usize = 16;
/// How long things may settle before memory is read.
const SETTLE: Duration = Duration::from_secs(3);
/// The most one idle session may cost.
const MAX_KIB: f64 = 2.0;

#[derive(Args, Clone, Debug)]
pub(crate) struct SessionsArgs {
    #[command(flatten)]
    field: FieldArgs,
    /// How many sessions to open in each round
    #[arg(long, default_value_t = 20_000)]
    sessions: usize,
    /// Exit with status 1 when a session costs more than 2 KiB
    #[arg(long)]
    check: bool,
}

/// Measures the portal and returns whether all is well.
pub(crate) async fn run(args: &SessionsArgs) -> io::Result<bool> {
    let field = Field::start(&args.field, &[Known::Portal]).await?;
    let mut well = true;
    println!("{:<34}{:>10}{:>18}", "sessions that", "number", "KiB per session");
    for target in field.targets {
        let target = Arc::new(target);
        let Some(process) = &target.process else { continue };
        // What a gateway allocates once is not what a session costs.
        let plan = Plan { connections: 32, warm_up: Duration::ZERO, measured: Duration::from_secs(1) };
        drive(&target, &field.upstream, Shape { bytes: 1024, ..Shape::default() }, plan).await?;
        open_all(&target, OPENERS * 8, true).await?;
        for (what, keeps) in [("made one call", false), ("also set a level and subscribed", true)] {
            let each = measure(&target, process, args.sessions, keeps).await?;
            println!("{what:<34}{:>10}{each:>18.2}", args.sessions);
            well &= each <= MAX_KIB;
        }
    }
    Ok(well || !args.check)
}

/// KiB for each session.
async fn measure(target: &Arc<Target>, process: &Process, sessions: usize, keeps: bool) -> io::Result<f64> {
    tokio::time::sleep(SETTLE).await;
    let before = process.rss_kib()?;
    open_all(target, sessions, keeps).await?;
    tokio::time::sleep(SETTLE).await;
    Ok(process.rss_kib()?.saturating_sub(before) as f64 / sessions.max(1) as f64)
}

async fn open_all(target: &Arc<Target>, sessions: usize, keeps: bool) -> io::Result<()> {
    let openers = (0..OPENERS).map(|number| {
        let target = Arc::clone(target);
        let share = sessions / OPENERS + usize::from(number < sessions % OPENERS);
        tokio::spawn(async move { open_some(&target, share, keeps).await })
    });
    for opener in openers.collect::<Vec<_>>() {
        opener.await.map_err(io::Error::other)??;
    }
    Ok(())
}

async fn open_some(target: &Target, count: usize, keeps: bool) -> io::Result<()> {
    let (mut connection, _) = target.open().await?;
    for _ in 0..count {
        let era = target.initialize(&mut connection).await?;
        let call = target.call(&era, Shape { bytes: 64, ..Shape::default() });
        answered(exchange(&mut connection, call).await?)?;
        if keeps {
            for (method, params) in kept() {
                answered(exchange(&mut connection, target.request(&era, method, params)).await?)?;
            }
        }
    }
    Ok(())
}

fn kept() -> [(&'static str, Value); 2] {
    [
        ("logging/setLevel", json!({ "level": "warning" })),
        ("resources/subscribe", json!({ "uri": "file:///project/configuration.json" })),
    ]
}

/// A refusal is not what was to be measured.
fn answered((head, body): (crate::wire::Head, Vec<u8>)) -> io::Result<()> {
    let text = String::from_utf8_lossy(&body);
    match head.status == 200 && text.contains(r#""result""#) {
        true => Ok(()),
        false => Err(io::Error::other(format!("HTTP {}: {text:.300}", head.status))),
    }
}
