//! MCP of 2025 at the edges: adapters for clients and servers that know sessions.
//!
//! Everything between the two adapters speaks MCP 2026-07-28 and never sees a session.

pub mod front;
pub mod upstream;
