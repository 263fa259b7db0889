#![doc = include_str!("../README.md")]

mod caller;
mod compare;
mod field;
mod gateway;
mod generator;
mod histogram;
mod idle;
mod process;
mod proxy;
mod report;
mod request;
mod sessions;
mod soak;
mod target;
mod upstream;
mod verify;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::net::TcpListener;

use compare::CompareArgs;
use idle::IdleArgs;
use sessions::SessionsArgs;
use soak::SoakArgs;

/// Measures the portal against a minimal hyper reverse proxy, in one run on one machine
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    compare: CompareArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare throughput, latency, processor time and memory (what happens without a command)
    Compare(CompareArgs),
    /// Open many idle SSE streams and see what each costs
    Idle(IdleArgs),
    /// Open many sessions of legacy clients and see what each costs while it is idle
    Sessions(SessionsArgs),
    /// Drive mixed traffic for minutes and see whether memory stays flat
    Soak(SoakArgs),
    /// Be the upstream; prints its address and ends with its standard input
    #[command(hide = true)]
    Upstream,
    /// Be the minimal proxy; prints its address and ends with its standard input
    #[command(hide = true)]
    Proxy {
        #[arg(long)]
        to: SocketAddr,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Children inherit it.
    process::raise_open_files();
    // The same runtime, with its default settings, for the generator, the upstream and the proxy.
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .and_then(|runtime| runtime.block_on(run(cli)));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(cli: Cli) -> io::Result<bool> {
    match cli.command.unwrap_or(Command::Compare(cli.compare)) {
        Command::Upstream => upstream::serve(listen().await?).await.map(|()| true),
        Command::Proxy { to } => proxy::serve(listen().await?, to).await.map(|()| true),
        Command::Compare(args) => interruptible(compare::run(&args)).await,
        Command::Idle(args) => interruptible(idle::run(&args)).await,
        Command::Sessions(args) => interruptible(sessions::run(&args)).await,
        Command::Soak(args) => interruptible(soak::run(&args)).await,
    }
}

/// Ends early on a signal, in a way that drops what `run` holds: its children.
async fn interruptible(run: impl Future<Output = io::Result<bool>>) -> io::Result<bool> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        outcome = run => outcome,
        _ = tokio::signal::ctrl_c() => Err(io::Error::other("interrupted")),
        _ = terminate.recv() => Err(io::Error::other("terminated")),
    }
}

/// Takes a free port, says which, and sees to it that this child does not outlive its parent.
async fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?);
    process::end_with_parent();
    Ok(listener)
}
