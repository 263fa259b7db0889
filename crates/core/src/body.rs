use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;

use crate::BoxError;

/// An HTTP body of any origin, behind one concrete type.
///
/// Bytes at hand are held as they are; only a stream is boxed, and one that is a `Body` already is not boxed again.
/// Size hints and the end of the stream are those of the body inside, so a `Content-Length` survives. The type is `Send`
/// but not `Sync`: it takes any body that can be sent, and hyper needs no more.
///
/// ```
/// use http_body::Body as _;
/// use portcullis_core::Body;
///
/// assert_eq!(Body::from("hello").size_hint().exact(), Some(5));
/// assert!(Body::empty().is_end_stream());
/// ```
pub struct Body {
    inner: Inner,
}

enum Inner {
    Bytes(Bytes),
    Stream(UnsyncBoxBody<Bytes, BoxError>),
}

impl Body {
    /// A body without a byte.
    #[must_use]
    pub const fn empty() -> Self {
        Self { inner: Inner::Bytes(Bytes::new()) }
    }

    /// A body that takes its frames from another.
    pub fn new<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut slot = Some(body);
        if let Some(same) = (&mut slot as &mut dyn std::any::Any).downcast_mut::<Option<Self>>() {
            return same.take().unwrap_or_default();
        }
        match slot {
            Some(body) => Self { inner: Inner::Stream(body.map_err(Into::into).boxed_unsync()) },
            None => Self::empty(),
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self { inner: Inner::Bytes(bytes) }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.get_mut().inner {
            Inner::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            Inner::Bytes(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Inner::Stream(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Bytes(bytes) => bytes.is_empty(),
            Inner::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Stream(body) => body.size_hint(),
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Body");
        match &self.inner {
            Inner::Bytes(bytes) => shown.field("bytes", &bytes.len()),
            Inner::Stream(_) => shown.field("stream", &..),
        };
        shown.finish()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[test]
    fn forwards_the_size_and_the_end_of_what_it_holds() {
        let streamed = Body::new(Full::new(Bytes::from_static(b"abc")));
        assert!(matches!(streamed.inner, Inner::Stream(_)));
        assert_eq!(streamed.size_hint().exact(), Some(3));
        assert!(!streamed.is_end_stream());
        assert!(Body::new(Full::new(Bytes::new())).is_end_stream());
    }

    #[test]
    fn does_not_box_itself_twice() {
        assert!(matches!(Body::new(Body::from("abc")).inner, Inner::Bytes(_)));
    }

    #[test]
    fn is_send() {
        fn assert_send<T: Send>() {}
        assert_send::<Body>();
    }
}
