//! What the program does with its command line.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use tokio_util::sync::CancellationToken;

use crate::cli::{Cli, Command};
use crate::config::Config;
use crate::drain::{Outcome, Shutdown};
use crate::gateway::{Gateway, spare_keys};
use crate::run::{RunError, say};
use crate::{demo, log, run};

/// Runs the program: `portal`, `portal --config FILE`, `portal --config FILE --stdio`, `portal check FILE`. The first argument is its name.
///
/// Ends with 0 when all went well, and everything under way was finished; with 1 when not; with 2 when the command line
/// or the configuration is wrong.
#[must_use]
pub fn main_with<I, T>(arguments: I) -> ExitCode
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too; a closed terminal is no reason to fail.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1));
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(1, format_args!("cannot start: {error}")),
    };
    let code = runtime.block_on(execute(cli));
    // What did not end within the drain's bounds is not waited for.
    runtime.shutdown_background();
    code
}

async fn execute(cli: Cli) -> ExitCode {
    match (cli.command, cli.config) {
        (Some(Command::Check { file }), _) => check(&file).await,
        (None, Some(file)) if cli.stdio => serve_stdio(&file, cli.portal.as_deref()).await,
        (None, Some(file)) => serve(&file).await,
        (None, None) => ended(with_signals(async |shutdown| demo::run(&cli.listen, shutdown).await).await),
    }
}

async fn serve(file: &Path) -> ExitCode {
    let config = match Config::load(file) {
        Ok(config) => config,
        Err(error) => return failed(2, error),
    };
    log::start(config.log);
    ended(with_signals(async |shutdown| Box::pin(run::run_file(file, config, shutdown)).await).await)
}

async fn serve_stdio(file: &Path, portal: Option<&str>) -> ExitCode {
    let config = match Config::load(file) {
        Ok(config) => config,
        Err(error) => return failed(2, error),
    };
    log::start(config.log);
    ended(with_signals(async |shutdown| run::run_stdio(config, portal, shutdown).await).await)
}

async fn check(file: &Path) -> ExitCode {
    let config = match Config::load(file) {
        Ok(config) => config,
        Err(error) => return failed(2, error),
    };
    let portals = config.portals.len();
    let built = match spare_keys() {
        Ok(keys) => Gateway::build(config, None, &keys, &CancellationToken::new()).await,
        Err(error) => Err(error),
    };
    match built {
        Ok(_) => {
            say(format_args!("{}: fine; {portals} portal(s), every control is in force", file.display()));
            ExitCode::SUCCESS
        }
        Err(error) => failed(2, error),
    }
}

async fn with_signals<F>(run: F) -> Result<Outcome, RunError>
where
    F: AsyncFnOnce(&Shutdown) -> Result<Outcome, RunError>,
{
    let shutdown = Shutdown::new();
    shutdown.on_signals().map_err(RunError::Signal)?;
    run(&shutdown).await
}

fn ended(outcome: Result<Outcome, RunError>) -> ExitCode {
    match outcome {
        Ok(Outcome::Drained) => ExitCode::SUCCESS,
        Ok(Outcome::Cut(_)) => ExitCode::from(1),
        Err(error @ (RunError::Config(_) | RunError::Build(_) | RunError::Choose(_))) => failed(2, error),
        Err(error) => failed(1, error),
    }
}

/// Log lines may be off; whoever started the program must still learn why it ended.
fn failed(code: u8, error: impl std::fmt::Display) -> ExitCode {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{error}");
    ExitCode::from(code)
}
