//! A reference MCP portal: one endpoint in front of many MCP servers, from one TOML file.
//!
//! This is a program before it is a library. It shows how the Portcullis crates become a deployment, and is meant to be
//! read: [`config`] is the only part that knows the file, the whole stack of a portal is built in one function
//! (`stack::build`), and everything else is what any server needs: sockets, reload, drain, health.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = portal::config::Config::load("portal.toml".as_ref())?;
//! let shutdown = portal::Shutdown::new();
//! let runtime = tokio::runtime::Runtime::new()?;
//! runtime.block_on(portal::run(config, &shutdown))?;
//! # Ok(()) }
//! ```
//!
//! # A control that is configured is in force
//!
//! Before a configuration is served, at start and at each reload, requests that its controls must refuse are sent through
//! the stack that was built from it. If one passes, the portal does not start, or keeps the configuration it has.
//!
//! # What it trusts and cannot see
//!
//! It trusts its configuration file and whoever can write it, and the servers it names as far as the portal crate does.
//! With `[portal.authn]` it trusts the issuers that a portal names, with everything for the callers they vouch for, and the
//! proxies in `network.trusted_proxies` about addresses and certificates. Without that table everybody who reaches a
//! portal is let in, and nobody is known. It ends no TLS: by default it listens on this machine only and answers only to
//! this machine's names. The health pages are open to everyone who reaches them; `[admin]` moves them to an address of their own.
//!
//! # What it costs
//!
//! Per request: one atomic load to find the configuration, a comparison per portal to find the one that is meant, a lookup
//! for a caller who is known already, and the two boxes of the codec. Per connection: a task and hyper's buffers.

mod caller;
mod cli;
pub mod config;
mod credentials;
mod demo;
mod drain;
mod entrance;
mod farewell;
mod front;
mod gateway;
mod hangup;
mod health;
mod identity;
mod leaf;
mod log;
mod program;
mod proof;
mod reload;
mod route;
mod run;
mod serve;
mod stack;
mod unread;

pub use drain::{Outcome, Shutdown};
pub use gateway::BuildError;
pub use leaf::LeafError;
pub use program::main_with;
pub use proof::NotInForce;
pub use run::{RunError, run, run_file};
pub use serve::BindError;
