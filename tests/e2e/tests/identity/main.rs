//! The portal with callers who have to say who they are, from discovery to what servers get to see.
//!
//! ```text
//! client ── HTTP or pipes ──▶ the portal, a process ── HTTP ──▶ a server that writes down what it gets
//!                                 │
//!                                 └── HTTP ──▶ the issuer: metadata, keys, token endpoint
//! ```
//!
//! Everything is on loopback, and everything between the ends is what a deployment runs.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod agents;
mod client;
mod discovery;
mod issuers;
mod outbound;
mod pipes;
mod policy;
mod portal;
mod reload;
mod sessions;
mod setup;
mod upstream;

pub(crate) use client::Client;
pub(crate) use portal::{Folder, Portal};
pub(crate) use setup::{AUDIENCE, Setup, authn, issuer};
pub(crate) use upstream::Upstream;
