//! What the messages of one session have in common.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, HeaderValue};
use portcullis_mcp_jsonrpc::{Failure, Id, Message, header};
use tokio::sync::oneshot;

use crate::endpoint::Endpoint;
use crate::events::garbage;

/// The longest id of a session that is taken. Every request carries it.
const MAX_ID: usize = 4096;

pub(super) struct Session {
    pub(super) endpoint: Endpoint,
    names: Mutex<Names>,
    /// Requests whose answers may come on the stream of another.
    pending: Mutex<HashMap<Id, oneshot::Sender<Message>>>,
    listens: AtomicBool,
}

#[derive(Default)]
struct Names {
    id: Option<HeaderValue>,
    version: Option<HeaderValue>,
}

impl Session {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, names: Mutex::default(), pending: Mutex::default(), listens: AtomicBool::new(false) }
    }

    /// Takes the id that the server gives the session, if it gives one.
    pub(super) fn begin(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let id = header::only(headers, &header::MCP_SESSION_ID).map_err(garbage)?;
        let Some(id) = id else { return Ok(()) };
        // Transports, "Session Management": visible ASCII.
        if id.is_empty() || id.len() > MAX_ID || !id.as_bytes().iter().all(u8::is_ascii_graphic) {
            return Err(garbage("the id of the session is not visible ASCII, or too long"));
        }
        let mut id = id.clone();
        id.set_sensitive(true);
        lock(&self.names).id = Some(id);
        Ok(())
    }

    pub(super) fn negotiated(&self, version: &str) {
        lock(&self.names).version = HeaderValue::from_str(version).ok();
    }

    /// Whether the server has given the session an id, so that it can be forgotten.
    pub(super) fn has_id(&self) -> bool {
        lock(&self.names).id.is_some()
    }

    /// The server has forgotten the session; it need not be told of its end.
    pub(super) fn forget(&self) {
        lock(&self.names).id = None;
    }

    /// The headers that tell the server which session a request belongs to.
    pub(super) fn headers(&self) -> HeaderMap {
        let names = lock(&self.names);
        let mut headers = HeaderMap::new();
        headers.extend(names.id.clone().map(|id| (header::MCP_SESSION_ID, id)));
        headers.extend(names.version.clone().map(|version| (header::MCP_PROTOCOL_VERSION, version)));
        headers
    }

    /// The stream of a GET has been opened, so answers may come on it.
    pub(super) fn listens(&self) {
        self.listens.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_listened(&self) -> bool {
        self.listens.load(Ordering::Relaxed)
    }

    /// Waits for the answer of a request, wherever it comes.
    pub(super) fn expect(self: &Arc<Self>, id: &Id) -> Expected {
        let (sender, receiver) = oneshot::channel();
        lock(&self.pending).insert(id.clone(), sender);
        Expected { session: Arc::clone(self), id: id.clone(), receiver }
    }

    /// Hands an answer over to whoever waits for it. One that nobody waits for was cancelled.
    pub(super) fn deliver(&self, answer: Message) {
        let waiting = answer.id().and_then(|id| lock(&self.pending).remove(id));
        if let Some(waiting) = waiting {
            let _ = waiting.send(answer);
        }
    }
}

/// An answer that may come on the stream of another request.
pub(super) struct Expected {
    session: Arc<Session>,
    id: Id,
    receiver: oneshot::Receiver<Message>,
}

impl Expected {
    pub(super) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    pub(super) fn id(&self) -> &Id {
        &self.id
    }

    pub(super) async fn answer(&mut self) -> Message {
        match (&mut self.receiver).await {
            Ok(answer) => answer,
            // Another request has taken its place; sessions do not use an id twice.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        lock(&self.session.pending).remove(&self.id);
    }
}

/// Nothing is done under these locks that could stop half-way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
