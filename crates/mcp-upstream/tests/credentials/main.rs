//! What the gateway proves with, towards servers, that it may call: from the token endpoint to every kind of request.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod callers;
mod endpoint;
mod eras;
mod issuer;
mod secrets;
mod shared;
#[path = "../support/mod.rs"]
mod support;
