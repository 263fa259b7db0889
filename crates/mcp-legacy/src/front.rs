//! Clients of 2025 in front of a service that speaks 2026-07-28.

mod client;
mod exchange;
mod flow;
mod http;
mod initialize;
mod inner;
mod limits;
mod listen;
mod session;
pub mod stdio;
mod translate;
mod version;

pub(crate) use self::client::Client;
pub(crate) use self::exchange::exchange;
pub use self::http::{ChangeStream, Front, FrontFuture, FrontLayer};
pub(crate) use self::initialize::initialize;
pub use self::limits::Limits;
pub(crate) use self::listen::listen;
pub use self::session::Level;
pub(crate) use self::session::Session;
pub use self::version::Version;
