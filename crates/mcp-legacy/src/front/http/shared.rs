//! What all clones of a front share.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::request::Parts;
use portcullis_core::Principal;
use portcullis_mcp_jsonrpc::{DecodeLayer, Rejection, header};

use super::entry::{Entry, Keeping};
use super::refuse;
use super::stream::Manners;
use super::table::Table;
use super::token::{Opened, Tokens, seconds};
use crate::front::{Client, Limits, Session, Version};

/// Tells the time.
pub(super) type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

pub(super) struct Shared {
    pub(super) decode: DecodeLayer,
    pub(super) tokens: Tokens,
    pub(super) limits: Limits,
    pub(super) table: Arc<Table>,
    pub(super) keeping: Keeping,
    pub(super) grace: Duration,
    pub(super) retry: Duration,
    pub(super) max_batch: usize,
    pub(super) clock: Clock,
}

impl Shared {
    pub(super) fn now(&self) -> SystemTime {
        (self.clock)()
    }

    /// The session that the head names.
    pub(super) fn enter(&self, head: &Parts) -> Result<Arc<Entry>, Rejection> {
        let Opened { number, client, .. } = self.open(head)?;
        let make = || Some(Entry::new(number, Session::new(Client::from_bytes(&client)?)));
        self.table.enter(&number, make).ok_or_else(refuse::no_such_session)
    }

    /// Ends the session that the head names.
    pub(super) fn delete(&self, head: &Parts) -> Result<(), Rejection> {
        let opened = self.open(head)?;
        match self.table.delete(&opened.number, opened.expires, seconds(self.now())) {
            true => Ok(()),
            false => Err(refuse::no_such_session()),
        }
    }

    fn open(&self, head: &Parts) -> Result<Opened, Rejection> {
        let token = header::only(&head.headers, &header::MCP_SESSION_ID)
            .map_err(|error| refuse::repeated(&error))?
            .ok_or_else(refuse::no_session)?;
        let principal = head.extensions.get::<Principal>();
        let open = |token| self.tokens.open(principal, token, self.now());
        token.to_str().ok().and_then(open).ok_or_else(refuse::no_such_session)
    }

    /// How streams of a session of this revision behave.
    pub(super) fn manners(&self, version: Version) -> Manners {
        Manners {
            keep_alive: self.decode.keep_alive_after(),
            grace: self.grace,
            retry: version.primes_streams().then_some(self.retry),
            resumable: true,
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("tokens", &self.tokens).field("sessions", &self.table.len()).finish()
    }
}
