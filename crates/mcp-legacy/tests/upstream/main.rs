//! The legacy upstream against a scripted server, in both styles of transport.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod calls;
mod client;
mod hostile;
mod listen;
mod pages;
mod parking;
mod server;
mod sessions;
mod unsolicited;
