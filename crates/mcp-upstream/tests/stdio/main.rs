//! Servers that are child processes: modern, legacy and bad ones.

#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod attack;
mod bad;
mod child;
mod left_behind;
mod legacy;
mod modern;
mod patience;
mod support;
mod surroundings;
