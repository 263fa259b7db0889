//! A server of 2025 as a service that speaks 2026-07-28.

mod channel;

pub use self::channel::{BoxFuture, Channel, ChannelError, Connect, Incoming, Outgoing};
