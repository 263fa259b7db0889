//! A body as one run of bytes, under a limit.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use portcullis_core::BoxError;

/// Why a body could not be collected.
#[derive(Debug)]
pub(crate) enum Uncollected {
    /// It has more bytes than allowed. What was read is gone.
    Oversize,
    /// It broke off.
    Broken(BoxError),
}

/// Reads a body to its end. One that comes in a single frame is not copied; all others are copied once.
pub(crate) async fn collect<B>(mut body: Pin<&mut B>, limit: usize) -> Result<Bytes, Uncollected>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(Uncollected::Oversize);
    }
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.map_err(|error| Uncollected::Broken(error.into()))?;
        // Trailers say nothing that MCP knows of.
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + all.len() + data.len() > limit {
            return Err(Uncollected::Oversize);
        }
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.reserve(announced.max(first.len() + data.len()));
            all.extend_from_slice(&first);
            first = Bytes::new();
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}
