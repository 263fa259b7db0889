//! One MCP server as a tower service.
