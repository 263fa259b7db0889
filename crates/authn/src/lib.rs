//! Who is calling: no request gets further without a verified [`Principal`](portcullis_core::Principal).
//!
//! [`AuthnLayer`] makes any HTTP service an OAuth 2.1 resource server as MCP 2026-07-28 demands (Authorization), for tokens
//! of several kinds. A request passes if it shows one credential, in its headers or by its connection; if the first
//! [`Verifier`] that knows this kind finds it good for this very service; if what is known about the caller meets
//! [`Require`]; and if the caller has the scopes that everything needs. The service inside finds the `Principal` in the
//! request's extensions, and the credential is gone from the headers. Everything else is answered here:
//!
//! | a request | gets |
//! |---|---|
//! | without a credential | `401` and a challenge that says where the metadata is and which scopes to ask for |
//! | with one that is malformed, forged, expired, revoked, or for another service | `401`, `invalid_token`, and not a word why |
//! | whose token is bound to a key, without a good proof | `401`, `invalid_dpop_proof` |
//! | whose caller signed in too weakly or too long ago | `401`, `insufficient_user_authentication` (RFC 9470) |
//! | with two credentials, one in the URL, or one that is too long | `400`, `invalid_request` |
//! | of somebody whom [`Require`] does not admit | `403` |
//! | with too few scopes | `403`, `insufficient_scope`, and all the scopes that it takes |
//! | that cannot be judged now, because an issuer is away | `503` and `Retry-After` |
//! | for the metadata, at either well-known path | the metadata (RFC 9728), to everybody |
//!
//! # Verifiers
//!
//! | | judges |
//! |---|---|
//! | [`JwtVerifier`] | signed access tokens of one issuer (RFC 9068), by keys that are discovered, fetched, read or given |
//! | [`IntrospectionVerifier`] | opaque tokens, by asking their issuer (RFC 7662) |
//! | [`ServiceTokens`] | names and secrets of machines |
//! | `ClientCertificates` | certificates, of the connection or from a trusted proxy; feature `client-cert` |
//! | `biscuit::BiscuitVerifier` | Biscuit tokens, which agents narrow down and hand on; feature `biscuit` |
//!
//! # Examples
//!
//! The least: one issuer, whose keys are known.
//!
//! ```
//! use http::{Request, StatusCode};
//! use portcullis_authn::{AuthnLayer, Jwks, JwtVerifier, Keys, Resource};
//! use portcullis_core::{Body, Principal};
//! # use portcullis_testkit::idp::{self, SigningKey};
//! # use serde_json::json;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let key = SigningKey::es256();
//! # let keys = idp::jwks(&[&key]);
//! let keys = Keys::fixed(Jwks::parse(keys.as_bytes())?);
//! let verifier = JwtVerifier::builder("https://login.example.com", keys).build()?;
//! let authn = AuthnLayer::builder(Resource::new("https://mcp.example.com/mcp")?).verifier(verifier).build()?;
//!
//! let service = ServiceBuilder::new().layer(authn).service(service_fn(async |request: Request<Body>| {
//!     let principal: &Principal = request.extensions().get().ok_or("nobody got in")?;
//!     Ok::<_, &str>(http::Response::new(Body::from(principal.subject().to_owned())))
//! }));
//!
//! # let now = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
//! # let token = |audience: &str| key.sign(json!({ "typ": "at+jwt" }), json!({ "iss": "https://login.example.com",
//! #     "sub": "alice", "aud": audience, "client_id": "c", "jti": "1", "iat": now, "exp": now + 60 }));
//! let ask = |token: String| {
//!     Request::post("/mcp").header("authorization", format!("Bearer {token}")).body(Body::empty())
//! };
//! let passed = service.clone().oneshot(ask(token("https://mcp.example.com/mcp"))?).await?;
//! assert_eq!(passed.status(), StatusCode::OK);
//!
//! // A good token of the same issuer, for another service.
//! let refused = service.oneshot(ask(token("https://mail.example.com"))?).await?;
//! assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
//! assert!(refused.headers()["www-authenticate"].to_str()?.contains(
//!     "https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
//! ));
//! # Ok(())
//! # }
//! ```
//!
//! Configured: people come with tokens of an issuer whose keys are found by discovery, machines with a secret; everybody
//! from the office, and all of them in one group. One tool takes more scopes, which only a layer at the message level can
//! check; so there are two.
//!
//! ```
//! use std::sync::Arc;
//!
//! use http::{Request, StatusCode};
//! use portcullis_authn::{
//!     AuthnLayer, JwtVerifier, Keys, Networks, Require, Resource, Scopes, ServiceEntry, ServiceSecret,
//!     ServiceTokens, StoredSecret,
//! };
//! use portcullis_core::{Body, Peer};
//! use portcullis_fetch::{Endpoint, HttpFetch};
//! use portcullis_mcp_jsonrpc::{Call, DecodeLayer, Failure, Fragment, Id, Reply};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! const ISSUER: &str = "https://login.example.com/realms/staff";
//! let keys = Keys::discover(Endpoint::new(ISSUER)?, Arc::new(HttpFetch::builder().build()?));
//! let people = JwtVerifier::builder(ISSUER, keys).build()?;
//! let secret = ServiceSecret::generate()?;
//! let nightly = ServiceEntry::new("nightly", StoredSecret::parse(secret.stored())?);
//! let machines = ServiceTokens::new([nightly.group("finance").scope("mcp")])?;
//!
//! let (authn, permit) = AuthnLayer::builder(Resource::new("https://mcp.example.com/mcp")?)
//!     .verifier(people)
//!     .verifier(machines)
//!     .networks(Networks::new().trusted_proxy("10.0.0.1/32")?.named("office", ["192.0.2.0/24"])?)
//!     .require(Require::new().any_group(["finance"])?.networks(["office"])?)
//!     .scopes(Scopes::new().base(["mcp"])?.tool("ledger_*", ["ledger:write"])?)
//!     .build_with_permit()?;
//! let service = ServiceBuilder::new()
//!     .layer(authn) // who is calling, before the body is read
//!     .layer(DecodeLayer::new()) // requests become messages
//!     .layer(permit) // whether they may do this
//!     .service_fn(async |call: Call| {
//!         let id = call.id().cloned().unwrap_or_else(|| Id::from(0));
//!         Ok::<_, Failure>(Reply::result(&id, &Fragment::empty()))
//!     });
//!
//! let call = |address: &str, tool: &str| {
//!     let body = format!(
//!         r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{}},"_meta":{{
//!             "io.modelcontextprotocol/protocolVersion":"2026-07-28",
//!             "io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
//!     );
//!     let request = Request::post("/mcp")
//!         .extension(Peer { address: "10.0.0.1:4711".parse().unwrap() }) // by whoever accepts connections
//!         .header("x-forwarded-for", address)
//!         .header("portcullis-client-id", "nightly")
//!         .header("portcullis-client-secret", secret.secret().expose())
//!         .header("host", "localhost")
//!         .header("content-type", "application/json")
//!         .header("accept", "application/json, text/event-stream")
//!         .header("mcp-protocol-version", "2026-07-28")
//!         .header("mcp-method", "tools/call")
//!         .header("mcp-name", tool);
//!     service.clone().oneshot(request.body(Body::from(body)).unwrap())
//! };
//! assert_eq!(call("192.0.2.7", "weather").await?.status(), StatusCode::OK);
//!
//! let refused = call("192.0.2.7", "ledger_post").await?;
//! assert_eq!(refused.status(), StatusCode::FORBIDDEN);
//! assert!(refused.headers()["www-authenticate"].to_str()?.contains(r#"scope="mcp ledger:write""#));
//! // Not from the office.
//! assert_eq!(call("198.51.100.1", "weather").await?.status(), StatusCode::FORBIDDEN);
//! # Ok(())
//! # }
//! ```
//!
//! An axum server is protected by `examples/axum.rs`.
//!
//! # What it trusts and cannot see
//!
//! It trusts its issuers, with everything they say; the clock; whoever accepts connections, to tell the truth about the
//! [`Peer`](portcullis_core::Peer) and the [`ClientCertificate`] that it puts into the extensions; and, of proxies, those
//! that are [named](Networks::trusted_proxy) and no others.
//!
//! It cannot see that a token was stolen, unless it is bound to a key ([`Dpop`]) or a certificate. A signed token that its
//! issuer revokes is good until it expires, or until a [`Require::max_token_age`]; an opaque one is asked about anew after
//! [a time](IntrospectionVerifierBuilder::cache_for); a Biscuit stops with the list of revocations. It does not end TLS, and
//! does not read bodies: what a header says of method and tool only makes a challenge more useful, and permits nothing.
//!
//! An admission ends at the very second in which the token does. A stream that waits for changes ends within a second of
//! it; a call under way is finished.
//!
//! # Its place in a stack
//!
//! Outermost of all that costs anything: who has no business here is sent away before the body is read. Outside of it
//! belong limits of connections and of requests per address, and whatever puts the `Peer` into the extensions. Inside come
//! the exchange of tokens (`ExchangeLayer`), the decoder, then [`PermitLayer`] before all else that judges messages. A
//! layer of another's or a handler asks for more scopes by a [`Refusal`](portcullis_core::Refusal) in the extensions of a
//! `403`: the challenge is added on its way out.
//!
//! A request that is refused never reaches the inner service; the readiness it had is given back when the instance is
//! dropped or called again.
//!
//! # What it costs
//!
//! For a credential that is known: a SHA-256 of it, a look into a cache and a clone of the `Principal`, some hundred
//! nanoseconds, without an allocation but those of the request's extensions. For a new one what its verifier takes: tens of
//! microseconds for a signature, a round trip for an introspection. Verdicts are kept up to
//! [a number of bytes](AuthnBuilder::max_cached_bytes), under digests: credentials themselves are not, unless tokens are
//! [handed on](AuthnBuilder::hand_on_tokens). Denials are kept for a moment, in a cache of their own, so that a flood of bad
//! credentials pushes out no good one. Bodies are not buffered. Cloning a layer or a service copies a pointer.
//!
//! # Features
//!
//! None is on by default, and each only adds.
//!
//! * `biscuit`: Biscuit tokens, their attenuation by agents, and the endpoint that mints them.
//! * `client-cert`: identity from client certificates.

mod audience;
#[cfg(feature = "biscuit")]
pub mod biscuit;
mod body;
mod challenge;
mod client_cert;
mod credential;
mod denial;
mod dpop;
mod error;
#[cfg(feature = "biscuit")]
mod exchange;
mod future;
mod gate;
mod introspect;
mod jwk;
mod jws;
mod jwt;
mod keys;
mod layer;
mod metadata;
mod network;
mod permit;
mod present;
mod require;
mod resource;
mod scopes;
mod service;
mod service_token;
mod verdicts;
mod verifier;
mod watch;

pub use audience::Audience;
pub use body::ResponseBody;
pub use challenge::{Challenges, Rejection};
pub use client_cert::{CertificateHeader, CertificateHeaderError};
#[cfg(feature = "client-cert")]
pub use client_cert::{CertificateRule, CertificateRuleError, ClientCertificates};
pub use credential::{ClientCertificate, Credential};
pub use denial::{Denial, DenialKind, StepUp};
pub use dpop::{Dpop, MemoryReplays, Proof, Remembered, Replays};
pub use error::ConfigError;
#[cfg(feature = "biscuit")]
pub use exchange::{ExchangeFuture, ExchangeLayer, ExchangeService};
pub use future::ResponseFuture;
pub use introspect::{IntrospectionVerifier, IntrospectionVerifierBuilder};
pub use jwk::{Algorithm, JwkError, Jwks, PublicKey};
pub use jwt::{ClaimMap, JwtVerifier, JwtVerifierBuilder};
pub use keys::{Freshness, Keys, KeysError};
pub use layer::{AuthnBuilder, AuthnLayer};
pub use metadata::{Metadata, MetadataDocument};
pub use network::{ForwardedHeader, Networks, NetworksError, Source};
pub use permit::{Allowed, Permit, PermitFuture, PermitLayer};
pub use require::{Require, RequireError};
pub use resource::Resource;
pub use scopes::Scopes;
pub use service::Authn;
pub use service_token::{ServiceEntry, ServiceSecret, ServiceTokenError, ServiceTokens, StoredSecret};
pub use verifier::{Allowance, Binding, BoxFuture, Verified, Verifier};
