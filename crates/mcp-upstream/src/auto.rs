//! Which era a server is of, found out with the first call, remembered, and found out anew when it proves wrong.
//!
//! | state | a call goes |
//! |---|---|
//! | unknown | nowhere until `server/discover` is answered; one call asks, the others wait |
//! | modern | straight on, or to a session if the client is a legacy one and the server holds sessions too; an answer that no modern server gives makes the state doubtful |
//! | legacy, SSE | to the sessions; a server that refuses them in modern words is modern |
//!
//! A failure decides nothing: a server that cannot be reached has no era.

mod connect;
mod dispatch;
mod found;
mod verdict;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::Extensions;
use portcullis_mcp_jsonrpc::{Encode, Failure, Reply};
use portcullis_mcp_legacy::upstream::LegacyUpstream;
use tokio::sync::Mutex;
use tokio::time::Instant;

pub(crate) use self::connect::AutoConnect;
pub(crate) use self::found::Found;
use crate::duplex::Cause;
use crate::transport::{Transport, Witness};

/// How many doubts in a row are looked into.
const MOST_DOUBTS: u32 = 4;

/// How long it takes until one more may be.
const DOUBT_EVERY: Duration = Duration::from_secs(15);

/// A server of which it is to be found out what it speaks, and the two ways to speak to it.
#[derive(Clone)]
pub(crate) struct Auto {
    modern: Encode<Transport>,
    shared: Arc<Shared>,
}

struct Shared {
    legacy: LegacyUpstream,
    found: Arc<Found>,
    /// How many probes have come to an end.
    rounds: AtomicU64,
    flight: Mutex<Flight>,
}

/// What whoever asks the server holds.
struct Flight {
    /// What the last probe came to, if it decided nothing; told to all who waited for it.
    undecided: Option<Cause>,
    doubts: u32,
    since: Instant,
}

impl Auto {
    pub(crate) fn new(modern: Encode<Transport>, legacy: LegacyUpstream, found: Arc<Found>) -> Self {
        let flight = Flight { undecided: None, doubts: 0, since: Instant::now() };
        let shared = Shared { legacy, found, rounds: AtomicU64::new(0), flight: Mutex::new(flight) };
        Self { modern, shared: Arc::new(shared) }
    }

    pub(crate) fn found(&self) -> &Found {
        &self.shared.found
    }

    /// Whether an answer of a server that is known to be modern casts doubt on that.
    pub(crate) fn doubts(witness: &Witness, outcome: &Result<Reply, Failure>) -> bool {
        verdict::casts_doubt(witness.status(), outcome)
    }
}

impl Flight {
    /// Whether a doubt may be looked into now. What servers answer must not double what they are asked.
    fn may_doubt(&mut self) -> bool {
        let passed = self.since.elapsed().as_secs() / DOUBT_EVERY.as_secs();
        if passed > 0 {
            self.doubts = self.doubts.saturating_sub(u32::try_from(passed).unwrap_or(u32::MAX));
            self.since = Instant::now();
        }
        let may = self.doubts < MOST_DOUBTS;
        self.doubts += u32::from(may);
        may
    }
}

/// Whether a call has been sent in a session. Travels in the extensions of the call, and with what goes out for it; says
/// whether the call may be made in another way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent(Arc<AtomicBool>);

impl Sent {
    /// From here on the server may see the message that goes out with these extensions.
    pub(crate) fn now(extensions: &Extensions) -> Self {
        let sent = extensions.get::<Self>().cloned().unwrap_or_default();
        sent.0.store(true, Ordering::Release);
        sent
    }

    /// The server has said that it did not look at it.
    pub(crate) fn not_looked_at(&self) {
        self.0.store(false, Ordering::Release);
    }

    fn is(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
