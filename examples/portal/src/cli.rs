//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// One MCP endpoint in front of many MCP servers
///
/// Without a file it starts a demo: two small servers, and a portal in front of them.
#[derive(Debug, Parser)]
#[command(name = "portal", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// The configuration; it is reloaded when it changes and on SIGHUP
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Serve one portal to whoever started this program, on standard input and output, and listen nowhere
    #[arg(long, requires = "config")]
    pub(crate) stdio: bool,

    /// Which portal to serve that way; needed if the file has more than one
    #[arg(long, value_name = "ID", requires = "stdio")]
    pub(crate) portal: Option<String>,

    /// Where the demo listens
    #[arg(long, value_name = "HOST:PORT", default_value = crate::demo::LISTEN, conflicts_with = "config")]
    pub(crate) listen: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say everything that is wrong with a configuration, and try its controls, without serving it
    Check {
        /// The configuration
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_makes_sense() {
        Cli::command().debug_assert();
        assert!(Cli::try_parse_from(["portal", "--config", "a", "--listen", "b"]).is_err());
        assert!(Cli::try_parse_from(["portal", "check", "a"]).is_ok());
        assert!(Cli::try_parse_from(["portal", "--config", "a", "--stdio", "--portal", "b"]).is_ok());
        assert!(Cli::try_parse_from(["portal", "--stdio"]).is_err());
        assert!(Cli::try_parse_from(["portal", "--config", "a", "--portal", "b"]).is_err());
    }
}
