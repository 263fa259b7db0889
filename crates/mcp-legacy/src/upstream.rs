//! A server of 2025 as a service that speaks 2026-07-28.

mod answer;
mod builder;
mod capabilities;
mod channel;
mod edit;
mod exchange;
mod flight;
mod hello;
mod inbox;
mod level;
mod listen;
mod lot;
mod open;
mod pool;
mod request;
mod route;
mod service;
mod session;
mod subscriptions;

pub use self::builder::{BuildError, LegacyUpstreamBuilder, Sharing};
pub use self::channel::{BoxFuture, Channel, ChannelError, Connect, Incoming, Outgoing};
pub use self::service::LegacyUpstream;
