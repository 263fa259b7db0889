mod layer;
mod request;
mod response;
mod service;
#[cfg(test)]
mod tests;

pub use self::layer::EncodeLayer;
pub use self::service::{Encode, EncodeFuture};
