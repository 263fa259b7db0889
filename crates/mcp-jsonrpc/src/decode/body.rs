//! A request's body, whole and within its bounds.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::Body;
use portcullis_core::BoxError;

use super::rejection::Rejection;
use crate::collect::{self, Uncollected};

pub(super) async fn read<B>(body: B, limit: usize, patience: Duration) -> Result<Bytes, Rejection>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    match tokio::time::timeout(patience, collect::collect(pin!(body), limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(Uncollected::Oversize)) => Err(Rejection::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("The message is larger than {limit} bytes."),
        )),
        Ok(Err(Uncollected::Broken(_))) => {
            Err(Rejection::new(StatusCode::BAD_REQUEST, "The body broke off before it was complete."))
        }
        Err(_) => Err(Rejection::new(StatusCode::REQUEST_TIMEOUT, "The body took too long to arrive.")),
    }
}
