//! A reference MCP portal.
