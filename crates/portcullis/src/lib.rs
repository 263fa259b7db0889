//! Tower layers that govern how AI agents reach tools and models: one crate, a feature per layer.
//!
//! Nothing is allowed or refused in here. Each module is a crate of its own, re-exported under the name of the feature
//! that turns it on; whoever needs a single layer may depend on its crate alone and pulls in nothing else of this
//! workspace but the codec.
//!
//! ```toml
//! [dependencies]
//! portcullis = { version = "0.1", features = ["mcp-jsonrpc", "portal"] }
//! ```
//!
//! | feature | module | what it answers |
//! |---|---|---|
//! | always there | [`core`] | the words every layer shares: who asks, what was decided, what a message says |
//! | `authn` | `authn` | who is calling: tokens, certificates, scopes; with Biscuit tokens and client certificates |
//! | `fetch` | `fetch` | how the layers get keys and tokens from elsewhere, under bounds |
//! | `mcp-jsonrpc` | `mcp_jsonrpc` | HTTP to messages and back, by every rule of MCP's Streamable HTTP |
//! | `mcp-legacy` | `mcp_legacy` | clients and servers of 2025, which know sessions |
//! | `mcp-upstream` | `mcp_upstream` | one MCP server as a service, over HTTP or as a child process |
//! | `portal` | `portal` | many MCP servers as one |
//! | `seal` | `seal` | tokens that only the one they were made for can bring back |
//!
//! ```
//! use portcullis::core::{Kind, Principal};
//!
//! let principal = Principal::new(Kind::User, "alice");
//! assert!(!principal.is_in("finance"), "nobody is in a group by default");
//! assert!(principal.with_group("finance").is_in("finance"));
//! ```
//!
//! # What it trusts, its place in a stack, what it costs
//!
//! Each module's own page says so. The facade adds nothing to a call.
//!
//! # Features
//!
//! As in the table; `full` turns on all of them. None is on by default, and none changes what another one does.

#[cfg(feature = "authn")]
#[doc(inline)]
pub use portcullis_authn as authn;
#[doc(inline)]
pub use portcullis_core as core;
#[cfg(feature = "fetch")]
#[doc(inline)]
pub use portcullis_fetch as fetch;
#[cfg(feature = "mcp-jsonrpc")]
#[doc(inline)]
pub use portcullis_mcp_jsonrpc as mcp_jsonrpc;
#[cfg(feature = "mcp-legacy")]
#[doc(inline)]
pub use portcullis_mcp_legacy as mcp_legacy;
#[cfg(feature = "mcp-upstream")]
#[doc(inline)]
pub use portcullis_mcp_upstream as mcp_upstream;
#[cfg(feature = "portal")]
#[doc(inline)]
pub use portcullis_portal as portal;
#[cfg(feature = "seal")]
#[doc(inline)]
pub use portcullis_seal as seal;
