//! Small documents from identity providers, fetched within bounds of time and size.
//!
//! What is fetched are key sets, metadata, and the answers of token endpoints: a few kilobytes each, from servers that
//! an operator has named. The answer is allowed to have any status; it must arrive in time, within its size, and from
//! the very address asked: a redirect is an answer like any other and is not followed.

mod endpoint;
mod error;
mod fetch;
mod form;
mod metadata;
mod watched;

pub use endpoint::{Endpoint, EndpointError};
pub use error::FetchError;
pub use fetch::{BoxFuture, Fetch};
pub use form::Form;
pub use metadata::{DiscoverError, ServerMetadata, discover};
pub use watched::{WatchError, Watched};
