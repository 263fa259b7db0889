//! Asks the issuer about one token, within bounds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use portcullis_core::Secret;
use portcullis_fetch::{Endpoint, Fetch, Form};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::Denial;

/// The issuer's introspection endpoint, as one portal uses it.
///
/// Tokens that nobody has seen before cost a question each, and anybody can make such tokens up. So there is a most of
/// questions at once, and an endpoint that is away is left alone for a while: callers are refused at once and none waits
/// for an answer that will not come.
#[derive(Debug)]
pub(super) struct Desk {
    endpoint: Endpoint,
    fetch: Arc<dyn Fetch>,
    client_id: String,
    client_secret: Secret,
    places: Semaphore,
    pause: Duration,
    /// No question before this. When it is over, one asks, and pushes it further until there is an answer.
    paused_until: Mutex<Option<Instant>>,
}

/// How much the endpoint is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The most questions at once.
    pub(super) in_flight: usize,
    /// How long it is left alone after it could not be reached.
    pub(super) pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { in_flight: 64, pause: Duration::from_secs(2) }
    }
}

/// The longest that any question takes, whatever the transport promises.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest answer that is read. Claims are a few kilobytes.
const MAX_ANSWER: usize = 64 * 1024;

/// What callers wait when all places are taken; answers take less.
const BUSY: Duration = Duration::from_secs(1);

impl Desk {
    pub(super) fn new(
        endpoint: Endpoint,
        fetch: Arc<dyn Fetch>,
        client_id: String,
        client_secret: Secret,
        limits: Limits,
    ) -> Self {
        let places = Semaphore::new(limits.in_flight.min(Semaphore::MAX_PERMITS));
        Self {
            endpoint,
            fetch,
            client_id,
            client_secret,
            places,
            pause: limits.pause,
            paused_until: Mutex::new(None),
        }
    }

    /// The endpoint's answer about the token, which has to be read yet.
    pub(super) async fn ask(&self, token: &str) -> Result<Bytes, Denial> {
        self.may_ask()?;
        let Ok(_place) = self.places.try_acquire() else {
            return Err(Denial::unavailable(BUSY, "too many tokens are being introspected"));
        };
        // RFC 7662, section 2.1.
        let question = Form::new()
            .field("token", token)
            .field("token_type_hint", "access_token")
            .basic(&self.client_id, &self.client_secret)
            .post(&self.endpoint);
        let host = self.endpoint.host();
        match timeout(PATIENCE, self.fetch.fetch(question)).await {
            Ok(Ok(response)) => self.read(response),
            Ok(Err(error)) => Err(self.away(error.to_string())),
            Err(_) => Err(self.away(format!("{host} did not answer in time"))),
        }
    }

    fn read(&self, response: Response<Bytes>) -> Result<Bytes, Denial> {
        let host = self.endpoint.host();
        let status = response.status();
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let id = &self.client_id;
                tracing::warn!(%host, %status, client = %id, "introspection refuses the credentials of this portal");
                Err(self
                    .away(format!("{host} refuses the client {id:?}: its secret or its rights are wrong")))
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                Err(self.away(format!("{host} answers {status}")))
            }
            _ => {
                // It is there. Whatever else is wrong may be so for this token alone, and must not shut out the others.
                self.set_paused_until(None);
                let body = response.into_body();
                match status {
                    StatusCode::OK if body.len() <= MAX_ANSWER => Ok(body),
                    StatusCode::OK => Err(Denial::unavailable(BUSY, format!("{host} answers with too much"))),
                    _ => Err(Denial::unavailable(BUSY, format!("{host} answers {status}"))),
                }
            }
        }
    }

    fn may_ask(&self) -> Result<(), Denial> {
        let now = Instant::now();
        let mut until = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        match *until {
            Some(end) if now < end => {
                Err(Denial::unavailable(end - now, format!("{} was away a moment ago", self.endpoint.host())))
            }
            Some(_) => {
                *until = Some(now + self.pause);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn away(&self, detail: String) -> Denial {
        self.set_paused_until(Some(Instant::now() + self.pause));
        Denial::unavailable(self.pause, detail)
    }

    fn set_paused_until(&self, end: Option<Instant>) {
        *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }
}
