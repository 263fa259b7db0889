use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Context, Poll};

use bytes::Bytes;
use http::Uri;
use portcullis_mcp_jsonrpc::{Call, Encode, EncodeFuture, Failure, Message, Reply};
use portcullis_mcp_legacy::upstream::{BoxFuture, LegacyUpstream};
use tower_service::Service;

use crate::auto::Auto;
use crate::credentials::{Caller, Injector};
use crate::retry::{Effect, effect};
use crate::transport::{Core, Nature, Text, Transport, Witness};
use crate::{BuildError, Era, Health, HttpUpstreamBuilder};

/// One MCP server behind HTTP, as a service.
///
/// Clones share the connections, the circuit and the retry budget, and are cheap. The service is always ready: how many
/// calls run at once is for a layer outside to limit, such as tower's `ConcurrencyLimit`.
///
/// Dropping the future, or the [`Reply`] it gave, cancels the call: the connection is closed or the stream reset, which
/// is how a 2026-07-28 server learns of it.
///
/// See the [crate documentation](crate) for an example.
#[derive(Clone)]
pub struct HttpUpstream {
    way: Way,
    core: Arc<Core>,
    uri: Arc<Uri>,
}

/// Which way calls go.
#[derive(Clone)]
pub(crate) enum Way {
    Modern(Encode<Transport>),
    Sessions(LegacyUpstream, Era),
    Auto(Auto),
}

impl HttpUpstream {
    /// Starts with the URL of the server's MCP endpoint; for HTTP+SSE, with that of its event stream.
    ///
    /// # Errors
    ///
    /// A URL that is not absolute, is not of `http` or `https`, or holds credentials or a fragment.
    pub fn builder(url: &str) -> Result<HttpUpstreamBuilder, BuildError> {
        HttpUpstreamBuilder::new(url)
    }

    pub(crate) fn new(way: Way, core: Arc<Core>, uri: Arc<Uri>) -> Self {
        Self { way, core, uri }
    }

    /// How the server is doing, as far as the calls made so far can tell.
    #[must_use]
    pub fn health(&self) -> Health {
        self.core.breaker.health()
    }

    /// Sees to it that a call has with it what its credentials take.
    fn admit(&self, mut call: Call) -> Result<Call, Failure> {
        let Some(credentials) = &self.core.credentials else { return Ok(call) };
        if let Some(callers) = credentials.callers() {
            let caller = Caller::of(call.extensions())?;
            if !matches!(self.way, Way::Modern(_)) {
                callers.note(&caller);
            }
        }
        let text = Text(call.message().text().clone());
        call.extensions_mut().insert(text);
        Ok(call)
    }

    /// What the server speaks: what was [said](HttpUpstreamBuilder::era), or was found out. None before the first call
    /// that was answered.
    #[must_use]
    pub fn era(&self) -> Option<Era> {
        match &self.way {
            Way::Modern(_) => Some(Era::Modern),
            Way::Sessions(_, era) => Some(*era),
            Way::Auto(auto) => auto.found().era(),
        }
    }
}

impl Service<Call> for HttpUpstream {
    type Response = Reply;
    type Error = Failure;
    type Future = UpstreamFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> UpstreamFuture {
        let call = match self.admit(call) {
            Ok(call) => call,
            Err(failure) => return UpstreamFuture { state: State::Other(Box::pin(ready(Err(failure)))) },
        };
        let state = match &mut self.way {
            Way::Modern(modern) => State::Modern(modern.call(with_nature(call))),
            Way::Sessions(sessions, _) => State::Other(sessions.call(call)),
            Way::Auto(auto) if auto.found().era() == Some(Era::Modern) && !auto.prefers_session(&call) => {
                let witness = Arc::new(Witness::default());
                let text = call.message().text().clone();
                let sent = auto.modern(call, Some(Arc::clone(&witness)));
                State::Watched { sent, doubt: Some((auto.clone(), text, witness)) }
            }
            Way::Auto(auto) => State::Other(Box::pin(auto.clone().dispatch(call))),
        };
        UpstreamFuture { state }
    }
}

/// Tells the transport what it must know of the call.
pub(crate) fn with_nature(mut call: Call) -> Call {
    let nature = match (call.method(), effect(call.method())) {
        ("subscriptions/listen", _) => Some(Nature::Listen),
        (_, Effect::Read) => Some(Nature::Read(call.message().text().clone())),
        (_, Effect::Any) => None,
    };
    match nature {
        Some(nature) => drop(call.extensions_mut().insert(nature)),
        None => drop(call.extensions_mut().remove::<Nature>()),
    }
    call
}

/// Shows where calls go and which headers go with them; no value, no query.
impl std::fmt::Debug for HttpUpstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpUpstream")
            .field("scheme", &self.uri.scheme_str())
            .field("authority", &self.uri.authority().map(http::uri::Authority::as_str))
            .field("path", &self.uri.path())
            .field("headers", &self.core.headers.keys().collect::<Vec<_>>())
            .field("credentials", &self.core.credentials.as_ref().map(Injector::header))
            .field("era", &self.era())
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

/// Waits for the head of the answer, and for its body too where it is JSON.
#[must_use = "futures do nothing unless polled"]
pub struct UpstreamFuture {
    state: State,
}

enum State {
    Modern(EncodeFuture),
    /// The server is known to be modern, and its answer is looked at for signs that it is not any more.
    Watched {
        sent: EncodeFuture,
        /// What it takes to look into a doubt.
        doubt: Option<(Auto, Bytes, Arc<Witness>)>,
    },
    Other(BoxFuture<'static, Result<Reply, Failure>>),
}

impl Future for UpstreamFuture {
    type Output = Result<Reply, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (sent, doubt) = match &mut self.state {
            State::Modern(sent) => return Pin::new(sent).poll(cx),
            State::Other(other) => return other.as_mut().poll(cx),
            State::Watched { sent, doubt } => (sent, doubt),
        };
        let outcome = task::ready!(Pin::new(sent).poll(cx));
        let doubt = doubt.take().filter(|(_, _, witness)| Auto::doubts(witness, &outcome));
        let Some((auto, text, witness)) = doubt else { return Poll::Ready(outcome) };
        let Ok(message) = Message::parse(text) else { return Poll::Ready(outcome) };
        self.state = State::Other(Box::pin(auto.reconsider(message, witness, outcome)));
        self.poll(cx)
    }
}

impl std::fmt::Debug for UpstreamFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpstreamFuture").finish_non_exhaustive()
    }
}
