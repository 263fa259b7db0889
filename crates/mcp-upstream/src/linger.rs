//! What becomes of a connection whose answer was read, but not its end.
//!
//! An answer in an event stream is over when its message is there, and many servers send the end of the body a moment
//! later. An HTTP/1.1 connection that is let go before it cannot be used again, so the next call would have to make a new
//! one. Waiting that moment is cheaper.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;

/// For how long a moment is. A client that leaves between two messages is noticed by the server this much later.
const MOMENT: Duration = Duration::from_millis(30);

/// How many bytes may come before the end. More than this is no end.
const SCRAPS: usize = 16 * 1024;

/// Reads on, in the background, for a moment.
pub(crate) fn linger<B>(mut body: B)
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
{
    // The end has often come with the answer; no task is needed to see that.
    let mut left = SCRAPS;
    let mut cx = Context::from_waker(Waker::noop());
    if poll_end(&mut body, &mut left, &mut cx).is_ready() {
        return;
    }
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    runtime.spawn(async move {
        let end = poll_fn(|cx| poll_end(&mut body, &mut left, cx));
        // Whether it came or not, the connection now goes where its state takes it.
        let _ = tokio::time::timeout(MOMENT, end).await;
    });
}

fn poll_end<B>(body: &mut B, left: &mut usize, cx: &mut Context<'_>) -> Poll<()>
where
    B: Body<Data = Bytes> + Unpin,
{
    loop {
        let Some(Ok(frame)) = std::task::ready!(Pin::new(&mut *body).poll_frame(cx)) else {
            return Poll::Ready(());
        };
        match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
            Some(less) => *left = less,
            None => return Poll::Ready(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http_body::Frame;
    use tokio::time::{Instant, Sleep, sleep};

    use super::*;

    /// Gives so many frames of 1 KiB, then ends after a wait; counts the polls and tells when it is dropped.
    struct Tail {
        frames: usize,
        wait: Option<Pin<Box<Sleep>>>,
        read: Arc<AtomicUsize>,
        _dropped: tokio::sync::mpsc::Sender<()>,
    }

    impl Body for Tail {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            if self.frames > 0 {
                self.frames -= 1;
                self.read.fetch_add(1, Ordering::Relaxed);
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; 1024])))));
            }
            match &mut self.wait {
                Some(wait) => wait.as_mut().poll(cx).map(|()| None),
                None => Poll::Ready(None),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waits_for_an_end_that_is_near_and_for_no_other() {
        let table = [
            ("the end is there", 1, 0, 1, 0),
            ("the end is near", 1, 10, 1, 10),
            ("the end is far", 1, 10_000, 1, 30),
            ("there is too much before the end", 1_000, 0, 17, 0),
        ];
        for (name, frames, wait, read, gone_after) in table {
            let (sender, mut dropped) = tokio::sync::mpsc::channel(1);
            let counter = Arc::new(AtomicUsize::new(0));
            let wait = (wait > 0).then(|| Box::pin(sleep(Duration::from_millis(wait))));
            let start = Instant::now();
            linger(Tail { frames, wait, read: Arc::clone(&counter), _dropped: sender });
            assert!(dropped.recv().await.is_none());
            assert_eq!(counter.load(Ordering::Relaxed), read, "{name}");
            let after = start.elapsed().as_millis();
            assert!((gone_after..=gone_after + 1).contains(&after), "{name}: {after}");
        }
    }
}
