//! A server of 2025 as a service that speaks 2026-07-28.

mod builder;
mod channel;
mod service;

pub use self::builder::{BuildError, LegacyUpstreamBuilder, Sharing};
pub use self::channel::{BoxFuture, Channel, ChannelError, Connect, Incoming, Outgoing};
pub use self::service::LegacyUpstream;
