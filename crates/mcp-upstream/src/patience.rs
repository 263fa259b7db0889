//! How long to wait for what a server sends to a request in a session.

use std::time::Duration;

use portcullis_mcp_jsonrpc::Failure;
use tokio::time::{Instant, timeout_at};

use crate::failure;
use crate::timeout::{Limits, Stage};

/// The time that one request has, over all the connections and streams its answer may take to come.
#[derive(Debug)]
pub(crate) struct Patience {
    limits: Limits,
    until: Option<Instant>,
}

impl Patience {
    pub(crate) fn new(limits: Limits) -> Self {
        let mut patience = Self { limits, until: None };
        patience.renew();
        patience
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Starts anew: the server has asked something, and the time its client takes to answer is not the server's.
    pub(crate) fn renew(&mut self) {
        self.until = self.limits.total.and_then(|total| Instant::now().checked_add(total));
    }

    /// Waits until the time is up, and no longer than the stage may take, if it has a limit of its own.
    pub(crate) async fn wait<F: Future>(
        &self,
        stage: Option<(Stage, Duration)>,
        future: F,
    ) -> Result<F::Output, Failure> {
        let stage = stage.and_then(|(stage, limit)| Some((Instant::now().checked_add(limit)?, stage)));
        let total = self.until.map(|until| (until, Stage::Total));
        let Some((at, stage)) = stage.into_iter().chain(total).min_by_key(|&(at, _)| at) else {
            return Ok(future.await);
        };
        timeout_at(at, future).await.map_err(|_| failure::of_stage(stage))
    }
}
