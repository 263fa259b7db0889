//! The codec between HTTP and MCP messages: a pair of `tower` layers, and the types that travel between them.
//!
//! [`DecodeLayer`] lets in what the Streamable HTTP page of MCP 2026-07-28 allows and refuses the rest: wrong methods and
//! media types, foreign hosts and origins, bodies over a limit, JSON that two parsers could read differently, headers that
//! say something else than the body. [`EncodeLayer`] lets out what answers the call and refuses the rest.
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use portcullis_core::Body;
//! use portcullis_mcp_jsonrpc::{Call, DecodeLayer, EncodeLayer};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! // Any HTTP service that speaks MCP: an axum router, a hyper client, an rmcp server.
//! let existing = tower::service_fn(async |_: Request<Body>| {
//!     let response = Response::builder().header("content-type", "application/json");
//!     response.body(Body::from(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#))
//! });
//!
//! let governed = ServiceBuilder::new()
//!     .layer(DecodeLayer::new()) // HTTP -> messages
//!     .map_request(|call: Call| {
//!         assert_eq!((call.method(), call.name()), ("tools/call", Some("echo")));
//!         call
//!     })
//!     .layer(EncodeLayer::new()) // messages -> HTTP
//!     .service(existing);
//!
//! let request = |name| {
//!     Request::post("http://localhost/mcp")
//!         .header("host", "localhost")
//!         .header("content-type", "application/json")
//!         .header("accept", "application/json, text/event-stream")
//!         .header("mcp-protocol-version", "2026-07-28")
//!         .header("mcp-method", "tools/call")
//!         .header("mcp-name", name)
//!         .body(Body::from(
//!             r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{},"_meta":{
//!                 "io.modelcontextprotocol/protocolVersion":"2026-07-28",
//!                 "io.modelcontextprotocol/clientCapabilities":{}}}}"#,
//!         ))
//!         .unwrap()
//! };
//! let passed = governed.clone().oneshot(request("echo")).await.unwrap();
//! assert_eq!(passed.status(), StatusCode::OK);
//!
//! // What a load balancer reads in the header and what the server reads in the body must be one thing.
//! let refused = governed.oneshot(request("delete")).await.unwrap();
//! assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
//! # }
//! ```
//!
//! # The types in between
//!
//! | type | what it is |
//! |---|---|
//! | [`Message`] | one JSON-RPC message: its bytes, and where its parts lie |
//! | [`Call`] | a message from a client, with the HTTP head and what layers attached |
//! | [`Reply`] | the answer: a stream of messages that ends |
//! | [`ReplyTo`] | what is needed to answer a call that was passed on |
//! | [`Failure`] | what broke; a refusal is an answer, not a failure |
//! | [`Fragment`] | a JSON object that was checked once, to build messages from |
//!
//! A message that nobody changes leaves as the very bytes that came.
//!
//! # What it trusts and cannot see
//!
//! The codec authenticates nobody; it trusts a layer outside to have done so. It knows no tool's schema, so it passes
//! `Mcp-Param-*` headers on and leaves their check to whoever knows the tool ([`header::HeaderParams`]). It does not know
//! which methods exist.
//!
//! # Its place in a stack
//!
//! Outside of [`DecodeLayer`]: TLS, authentication, rate limits per connection. Inside: everything that looks at messages.
//! [`EncodeLayer`] is the innermost layer there is.
//!
//! # What it costs
//!
//! A request's body is held whole, up to a limit; of a reply, one message. A JSON body that arrives in one piece is not
//! copied, one that arrives in many is copied once. Two boxes per call for the futures of the two layers, one for a
//! streamed reply.
//!
//! # Features
//!
//! None.

mod call;
pub mod code;
mod collect;
mod decode;
mod encode;
mod failure;
pub mod guard;
pub mod header;
mod id;
mod message;
mod reply;
mod rules;
pub mod sse;

pub use call::{Call, LegacyClient, OnBehalf};
pub use decode::{Decode, DecodeFuture, DecodeLayer, Rejection};
pub use encode::{Encode, EncodeFuture, EncodeLayer};
pub use failure::{Failure, FailureKind};
pub use id::Id;
pub use message::{Flaw, Fragment, Kind, Message, MessageError, Part};
pub use reply::{Reply, ReplyTo};
pub use rules::{PROTOCOL_VERSION, check_meta};
