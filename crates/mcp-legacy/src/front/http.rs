//! Legacy clients that come over Streamable HTTP.

mod answer;
pub(super) mod batch;
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
pub(super) mod source;
mod stream;
mod table;
mod token;

pub use self::get::ChangeStream;
pub use self::layer::FrontLayer;
pub(super) use self::post::{addressed, is_modern};
pub use self::service::{Front, FrontFuture};
