//! The MCP request headers.
