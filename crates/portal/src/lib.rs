//! Many MCP servers as one.

mod ask;
mod backend;
mod backoff;
mod builder;
mod catalogue;
mod class;
mod cursor;
mod discover;
mod error;
mod future;
#[doc(hidden)]
pub mod fuzzing;
mod health;
mod kind;
mod limit;
mod list;
mod listen;
mod merge;
mod names;
mod owner;
mod refuse;
mod resolve;
mod route;
mod service;
mod shared;
mod shelf;
mod template;
mod trouble;
mod watch;

pub use builder::{Builder, Server};
pub use error::BuildError;
pub use future::ResponseFuture;
pub use health::{Health, LastFailure, ServerHealth};
pub use names::{Collision, Namespace};
pub use service::Portal;
