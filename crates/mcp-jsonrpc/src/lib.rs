//! Codec between HTTP and MCP messages, as a pair of tower layers.
