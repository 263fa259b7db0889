//! Session ids: sealed tokens that hold what a session needs.

use std::time::{Duration, SystemTime};

use portcullis_core::Principal;
use portcullis_seal::{Context, KeyRing, SealError};

/// The longest session id that is given out or looked at. It travels in a header with every request, and common proxies
/// give all headers of a line eight kilobytes.
pub(super) const MAX_TOKEN: usize = 6 * 1024;

/// A session's number: drawn at random, and never seen by the client.
pub(super) type Number = [u8; 16];

/// A source of random bytes.
pub(super) type Random = fn(&mut [u8]) -> Result<(), SealError>;

const FORMAT: u8 = 1;

/// Seals and opens the ids of sessions that begin in one place: this portal, this route.
#[derive(Clone, Debug)]
pub(super) struct Tokens {
    /// None if there were no random numbers to make a key of.
    pub(super) keys: Option<KeyRing>,
    pub(super) portal: Box<str>,
    pub(super) route: Box<str>,
    pub(super) lifetime: Duration,
    pub(super) random: Random,
}

/// What a session id says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) number: Number,
    /// When the session is over, in seconds since 1970.
    pub(super) expires: u64,
    /// What the client said of itself.
    pub(super) client: Vec<u8>,
}

impl Tokens {
    /// A new session id for this principal.
    ///
    /// # Errors
    ///
    /// If there are no random numbers, or the client says more about itself than fits into a header.
    pub(super) fn seal(
        &self,
        principal: Option<&Principal>,
        client: &[u8],
        now: SystemTime,
    ) -> Result<String, SealError> {
        let mut number = Number::default();
        (self.random)(&mut number)?;
        let payload = [&[FORMAT][..], &number, &seconds(now).to_le_bytes(), client].concat();
        let token = self.keys.as_ref().ok_or(SealError)?.seal(&self.context(principal), &payload)?;
        if token.len() > MAX_TOKEN { Err(SealError) } else { Ok(token) }
    }

    /// What a session id says, if it was sealed here, for this principal, and is not too old.
    pub(super) fn open(&self, principal: Option<&Principal>, token: &str, now: SystemTime) -> Option<Opened> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let payload = self.keys.as_ref()?.open(&self.context(principal), token)?;
        let (&format, rest) = payload.split_first()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (issued, client) = rest.split_first_chunk()?;
        let expires = u64::from_le_bytes(*issued).saturating_add(self.lifetime.as_secs());
        let valid = format == FORMAT && seconds(now) < expires;
        valid.then(|| Opened { number: *number, expires, client: client.to_vec() })
    }

    /// A name for a session's stream of notifications, which proves by itself that there was one.
    pub(super) fn name_stream(&self, session: &Number) -> Result<String, SealError> {
        self.keys.as_ref().ok_or(SealError)?.seal(&self.stream_context(session), &[])
    }

    /// Whether the name was given to a stream of notifications of this session.
    pub(super) fn is_stream(&self, session: &Number, name: &str) -> bool {
        let open = |keys: &KeyRing| keys.open(&self.stream_context(session), name);
        name.len() <= MAX_TOKEN && self.keys.as_ref().and_then(open).is_some()
    }

    fn context(&self, principal: Option<&Principal>) -> Context {
        self.place("session").principal(principal)
    }

    fn stream_context(&self, session: &Number) -> Context {
        self.place("notifications").bytes(session)
    }

    fn place(&self, purpose: &str) -> Context {
        Context::new(purpose).text(&self.portal).text(&self.route)
    }
}

/// Seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

pub(super) fn of_the_system(bytes: &mut [u8]) -> Result<(), SealError> {
    getrandom::fill(bytes).map_err(|_| SealError)
}

#[cfg(test)]
mod tests;
