//! How long to wait for what a server sends to a request in a session.

use std::time::Duration;

use futures_util::StreamExt;
use portcullis_mcp_jsonrpc::{Failure, Message};
use portcullis_mcp_legacy::upstream::{ChannelError, Incoming};
use tokio::time::{Instant, timeout_at};

use crate::duplex::{Duplex, Exchange};
use crate::failure;
use crate::timeout::Stage;

/// The time that one request has, over all the connections and streams its answer may take to come.
#[derive(Debug)]
pub(crate) struct Patience {
    total: Option<Duration>,
    until: Option<Instant>,
}

impl Patience {
    pub(crate) fn new(total: Option<Duration>) -> Self {
        let mut patience = Self { total, until: None };
        patience.renew();
        patience
    }

    /// Starts anew: the server has asked something, and the time its client takes to answer is not the server's.
    pub(crate) fn renew(&mut self) {
        self.renew_from(Some(Instant::now()));
    }

    fn renew_from(&mut self, start: Option<Instant>) {
        self.until = start.zip(self.total).and_then(|(start, total)| start.checked_add(total));
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

/// What comes to one request on a channel that is everybody's. The channel's silence says nothing of one request, so the
/// request has limits of its own.
///
/// Nor does a question of the server's say which request it is about, so it lets the time of all start anew, and so does
/// its answer.
pub(crate) struct Timed {
    pub(crate) exchange: Exchange,
    pub(crate) duplex: Duplex,
    pub(crate) patience: Patience,
    /// How long nothing at all may come.
    pub(crate) silence: Option<Duration>,
    /// The same once the server has asked something, and its client takes its time.
    pub(crate) parked: Option<Duration>,
}

impl Timed {
    /// The messages up to the answer, or to the first failure.
    pub(crate) fn into_incoming(self) -> Incoming {
        let asked = self.duplex.last_turn();
        Box::pin(futures_util::stream::unfold(Some((self, asked)), |state| async {
            let (mut timed, mut asked) = state?;
            let item = timed.next(&mut asked).await?;
            let goes_on = matches!(&item, Ok(message) if !message.is_answer());
            Some((item, goes_on.then_some((timed, asked))))
        }))
    }

    /// The next message; `asked` is when the server last asked or was answered, as far as that has been considered.
    async fn next(&mut self, asked: &mut Option<Instant>) -> Option<Result<Message, ChannelError>> {
        loop {
            let silence = self.silence.map(|limit| (Stage::Head, limit));
            let late = match self.patience.wait(silence, self.exchange.next()).await {
                Ok(item) => return item,
                Err(late) => late,
            };
            let turn = self.duplex.last_turn();
            if turn == *asked {
                return Some(Err(ChannelError::Failed(late)));
            }
            *asked = turn;
            self.patience.renew_from(turn);
            self.silence = self.parked;
        }
    }
}
