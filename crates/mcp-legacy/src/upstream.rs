//! A server of 2025 as a service that speaks 2026-07-28.
//!
//! [`LegacyUpstream`] takes calls of MCP 2026-07-28 and speaks to a server of 2024-11-05, 2025-03-26, 2025-06-18 or
//! 2025-11-25. A server that wants another version is refused. The transport is a [`Channel`], which a [`Connect`] opens.
//!
//! ```
//! use std::sync::Arc;
//! use futures_util::{FutureExt, StreamExt, stream};
//! use portcullis_core::Principal;
//! use portcullis_mcp_jsonrpc::{Call, Failure, Fragment, Id, Message};
//! use portcullis_mcp_legacy::upstream::{
//!     BoxFuture, Channel, ChannelError, Connect, Incoming, LegacyUpstream, Outgoing,
//! };
//! use tower::ServiceExt;
//!
//! /// A server of 2025 in memory; a real one is behind HTTP or a child process.
//! struct Echo;
//!
//! impl Channel for Echo {
//!     fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Incoming, ChannelError>> {
//!         let Some(id) = outgoing.message.id() else { return async { Ok(stream::empty().boxed()) }.boxed() };
//!         let result = match outgoing.message.method() {
//!             Some("initialize") => r#"{"protocolVersion":"2025-06-18","capabilities":{"tools":{}}}"#,
//!             _ => r#"{"content":[]}"#,
//!         };
//!         let answer = Message::from_result(id, &Fragment::parse(result).unwrap());
//!         async { Ok(stream::iter([Ok(answer)]).boxed()) }.boxed()
//!     }
//!     fn listen(&self) -> BoxFuture<'_, Result<Option<Incoming>, ChannelError>> {
//!         async { Ok(None) }.boxed()
//!     }
//!     fn negotiated(&self, _: &str) {}
//!     fn close(&self) -> BoxFuture<'_, ()> {
//!         async {}.boxed()
//!     }
//! }
//!
//! impl Connect for Echo {
//!     fn connect<'a>(&'a self, _: Option<&'a Principal>) -> BoxFuture<'a, Result<Arc<dyn Channel>, Failure>> {
//!         async { Ok(Arc::new(Echo) as Arc<dyn Channel>) }.boxed()
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let upstream = LegacyUpstream::builder(Echo).name("echo").build().unwrap();
//!
//! let call = |method, params| {
//!     Call::new(Message::from_request(&Id::from(1), method, &Fragment::parse(params).unwrap()))
//! };
//! let mut reply = upstream.clone().oneshot(call("tools/call", r#"{"name":"echo"}"#)).await.unwrap();
//! let answer = reply.next().await.unwrap().unwrap();
//! assert_eq!(answer.result(), Some(&br#"{"resultType":"complete","content":[]}"#[..]));
//!
//! // The session is nobody's but the gateway's: what would meddle with it is unknown here.
//! let mut reply = upstream.oneshot(call("logging/setLevel", "{}")).await.unwrap();
//! assert_eq!(reply.next().await.unwrap().unwrap().error_code(), Some(-32601));
//! # }
//! ```
//!
//! # Sessions
//!
//! A session begins with the first call that needs it and is shared by all calls of one principal whose client declares
//! the same capabilities; these, and no others, are what the server is told. It ends when it was idle for some time, and
//! is begun again, once per call, when the server has forgotten it.
//!
//! # What the server asks
//!
//! When the server asks something during a call that may ask for input, the call ends with `input_required` and the
//! legacy call is parked until the client comes back with its answers. Meanwhile the server's pings are answered, its
//! questions can be withdrawn, and a little of what else it says is kept; then nobody reads, and the transport holds it
//! back. The `requestState` is sealed, good once, for the same call of the same principal, in the same process.
//!
//! An error that demands visits to pages (-32042, of 2025-11-25) becomes the same to a client that declares URL
//! elicitation. That call is over, so there is no state; the client's next one is a call like the first. Whoever declines
//! gets the error.
//!
//! What comes without a hint to which call it belongs goes to the only call that it can belong to. Among several it goes
//! to the latest if all are of one verified principal, and to nobody otherwise.
//!
//! # What changes
//!
//! Servers are not held to what they declare. Many say `listChanged: false`, or nothing of `subscribe`, and yet tell of
//! changes and take subscriptions, and a client that speaks to them directly gets these. `server/discover` repeats what the
//! server declared, but a subscription is acknowledged for every list that the server has, which means: what it tells of
//! this is passed on. Resources are acknowledged unless the server refuses to watch them. A kind of which the server has
//! nothing is not acknowledged and never told.
//!
//! What is told in one session of a principal's reaches all subscriptions of that principal's, because many a server tells
//! only the session in which something was done, and a gateway may listen in another.
//!
//! # What it trusts and cannot see
//!
//! It trusts an authentication layer outside to have put a [`Principal`](portcullis_core::Principal) on the call, and the
//! channel to carry that principal's credentials, if the server wants any. It judges no content.
//!
//! # What it costs
//!
//! An idle session costs about three kilobytes and what its channel takes. A translated message is copied once and read twice, lists of tools three times. A call holds its request until it is
//! answered, in case it must be sent again. Nothing waits in unbounded numbers: see the setters of
//! [`LegacyUpstreamBuilder`]. What a server says faster than it is read meets the channel's back-pressure if it belongs
//! to a call by the transport's word, and is dropped otherwise, with a line in the log.

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
