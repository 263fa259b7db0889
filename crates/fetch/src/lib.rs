//! Small documents from identity providers, fetched within bounds of time and size.
//!
//! What is fetched are key sets, metadata, and the answers of token endpoints: a few kilobytes each, from servers that
//! an operator has named. An answer may have any status; it must come in time, within its size, and from the very
//! address asked. A redirect is an answer like any other and is not followed: it could name an address inside the
//! operator's network. URLs are `https` unless somebody asked for less by name, and what a server names in turn is
//! held to the same.
//!
//! ```
//! use portcullis_fetch::{Endpoint, HttpFetch, discover};
//!
//! # async fn start(pem: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//! let fetch = HttpFetch::builder().extra_root_certificates(pem)?.build()?;
//! let issuer = Endpoint::new("https://127.0.0.1:1")?;
//!
//! // Nobody listens there, and the error says so.
//! let error = discover(&fetch, &issuer).await.unwrap_err();
//! assert!(error.to_string().contains("127.0.0.1 cannot be reached"));
//!
//! // Without TLS, anybody on the way could hand in keys of their own.
//! assert!(Endpoint::new("http://127.0.0.1:1").is_err());
//! # Ok(())
//! # }
//! # let pem = rcgen::generate_simple_self_signed(["login.internal".to_owned()])?.cert.pem();
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(start(pem.as_bytes()))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it trusts and cannot see
//!
//! It trusts the roots of the operating system and those that are added, the names that DNS gives, and the operator who
//! names servers: addresses are not filtered. It does not judge what a document says, metadata aside, which must be that
//! of the very issuer asked. Whoever writes a [`Fetch`] of their own promises the bounds of time and size.
//!
//! Errors name the host and what went wrong, never what was sent.
//!
//! # Its place
//!
//! Below every crate that talks to identity providers: one [`HttpFetch`] serves a whole process, as an `Arc<dyn Fetch>`.
//! How often something is fetched, and what serves when nothing comes, is for the caller to say; a file that is kept up
//! to date is a [`Watched`].
//!
//! # What it costs
//!
//! A request and its answer are held in memory whole, up to the limit (one mebibyte by default) for each of at most 32
//! exchanges at a time. Two idle connections are kept for each server, for half a minute. Cloning copies a pointer.
//!
//! # Features
//!
//! None.

mod endpoint;
mod error;
mod fetch;
mod form;
mod http;
mod metadata;
mod watched;

pub use self::http::{HttpFetch, HttpFetchBuilder, HttpFetchError};
pub use endpoint::{Endpoint, EndpointError};
pub use error::FetchError;
pub use fetch::{BoxFuture, Fetch};
pub use form::Form;
pub use metadata::{DiscoverError, ServerMetadata, discover};
pub use watched::{WatchError, Watched};
