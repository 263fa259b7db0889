//! When to take a stream up again that ended too early.

use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header as names};
use portcullis_mcp_jsonrpc::{Failure, FailureKind, header};

use super::session::Session;
use crate::body::Watched;
use crate::events::Events;
use crate::transport::Nature;

/// How often in a row a stream may be taken up and bring nothing new.
const MOST_IN_VAIN: u32 = 5;

/// The wait where the server names none, as browsers have it.
const WAIT: Duration = Duration::from_secs(1);

/// The shortest wait. A server that names none must not make a gateway spin.
const SHORTEST: Duration = Duration::from_millis(20);

/// The longest wait after attempts that failed.
const LONGEST: Duration = Duration::from_secs(30);

/// The longest wait that a server may ask for; one of days would be the end of the stream.
const LONGEST_ASKED: Duration = Duration::from_secs(600);

/// How long to wait before the first attempt.
fn first_wait(asked: Option<Duration>) -> Duration {
    asked.unwrap_or(WAIT).clamp(SHORTEST, LONGEST_ASKED)
}

/// Where a stream is to be taken up, and how often that has been tried in vain.
#[derive(Debug, Default)]
pub(super) struct Resume {
    after: Option<HeaderValue>,
    retry: Option<Duration>,
    in_vain: u32,
}

/// What became of an attempt to take up a stream.
pub(super) enum Resumed {
    /// It goes on.
    Stream(Box<Events>),
    /// The server does not know it, or not any more.
    Refused(StatusCode),
}

impl Resume {
    /// Remembers how far the stream has come. What is read of it is progress.
    pub(super) fn note(&mut self, events: &Events, is_news: bool) {
        let after = events.last_event_id();
        if is_news || (after.is_some() && after != self.after) {
            self.in_vain = 0;
        }
        self.after = after.or_else(|| self.after.take());
        self.retry = events.retry().or(self.retry);
    }

    /// Whether the server has said from where to go on.
    pub(super) fn is_possible(&self) -> bool {
        self.after.is_some()
    }

    /// Waits, and takes the stream up.
    ///
    /// # Errors
    ///
    /// The last failure, when too many attempts in a row were in vain.
    pub(super) async fn take_up(
        &mut self,
        session: &Session,
        nature: fn() -> Nature,
    ) -> Result<Resumed, Failure> {
        let mut last = None;
        let mut wait = first_wait(self.retry);
        loop {
            let broken_off =
                || Failure::new(FailureKind::Close).with_source("the stream ended without an answer");
            let Some(after) = self.after.clone().filter(|_| self.in_vain < MOST_IN_VAIN) else {
                return Err(last.unwrap_or_else(broken_off));
            };
            self.in_vain += 1;
            tokio::time::sleep(wait).await;
            match session.endpoint.resume(session.headers(), after, nature()).await {
                Ok(response) if is_stream(&response) => {
                    let events = Events::new(response.into_body(), session.endpoint.max_event);
                    return Ok(Resumed::Stream(Box::new(events)));
                }
                Ok(response) if !response.status().is_server_error() => {
                    return Ok(Resumed::Refused(response.status()));
                }
                Ok(response) => last = Some(crate::failure::of_status(response.status())),
                Err(failure) => last = Some(failure),
            }
            wait = wait.saturating_mul(2).min(LONGEST.max(wait));
        }
    }
}

/// Whether a response is an event stream.
pub(super) fn is_stream(response: &Response<Watched>) -> bool {
    let content_type = response.headers().get(names::CONTENT_TYPE);
    response.status() == StatusCode::OK && content_type.is_some_and(header::is_event_stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_can_ask_neither_for_a_storm_nor_for_days() {
        assert_eq!(first_wait(None), WAIT);
        assert_eq!(first_wait(Some(Duration::ZERO)), SHORTEST);
        assert_eq!(first_wait(Some(Duration::from_millis(3000))), Duration::from_millis(3000));
        assert_eq!(first_wait(Some(Duration::from_millis(86_400_000))), LONGEST_ASKED);
        assert_eq!(first_wait(Some(Duration::MAX)), LONGEST_ASKED);
    }
}
