//! Codec between HTTP and MCP messages, as a pair of tower layers.

pub mod guard;
pub mod header;
pub mod sse;
