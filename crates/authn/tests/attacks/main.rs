//! Each test names an attack and shows it refused, from the request to the answer; and that the same request without the
//! flaw gets in, so that the flaw is what it was refused for.
#![allow(unreachable_pub, reason = "modules of a test")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

#[path = "../support/mod.rs"]
mod support;

mod biscuits;
mod callers;
mod headers;
mod issuers;
mod proofs;
mod proxies;
mod tokens;
mod world;
