mod body;
mod events;
mod layer;
mod rejection;
mod respond;
mod service;
#[cfg(test)]
mod tests;

pub use self::layer::DecodeLayer;
pub use self::rejection::Rejection;
pub use self::service::{Decode, DecodeFuture};
