//! Many MCP servers as one: a message-level `tower` service that routes calls, merges lists, and keeps what may be
//! kept.
//!
//! A [`Portal`] passes a call to the one server that it is for, and answers itself what concerns them all: the lists
//! of tools, prompts, resources and templates, `server/discover` and `subscriptions/listen`. It refuses names and URIs
//! that nobody has or, where names are not prefixed, that more than one server has; cursors that are not its own;
//! `Mcp-Param-*` headers that do not say what a tool's arguments say; a `requestState` that was given to somebody else
//! or to another request; what a server asks for and its client did not declare; and methods that no one server can be
//! asked.
//!
//! ```
//! use portcullis_mcp_jsonrpc::{Call, Failure, Fragment, Id, Message, Reply};
//! use portcullis_portal::{Portal, Server};
//! use tower::{Service, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A server that says which tool it was called for.
//! let echo = service_fn(|call: Call| async move {
//!     let text = format!(r#"{{"resultType":"complete","content":[],"tool":"{}"}}"#, call.name().unwrap_or(""));
//!     let result = Fragment::parse(text).map_err(|error| Failure::from_error(error.into()))?;
//!     Ok::<_, Failure>(Reply::result(call.id().unwrap_or(&Id::from(0)), &result))
//! });
//! let mut portal = Portal::builder("acme")
//!     .server(Server::new("github", echo)?)
//!     .server(Server::new("jira", echo)?)
//!     .build()?;
//!
//! let call = |name: &str| {
//!     let params = Fragment::parse(format!(r#"{{"name":"{name}","arguments":{{}}}}"#))?;
//!     Ok::<_, portcullis_mcp_jsonrpc::MessageError>(Call::new(Message::from_request(&Id::from(1), "tools/call", &params)))
//! };
//! let reply = portal.ready().await?.call(call("jira_search")?).await?;
//! let answer = reply.as_single().and_then(|message| message.result()).unwrap_or_default();
//! assert!(answer.ends_with(br#""tool":"search"}"#));
//!
//! // Nobody has a tool of this name.
//! let reply = portal.ready().await?.call(call("search")?).await?;
//! assert_eq!(reply.as_single().and_then(|message| message.error_code()), Some(-32602));
//! # Ok(())
//! # }
//! ```
//!
//! # Names
//!
//! A tool or prompt `search` of server `github` is `github_search` to clients, by [`Namespace`]: always, where it is
//! needed, or never. Ids hold no underscore, so the first one splits the name again, and under [`Namespace::Always`] a
//! call is routed without any list. URIs are never changed: a resource belongs to the first server that lists it, or
//! that has a template for it. What more than one server has is told in the `_meta` of the lists, under
//! `io.portcullis/collisions`.
//!
//! A resource `ui://…` (MCP Apps) that nobody lists belongs to the first server with a tool that names it as its user
//! interface. A method of an extension that the portal does not know goes by its `params.name` under
//! [`Namespace::Always`], if that has a server's prefix. All else passes to a lone server under [`Namespace::Never`], and
//! is unknown everywhere else; `server/discover` says so too, and tells of the extensions `io.modelcontextprotocol/tasks`
//! and `io.modelcontextprotocol/ui` only.
//!
//! # If a server asks for input
//!
//! A server that answers `input_required` hands its client a `requestState`, which comes back on the retry. The client
//! gets it sealed with the portal's [`keys`](Builder::keys): it opens for the same principal, at the same server, for the
//! same method, name and arguments, and for as long as [`Builder::state_lifetime`] says. The server gets its own text
//! back, byte for byte; whatever else comes is answered with -32602 and never reaches a server. Arguments count as the
//! same whatever the order of their members and the spelling of their strings, while numbers must be spelled alike. A
//! state may be used any number of times: a server that grants something once has to see to that itself.
//!
//! A server that asks for what the call's `clientCapabilities` do not declare would hang its client, which gets -32021
//! instead, with what is missing in `data.requiredCapabilities`. The same holds for the questions of a task, and for a
//! task that nobody declared to understand.
//!
//! # Tasks
//!
//! A task `7` of server `github` is `github_7` to clients, wherever its id is told or asked for; only a lone server under
//! [`Namespace::Never`] keeps its ids. Any replica finds the server again, since nothing is remembered. Task ids are no
//! secrets kept by the portal: who may see a task is for its server to say.
//!
//! # If a server fails
//!
//! The others are listed and served. Lists name the servers that could not be asked under `io.portcullis/unavailable`
//! and serve what these listed last for [a while](Builder::max_stale); [`Portal::health`] and the logs tell the
//! operator. A call to the server itself fails with its [`Failure`](portcullis_mcp_jsonrpc::Failure).
//!
//! # What is kept, and for whom
//!
//! Lists and descriptions are kept for as long as a server's `ttlMs` says, or until it announces a change. What it
//! marks `public` serves everyone; all else serves only callers whose whole
//! [`Principal`](portcullis_core::Principal) is equal. Many who ask at once ask the server once.
//!
//! # Who shares a stream
//!
//! Clients whose whole `Principal` is equal and who ask one server for the same notifications share one
//! `subscriptions/listen` there; callers without a principal are one class of their own. The stream is the portal's own
//! request: of a client go along the call's extensions and nothing else, and since a layer inside may find the caller's
//! credentials there, a stream that broke is opened again with those of whoever joined last. It stays open while anyone
//! listens. A client that is too slow for what comes gets, in place of what it missed, one notification for everything
//! that may have changed. A filter with members that only a server which stands alone understands is passed on as it
//! came, on a stream of the client's own; so is one that names tasks, to the servers that made them. What a task did
//! while such a stream was broken is not told again, and has to be asked for.
//!
//! # What it trusts and cannot see
//!
//! It trusts whoever wrote the `Principal` into the call's extensions, and a server's word that a list is public
//! ([`Server::per_principal`] does not). Two callers without a principal are one to it, whatever their headers say, so
//! put authentication outside of a portal whose servers answer by user. It knows MCP 2026-07-28 only: adapters for older
//! servers belong inside a [`Server`]'s service.
//!
//! # Its place in a stack
//!
//! Innermost of the message layers; outside of it is what decides and records, so that it sees the names that clients
//! see. Inside it, per server, is what speaks to that server: timeouts, credentials, the encoder.
//!
//! # What it costs
//!
//! A `tools/call` under [`Namespace::Always`]: one copy of the message to cut the prefix off, one box for the server's
//! future, and one more if the reply is a stream; no lock and no lookup but for tools with `x-mcp-header`. The bytes of
//! a request that may be answered with questions stay in memory until it is answered. A call that came without headers
//! looks for its server's tools, and waits for them if this caller's were never read: a server may want arguments
//! mirrored, and refuses a call that does not do so. A merged list is composed once for each state of its parts and
//! copied for each answer. A client that listens costs some four hundred bytes, and two hundred more for each further
//! server; an open stream of a server costs a task and some four kilobytes besides its connection. A clone of the
//! portal is a pointer.
//!
//! Everything is bounded: items and pages of a list, callers and bytes that are kept, calls and streams at one server,
//! those that wait, and each wait. The setters of [`Builder`] and [`Server`] name the limits.
//!
//! # Features
//!
//! None.

mod ask;
mod asked;
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
mod headers;
mod health;
mod input;
mod kind;
mod limit;
mod list;
mod listen;
mod merge;
mod names;
mod owner;
mod parts;
mod reference;
mod refuse;
mod resolve;
mod route;
mod service;
mod shared;
mod shelf;
mod state;
mod task;
mod template;
mod trouble;
mod watch;

pub use builder::{Builder, Server};
pub use error::BuildError;
pub use future::ResponseFuture;
pub use health::{Health, LastFailure, ServerHealth};
pub use names::{Collision, Namespace};
pub use service::Portal;
