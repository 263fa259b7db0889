//! hyper, set up by the limits.

use std::pin::pin;
use std::time::Duration;

use hyper::rt::{Read, Write};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::Serve;
use crate::config::Limits;

/// How connections are served.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    one: http1::Builder,
    two: http2::Builder<TokioExecutor>,
    patience: Duration,
}

impl Http {
    pub(crate) fn new(limits: &Limits) -> Self {
        let mut one = http1::Builder::new();
        one.timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_header_size(usize::try_from(limits.max_header_size).unwrap_or(usize::MAX));
        let mut two = http2::Builder::new(TokioExecutor::new());
        two.timer(TokioTimer::new())
            .max_concurrent_streams(limits.max_streams)
            .max_header_list_size(limits.max_header_size)
            // A peer that is gone without a word is found out; its streams would stay for ever otherwise.
            .keep_alive_interval(limits.header_timeout)
            .keep_alive_timeout(limits.header_timeout);
        Self { one, two, patience: limits.header_timeout }
    }

    /// How long a peer may take to say the first word.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Serves HTTP/1.1. Once the drain begins the connection ends after the answer that is under way.
    pub(crate) async fn serve_one<I, S>(&self, io: I, service: S, drain: &CancellationToken)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Serve,
    {
        let mut connection = pin!(self.one.serve_connection(TokioIo::new(io), service));
        let outcome = tokio::select! {
            biased;
            outcome = connection.as_mut() => outcome,
            () = drain.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        note(outcome);
    }

    /// Serves HTTP/2. Once the drain begins the connection takes no further requests.
    pub(crate) async fn serve_two<I, S>(&self, io: I, service: S, drain: &CancellationToken)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        TokioIo<I>: Read + Write,
        S: Serve,
    {
        let mut connection = pin!(self.two.serve_connection(TokioIo::new(io), service));
        let outcome = tokio::select! {
            biased;
            outcome = connection.as_mut() => outcome,
            () = drain.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        note(outcome);
    }
}

/// Clients break off all the time; it is worth a line only to whoever looks for one.
fn note(outcome: hyper::Result<()>) {
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection ended early");
    }
}
