//! Legacy clients that come over Streamable HTTP.

mod batch;
mod connection;
mod deleted;
mod entry;
mod get;
mod layer;
mod outbox;
mod post;
mod refuse;
mod route;
mod service;
mod shared;
mod source;
mod stream;
mod table;
mod token;

pub use self::layer::FrontLayer;
pub use self::service::{Front, FrontFuture};
