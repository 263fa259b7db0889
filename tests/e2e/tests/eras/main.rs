//! Clients of both eras with servers of both eras, over HTTP and over pipes, through everything that lies between.
//!
//! ```text
//! client ── HTTP/1.1 ──▶ FrontLayer ─ Portal ─┬─ HttpUpstream ── HTTP/1.1 ──▶ server of 2025, or of 2026
//!                                             └─ StdioUpstream ── pipes ────▶ server of 2025, or of 2026
//! ```
//!
//! The client and the server share no code with what they test: they write and read JSON by its own parser.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod child;
mod client;
mod field;
mod gateway;
mod pairs;
mod server;
mod sessions;
mod several;
mod web;

use serde_json::Value;

/// Which MCP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// With `initialize`, a session, and requests to the client.
    Legacy,
    /// Without.
    Modern,
}

/// The member at the end of a path; null if there is none.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    value.pointer(path).unwrap_or(&Value::Null)
}
