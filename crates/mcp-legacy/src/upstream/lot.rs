//! Where calls wait that the server has asked something during, until their client answers.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use portcullis_mcp_jsonrpc::code;
use portcullis_seal::{self as seal, KeyRing};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::flight::Flight;

/// Bytes of what is sealed: the instance, the number and the expiry.
const INSTANCE: usize = 16;

/// Calls that wait for their client. A task for each answers what the server's machine wants to know meanwhile, and keeps
/// a little of what it says.
pub(super) struct Lot {
    keys: KeyRing,
    /// Tells this process from others with the same keys: a number means nothing to them.
    instance: [u8; INSTANCE],
    /// When time began.
    epoch: Instant,
    max: usize,
    timeout: Duration,
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    next: u64,
    parked: HashMap<u64, Parked>,
}

struct Parked {
    expiry: Instant,
    place: Arc<Place>,
    tender: AbortHandle,
}

/// Where a call is until somebody takes it.
struct Place(Mutex<Option<Box<Flight>>>);

impl Place {
    fn take(&self) -> Option<Box<Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn tend(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(flight) => flight.tend(cx),
            None => Poll::Ready(()),
        }
    }
}

impl Parked {
    fn new(expiry: Instant, flight: Box<Flight>) -> Self {
        let session = flight.session().clone();
        let place = Arc::new(Place(Mutex::new(Some(flight))));
        let tended = place.clone();
        let tender = session.spawn(async move { poll_fn(|cx| tended.tend(cx)).await });
        Self { expiry, place, tender }
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        self.tender.abort();
        // The task may live a little longer, and its call must not.
        drop(self.place.take());
    }
}

impl Lot {
    pub(super) fn new(keys: KeyRing, instance: [u8; INSTANCE], max: usize, timeout: Duration) -> Self {
        Self { keys, instance, epoch: Instant::now(), max, timeout, places: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A ticket for the next call to be parked, to be presented under the same context.
    ///
    /// None if there is no room, or no ticket can be made.
    pub(super) fn ticket(&self, context: &seal::Context) -> Option<(u64, String)> {
        let number = {
            let mut places = self.lock();
            if places.parked.len() >= self.max {
                return None;
            }
            places.next += 1;
            places.next
        };
        let expiry = self.millis(Instant::now() + self.timeout);
        let payload = [&self.instance[..], &number.to_le_bytes(), &expiry.to_le_bytes()].concat();
        Some((number, self.keys.seal(context, &payload).ok()?))
    }

    /// Parks a call, or gives it back if there is no room any more.
    pub(super) fn park(&self, number: u64, flight: Box<Flight>) -> Result<(), Box<Flight>> {
        let expiry = Instant::now() + self.timeout;
        let mut places = self.lock();
        if places.parked.len() >= self.max {
            return Err(flight);
        }
        places.parked.insert(number, Parked::new(expiry, flight));
        Ok(())
    }

    /// The call that a ticket is for. A ticket is good for one time, under its own context, until it expires.
    pub(super) fn take(&self, context: &seal::Context, ticket: &str) -> Option<Box<Flight>> {
        let payload = self.keys.open(context, ticket)?;
        let (instance, rest) = payload.split_first_chunk::<INSTANCE>()?;
        let (number, rest) = rest.split_first_chunk()?;
        let expiry = u64::from_le_bytes(*rest.first_chunk()?);
        if *instance != self.instance || self.millis(Instant::now()) >= expiry {
            return None;
        }
        let taken = self.lock().parked.remove(&u64::from_le_bytes(*number));
        taken.and_then(|parked| parked.place.take())
    }

    /// Gives up the calls whose clients did not come back in time.
    pub(super) fn expire(&self) {
        let now = Instant::now();
        let expired: Vec<_> = self.lock().parked.extract_if(|_, parked| parked.expiry <= now).collect();
        for flight in expired.into_iter().filter_map(|(_, parked)| parked.place.take()) {
            tracing::info!("a call is given up whose client did not answer in time");
            for question in &flight.questions {
                flight.session().refuse(
                    &question.id,
                    code::INTERNAL_ERROR,
                    "the client did not answer in time",
                );
            }
        }
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX)
    }
}
