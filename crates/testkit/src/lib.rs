//! What the tests of every Portcullis crate share: services that follow a script, and the contract each layer keeps.
//!
//! Nothing here is published, and nothing here sleeps: whatever waits does so in tokio's paused time, whatever has to
//! happen "later" happens after a turn of the scheduler. A test that fails says so by a panic, as tests do.
//!
//! | to do this | use |
//! |---|---|
//! | write a valid MCP request, or one that is wrong in one place | [`Ask`] |
//! | stand in for everything behind a layer | [`Scripted`], with [`Act`]s for a script |
//! | know what it was asked, and what was dropped | [`Probe`], [`Watch`] |
//! | send a body in awkward pieces, or never finish it | [`ScriptedBody`] |
//! | read a reply or a response to its end | [`read`] |
//! | compare what goes over the wire with a file | [`golden`] |
//! | sign tokens, right ones and wrong ones | [`idp`] |
//! | hold a layer to what all layers promise | [`contract`] |
//!
//! ```
//! use portcullis_mcp_jsonrpc::DecodeLayer;
//! use portcullis_testkit::{Act, Ask, Scripted, read};
//! use tower::{Layer, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let server = Scripted::always(Act::stream().notify(r#"{"progress":1}"#).then_result(r#"{"content":[]}"#));
//! let probe = server.probe();
//!
//! let response = DecodeLayer::new().layer(server).oneshot(Ask::tool("echo").http()).await.unwrap();
//!
//! let (_, body) = read::response(response).await;
//! assert_eq!(read::events(&body).len(), 2);
//! assert_eq!(probe.calls()[0].name(), Some("echo"));
//! # }
//! ```
#![expect(clippy::expect_used, clippy::panic, reason = "a test says that it failed by a panic")]

mod act;
mod ask;
mod body;
pub mod contract;
pub mod golden;
pub mod idp;
pub mod read;
mod service;
mod watch;

pub use act::Act;
pub use ask::Ask;
pub use body::ScriptedBody;
pub use service::{Probe, Scripted, ScriptedFuture};
pub use watch::{Guard, Watch};
