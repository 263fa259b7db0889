use std::fmt::Debug;
use std::pin::Pin;

use bytes::Bytes;
use http::{Request, Response};

use crate::FetchError;

/// A future in a box, as traits need them.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Gets the answer to one request.
///
/// Whoever implements it keeps what the crate promises: an end in time, a body within a limit, no redirect followed.
pub trait Fetch: Debug + Send + Sync + 'static {
    /// Sends the request and waits for the whole answer, whatever its status.
    fn fetch(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, FetchError>>;
}
