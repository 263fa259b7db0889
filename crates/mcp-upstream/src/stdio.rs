//! One MCP server that runs as a child process.
//!
//! | file | what it knows |
//! |---|---|
//! | `command`, `limits`, `group` | how a process is started, bounded and surely ended |
//! | `lines`, `shown`, `output`, `process` | what goes in and out of one that runs |
//! | `backoff`, `nursery`, `pool` | when one is started, for whom, and how long it stays |
//! | `rewrite`, `logs`, `modern` | many calls of 2026-07-28 on one process |
//! | `probe`, `channel` | which era a process is of, and sessions of 2025 on it |

mod backoff;
mod builder;
mod channel;
mod command;
mod group;
mod limits;
mod lines;
mod logs;
mod modern;
mod nursery;
mod output;
mod pool;
mod probe;
mod process;
mod rewrite;
mod service;
mod settings;
mod shown;
mod stream;

pub use self::builder::{Processes, StdioUpstreamBuilder};
pub use self::limits::ProcessLimits;
pub use self::service::{StdioFuture, StdioUpstream};
