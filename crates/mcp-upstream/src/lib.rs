//! One MCP server behind HTTP, as a `tower` service that takes a [`Call`] and gives a [`Reply`].
//!
//! What answers the call is let through: JSON or an event stream, in time and within its size. Everything else is a
//! [`Failure`]: no connection, silence, an answer to another call, too many bytes, no MCP at all, a redirect, and the
//! server's `401` or `403`, which concern the gateway and not the client.
//!
//! For a server that is a child process there is [`StdioUpstream`], which says of itself what this page says of HTTP.
//!
//! Callers speak 2026-07-28. The server may speak that, or any earlier revision: [which](#eras) is found out.
//!
//! ```
//! use portcullis_core::Secret;
//! use portcullis_mcp_jsonrpc::{Call, FailureKind, Fragment, Id, Message};
//! use portcullis_mcp_upstream::{Era, HealthState, HttpUpstream};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let address = listener.local_addr()?;
//! # tokio::spawn(async move {
//! #     // A server that knows the answers to two calls, and is gone then.
//! #     for result in [
//! #         r#"{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2026-07-28"],"capabilities":{}}}"#,
//! #         r#"{"jsonrpc":"2.0","id":2,"result":{"tools":[]}}"#,
//! #     ] {
//! #         let (mut socket, _) = listener.accept().await.unwrap();
//! #         let _ = socket.read(&mut [0; 4096]).await;
//! #         let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n";
//! #         let answer = format!("{head}content-length: {}\r\n\r\n{result}", result.len());
//! #         socket.write_all(answer.as_bytes()).await.unwrap();
//! #     }
//! # });
//! let upstream = HttpUpstream::builder(&format!("http://{address}/mcp"))?
//!     .bearer(Secret::new("s3cr3t"))?
//!     .build()?;
//!
//! let call = |id, method| Call::new(Message::from_request(&Id::from(id), method, &Fragment::empty()));
//! let reply = upstream.clone().oneshot(call(1, "server/discover")).await?;
//! assert!(reply.as_single().and_then(Message::result).is_some());
//! assert_eq!(upstream.era(), Some(Era::Modern));
//!
//! let reply = upstream.clone().oneshot(call(2, "tools/list")).await?;
//! assert_eq!(reply.as_single().and_then(Message::result), Some(&br#"{"tools":[]}"#[..]));
//! assert_eq!(upstream.health().state(), HealthState::Up);
//!
//! // The server is gone, and after two retries nobody pretends otherwise.
//! let failure = upstream.clone().oneshot(call(3, "tools/list")).await.unwrap_err();
//! assert_eq!(failure.kind(), FailureKind::Unreachable);
//! assert_eq!(upstream.health().state(), HealthState::Degraded);
//! # Ok(()) }
//! ```
//!
//! # Eras
//!
//! | [`Era`] | revisions | spoken |
//! |---|---|---|
//! | [`Modern`](Era::Modern) | 2026-07-28 | the call as it is, a POST each |
//! | [`Legacy`](Era::Legacy) | 2025-03-26 to 2025-11-25 | a session of [`LegacyUpstream`], over Streamable HTTP |
//! | [`Sse`](Era::Sse) | 2024-11-05 | a session of [`LegacyUpstream`], over HTTP+SSE |
//!
//! Unless it is [said](HttpUpstreamBuilder::era), the first call finds out: `server/discover` is asked, and a result, or
//! an error that modern servers alone give, settles it. Anything else that says no is answered with `initialize`, and if
//! that is refused with `400`, `404` or `405`, with a GET for HTTP+SSE. A server that answers in modern words, and lists
//! revisions of the past but not 2026-07-28, is spoken to in those. Failures - no connection, `5xx`, silence, `401` -
//! settle nothing: the call fails, and the next one asks again. What was found out holds until the server says something that
//! does not fit it; then it is asked once more, and a call that the server has not looked at is made anew.
//!
//! A server that answers `server/discover` with `5xx` or with silence must have its era said.
//!
//! A modern server may hold sessions as well. The first call that was translated from what a legacy client sent
//! ([`LegacyClient`](portcullis_mcp_jsonrpc::LegacyClient)) asks it to, once, and if it does, such clients are served in
//! sessions and all others are not. One that refuses, or names no session, is modern to everybody.
//!
//! | legacy server | what becomes of it |
//! |---|---|
//! | forgets the session (`404`, or `400` and a word about it) | a new session, and the call is made again |
//! | closes the stream of a call early | it is taken up after the last event, when the server said |
//! | answers on the stream of the GET | is heard |
//! | names an endpoint of another origin (HTTP+SSE) | [`Garbage`](portcullis_mcp_jsonrpc::FailureKind::Garbage): secrets go to one origin |
//!
//! # What goes out, and what never does
//!
//! The message's bytes, the protocol's headers made from them, the headers that were [injected](HttpUpstreamBuilder::header),
//! and the server's [credentials](#credentials).
//! Of what the client sent, only `Mcp-Param-*` goes on: no `Authorization`, no cookie, no extension. Redirects are
//! not followed, so the injected secrets go to the one server they are for.
//!
//! # Credentials
//!
//! [`Credentials`] say what the gateway proves with that it may call: nothing, a secret, a token of its own, or a token for
//! each caller. They go with every request there is:
//!
//! | request | on behalf of |
//! |---|---|
//! | a call, in whichever era | its caller |
//! | the question which era it is | the caller whose call asks it |
//! | `initialize`, the GET of a session, `DELETE`, answers to the server's questions | the session's principal, by the token they came with last |
//!
//! Where each caller has a token of their own, no session has two principals, and what nobody has asked for is not sent.
//! A call without a verified caller fails with [`Reject`](portcullis_mcp_jsonrpc::FailureKind::Reject), as one does whose
//! caller the issuer refuses: the log names the OAuth error, and the client gets no `401` that would send it to sign in
//! with a server that is none of its business.
//!
//! ```
//! use portcullis_core::{Kind, Principal, Secret, SubjectToken};
//! use portcullis_mcp_jsonrpc::{Call, FailureKind, Fragment, Id, Message};
//! use portcullis_mcp_upstream::{Credentials, Era, HttpUpstream, OAuthClient, SecretSource, TokenExchange};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! # async fn play(answers: &'static [&'static str]) -> std::net::SocketAddr {
//! #     let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
//! #     let address = listener.local_addr().unwrap();
//! #     tokio::spawn(async move {
//! #         for answer in answers {
//! #             let (mut socket, _) = listener.accept().await.unwrap();
//! #             let mut read = Vec::new();
//! #             while !String::from_utf8_lossy(&read).contains("Bearer for-alice") && !read.ends_with(b"files") {
//! #                 if socket.read_buf(&mut read).await.unwrap() == 0 { return; }
//! #             }
//! #             let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n";
//! #             let answer = format!("{head}content-length: {}\r\n\r\n{answer}", answer.len());
//! #             socket.write_all(answer.as_bytes()).await.unwrap();
//! #         }
//! #     });
//! #     address
//! # }
//! # let issuer = play(&[r#"{"access_token":"for-alice","token_type":"Bearer","expires_in":300,"issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}"#]).await;
//! # let issuer = portcullis_fetch::Endpoint::insecure_http(&format!("http://{issuer}/token"))?;
//! # let files = format!("http://{}/mcp", play(&[r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#]).await);
//! let gateway = OAuthClient::basic("gateway", SecretSource::plain(&Secret::new("s3cr3t"))?)?;
//! let exchange = TokenExchange::new(issuer, gateway).audience("files");
//! let upstream = HttpUpstream::builder(&files)?
//!     .era(Era::Modern)
//!     .credentials(Credentials::exchange(exchange)?)
//!     .build()?;
//!
//! // An authentication layer puts these two into the extensions.
//! let mut call = Call::new(Message::from_request(&Id::from(1), "tools/list", &Fragment::empty()));
//! call.extensions_mut().insert(Principal::new(Kind::User, "alice"));
//! call.extensions_mut().insert(SubjectToken::new(Secret::new("of-alice")));
//! let reply = upstream.clone().oneshot(call).await?;
//! assert!(reply.as_single().and_then(Message::result).is_some());
//!
//! // Without, there is nobody to call for.
//! let call = Call::new(Message::from_request(&Id::from(2), "tools/list", &Fragment::empty()));
//! let failure = upstream.oneshot(call).await.unwrap_err();
//! assert_eq!(failure.kind(), FailureKind::Reject);
//! # Ok(()) }
//! ```
//!
//! # When something breaks
//!
//! | what | the call | the [`Circuit`] |
//! |---|---|---|
//! | no connection | [`Unreachable`](portcullis_mcp_jsonrpc::FailureKind::Unreachable), after [`Retries`] | counts |
//! | the circuit is open | [`Unreachable`](portcullis_mcp_jsonrpc::FailureKind::Unreachable), at once | - |
//! | the connection breaks | [`Close`](portcullis_mcp_jsonrpc::FailureKind::Close); reads are tried again | counts |
//! | time runs out | [`Timeout`](portcullis_mcp_jsonrpc::FailureKind::Timeout) | counts |
//! | no HTTP, or a head that is too large | [`Garbage`](portcullis_mcp_jsonrpc::FailureKind::Garbage), [`Oversize`](portcullis_mcp_jsonrpc::FailureKind::Oversize) | counts |
//! | `502`, `503`, `504`, other `5xx` without JSON | by the codec's table | counts |
//! | `429` | [`Overload`](portcullis_mcp_jsonrpc::FailureKind::Overload) | does not count |
//! | `401`, `403` | [`Reject`](portcullis_mcp_jsonrpc::FailureKind::Reject); after a `401`, once more if there is another credential | does not count |
//! | no credential: nobody to call for, or the issuer refuses | [`Reject`](portcullis_mcp_jsonrpc::FailureKind::Reject) | does not count |
//! | no credential: the issuer is gone, mute, busy, or makes no sense | as if it were the server | does not count |
//! | `3xx`, other statuses, no MCP, another id | [`Garbage`](portcullis_mcp_jsonrpc::FailureKind::Garbage) | does not count |
//! | an answer or event over its limit | [`Oversize`](portcullis_mcp_jsonrpc::FailureKind::Oversize) | does not count |
//! | an error of JSON-RPC | is an answer | does not count |
//!
//! # What it trusts and cannot see
//!
//! It trusts the URL, and those of token endpoints: whoever configures them decides where calls, secrets and callers'
//! tokens go. It does not see when a caller's own token ends or is revoked: the layer that verifies callers does, and
//! what was had for the token goes out with no more calls once that layer lets none through. A session's own messages
//! may still carry it until the session has been [idle](HttpUpstreamBuilder::session_idle) for long enough, and the token
//! no longer than it lasts.
//!
//! It trusts the certificates of the operating system and those that were
//! [added](HttpUpstreamBuilder::extra_root_certificates), and the name server. It does not know which calls a principal
//! may make, and believes that the methods of MCP which only read do only read.
//!
//! # Its place in a stack
//!
//! It is a leaf: everything else is outside. Limit there how many calls run at once; the service itself is always ready.
//!
//! # What it costs
//!
//! A JSON answer is held whole, up to [its limit](HttpUpstreamBuilder::max_answer); of a stream, one event. Per call: the
//! codec's box, the HTTP client's box, and one timer that serves every limit; a stream has a box more. That the era was
//! found out and not said costs a modern call one atomic load and a small allocation. A clone counts references. `cargo bench -p portcullis-mcp-upstream` sets a call next to one of the bare HTTP client.
//!
//! A secret that never changes costs what a header costs. A token of the gateway's that is held costs one atomic load, a
//! look at the clock, and what it takes to make the call once more (its headers, copied): about 1 µs. That of a caller
//! costs the digest of their own token besides: about 4 µs in all for one of 1 KiB. For each of at most
//! [`max_callers`](Credentials::max_callers) callers their token is held, and where there are sessions their own besides.
//! `cargo bench -p portcullis-mcp-upstream --bench credentials` tells.
//!
//! After the answer of a stream the connection is read for up to 30 ms more, so that it can be used again. A client
//! that leaves while it waits for a message is noticed by the server at once, one that leaves between two that much later.
//!
//! # Features
//!
//! None.
//!
//! [`Call`]: portcullis_mcp_jsonrpc::Call
//! [`LegacyUpstream`]: portcullis_mcp_legacy::upstream::LegacyUpstream
//! [`Failure`]: portcullis_mcp_jsonrpc::Failure
//! [`Reply`]: portcullis_mcp_jsonrpc::Reply

mod auto;
mod body;
mod builder;
mod channels;
mod circuit;
mod client;
mod config;
mod credentials;
mod dial;
mod direct;
mod duplex;
mod endpoint;
mod era;
mod error;
mod events;
mod exchange;
mod failure;
mod health;
mod legacy;
mod linger;
mod patience;
mod probe;
mod retry;
mod service;
mod sse;
#[cfg(unix)]
mod stdio;
mod timeout;
mod tls;
mod transport;

pub use builder::{HttpUpstreamBuilder, HttpVersion};
pub use circuit::Circuit;
pub use credentials::{
    ClientCredentials, ClientKey, Credentials, IdJag, OAuthClient, SecretSource, TokenEndpoint,
    TokenExchange, TokenType,
};
pub use era::Era;
pub use error::BuildError;
pub use health::{Health, HealthState};
pub use retry::Retries;
pub use service::{HttpUpstream, UpstreamFuture};
#[cfg(unix)]
pub use stdio::{ProcessLimits, Processes, StdioFuture, StdioUpstream, StdioUpstreamBuilder};
