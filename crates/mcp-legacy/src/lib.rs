//! MCP of 2025 at the edges: adapters that let clients and servers with sessions take part in MCP 2026-07-28.
//!
//! The [front] lets clients of 2024-11-05 to 2025-11-25 reach a service that speaks 2026-07-28 only; the [upstream] side
//! lets such a service be a server of those revisions. Nothing between the two ever sees a session. The front lets in what
//! the transport pages of the four revisions allow, and refuses what they forbid: requests without a session, sessions of
//! somebody else, answers to questions that nobody asked, batches where there are none.
//!
//! # Clients
//!
//! [`FrontLayer`](front::FrontLayer) stands where a [`DecodeLayer`] stands, and passes modern traffic on to the one that it
//! is given.
//!
//! ```
//! use http::{Request, StatusCode};
//! use portcullis_core::{Body, Kind, Principal};
//! use portcullis_mcp_jsonrpc::{Call, DecodeLayer, Failure, Fragment, Reply};
//! use portcullis_mcp_legacy::front::FrontLayer;
//! use portcullis_seal::{Key, KeyRing};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A service that knows 2026-07-28 and nothing else: it was never initialized, and holds no session.
//! let modern = tower::service_fn(async |call: Call| {
//!     assert_eq!(call.message().protocol_version(), Some("2026-07-28"));
//!     let result = match call.method() {
//!         "server/discover" => r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"ttlMs":0,"cacheScope":"public",
//!             "capabilities":{"tools":{}},"serverInfo":{"name":"demo","version":"1"}}"#,
//!         _ => r#"{"resultType":"complete","content":[]}"#,
//!     };
//!     Ok::<_, Failure>(Reply::result(call.id().unwrap(), &Fragment::parse(result).unwrap()))
//! });
//!
//! // The keys of the deployment: replicas that share them serve each other's sessions, and sessions outlive a restart.
//! let keys = KeyRing::new(vec![Key::generate()?])?;
//! let front = FrontLayer::new(DecodeLayer::new()).keys(keys).portal("acme").route("/mcp");
//! let service = ServiceBuilder::new().layer(front).service(modern);
//!
//! let post = |session: Option<&str>, principal: &str, body: &'static str| {
//!     let request = Request::post("http://localhost/mcp")
//!         .extension(Principal::new(Kind::User, principal)) // by the layer that authenticates
//!         .header("host", "localhost")
//!         .header("content-type", "application/json")
//!         .header("accept", "application/json, text/event-stream");
//!     match session {
//!         Some(session) => request.header("mcp-session-id", session),
//!         None => request,
//!     }
//!     .body(Body::from(body))
//!     .unwrap()
//! };
//! let initialize = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18",
//!     "capabilities":{},"clientInfo":{"name":"demo","version":"1"}}}"#;
//! let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{}}}"#;
//!
//! let opened = service.clone().oneshot(post(None, "alice", initialize)).await?;
//! let session = opened.headers()["mcp-session-id"].to_str()?;
//!
//! let answered = service.clone().oneshot(post(Some(session), "alice", call)).await?;
//! assert_eq!(answered.status(), StatusCode::OK);
//!
//! // A stolen id opens nothing, and says nothing.
//! let stolen = service.clone().oneshot(post(Some(session), "mallory", call)).await?;
//! assert_eq!(stolen.status(), StatusCode::NOT_FOUND);
//! # Ok(())
//! # }
//! ```
//!
//! Clients on standard input and output, of either era, are served by [`front::stdio::serve`].
//!
//! | what a client of 2025 does | what becomes of it |
//! |---|---|
//! | `initialize` | `server/discover` inside; the answer comes with a session id that holds what a session needs, sealed |
//! | a request | the same request of 2026-07-28, with what the client declared at `initialize` |
//! | gives input on the stream of a call | inside, the call was answered with `input_required` and is made again |
//! | `logging/setLevel`, `resources/subscribe` | held here, and declared with each request |
//! | GET | `subscriptions/listen`, opened again whenever the subscriptions change |
//! | loses its connection | the call goes on for a while; what came in between is replayed to who comes back |
//! | DELETE | the id opens nothing any more |
//!
//! # Servers
//!
//! [`LegacyUpstream`](upstream::LegacyUpstream) stands where a server stands: the innermost service there is, on a transport
//! that somebody else provides. An example that runs is at [`upstream`].
//!
//! | what a call of 2026-07-28 does | what a server of 2025 sees |
//! |---|---|
//! | the first one of a client | `initialize` with what that client declares, once |
//! | a request | the same request under an id and progress token of its own |
//! | `server/discover` | nothing; it was said at `initialize` |
//! | comes again with `inputResponses` | answers to what it had asked; the call was waiting meanwhile |
//! | wants the log from some level on | `logging/setLevel`, when the session's level is not verbose enough |
//! | `subscriptions/listen` | `resources/subscribe`, once per resource; the rest comes on the session's own stream |
//! | nobody reads the reply any more | `notifications/cancelled`, or `tasks/cancel` |
//! | calls a tool that must be a task | a task, and a wait for its result |
//!
//! # What it trusts and cannot see
//!
//! The front authenticates nobody: who a session belongs to is the [`Principal`](portcullis_core::Principal) that a layer
//! outside has put into the request's extensions. Without one, whoever holds the id holds the session. It trusts whoever
//! holds the keys. What changes in a session - log level, subscriptions, events to be replayed, that it was deleted - is in
//! the memory of one process: behind several replicas a load balancer should send a session to the same one, and where it
//! does not, the session works and these are lost.
//!
//! # Its place in a stack
//!
//! Outside of the front: TLS, authentication, rate limits per connection. Inside: everything that looks at messages, which
//! sees calls of 2026-07-28 whoever made them.
//!
//! # What it costs
//!
//! A modern request costs a look at its head. A legacy one costs opening its session id, a box, and what translating its
//! message takes. A session that is idle and holds nothing costs nothing; one that holds something less than a kilobyte, and
//! one with an open stream of notifications about eight. Events that may be asked for again are kept up to bounds per
//! stream, and for all clients together; they share the bytes that were sent.
//!
//! # Features
//!
//! None.
//!
//! [`DecodeLayer`]: portcullis_mcp_jsonrpc::DecodeLayer

pub mod front;
pub mod upstream;
