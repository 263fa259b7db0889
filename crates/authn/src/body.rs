use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::watch::{Watch, Watched};

pin_project! {
    /// The body of a response: the one of the service inside, or the layer's own.
    ///
    /// It costs no allocation. Where one type is wanted, [`portcullis_core::Body`] is made from it with `From`.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = Projected]
    #[derive(Debug)]
    enum Kind<B> {
        Inner { #[pin] body: B },
        Watched { #[pin] body: B, watch: Watch },
        Own { bytes: Bytes },
    }
}

impl<B> ResponseBody<B> {
    pub(crate) fn inner(body: B) -> Self {
        Self { kind: Kind::Inner { body } }
    }

    /// A body that ends when what opened it does.
    pub(crate) fn watched(body: B, watch: Watch) -> Self {
        Self { kind: Kind::Watched { body, watch } }
    }

    pub(crate) fn own(bytes: Bytes) -> Self {
        Self { kind: Kind::Own { bytes } }
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            Projected::Inner { body } => body.poll_frame(cx),
            Projected::Watched { body, watch } => match watch.poll(cx) {
                Watched::Holds => body.poll_frame(cx),
                Watched::Waits => Poll::Pending,
                Watched::Over => Poll::Ready(None),
            },
            Projected::Own { bytes } if bytes.is_empty() => Poll::Ready(None),
            Projected::Own { bytes } => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } | Kind::Watched { body, .. } => body.is_end_stream(),
            Kind::Own { bytes } => bytes.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Watched { .. } => SizeHint::default(),
            Kind::Own { bytes } => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}

impl From<ResponseBody<Self>> for portcullis_core::Body {
    fn from(body: ResponseBody<Self>) -> Self {
        match body.kind {
            Kind::Inner { body } => body,
            Kind::Own { bytes } => bytes.into(),
            watched @ Kind::Watched { .. } => Self::new(ResponseBody { kind: watched }),
        }
    }
}
