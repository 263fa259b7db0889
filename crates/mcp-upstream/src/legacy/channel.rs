//! One session's way to a server.

use std::sync::Arc;
use std::time::Duration;

use http::{Response, StatusCode, header as names};
use http_body::Body as _;
use portcullis_mcp_jsonrpc::{Id, Kind, header};
use portcullis_mcp_legacy::upstream::{BoxFuture, Channel, ChannelError, Incoming, Outgoing};

use super::answers::{Source, answers};
use super::refused::{self, Refused};
use super::session::Session;
use super::{listening, resume};
use crate::auto::Sent;
use crate::body::Watched;
use crate::endpoint::Endpoint;
use crate::events::{Events, messages};
use crate::patience::Patience;

/// How long the end of a session may take.
const CLOSE: Duration = Duration::from_secs(5);

/// A channel of Streamable HTTP.
#[derive(Clone)]
pub(crate) struct Streamable {
    session: Arc<Session>,
}

impl Streamable {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self { session: Arc::new(Session::new(endpoint)) }
    }

    /// Whether the server has given the session a name.
    pub(crate) fn has_id(&self) -> bool {
        self.session.has_id()
    }

    /// Sends a message, and tells in which way it was refused if it was.
    pub(crate) async fn post(&self, outgoing: Outgoing) -> Result<Incoming, Refused> {
        let Outgoing { message, extensions } = outgoing;
        let session = &self.session;
        // A server may hold a session without a name for it.
        let in_session = message.method() != Some("initialize");
        let expected = match (message.kind(), message.id()) {
            (Kind::Request, Some(id)) => Some(session.expect(id)),
            _ => None,
        };
        let patience = Patience::new(session.endpoint.core.limits.total);
        let sent = Sent::now(&extensions);
        let response = session.endpoint.post(message, session.headers(), &extensions);
        let response = response.await.map_err(Refused::Failure)?;
        if !response.status().is_success() {
            let refused = self.refused(response, expected.as_ref().map(|expected| expected.id()), in_session);
            let refused = patience.wait(None, refused).await.unwrap_or_else(Refused::Failure);
            if matches!(refused, Refused::Forgotten) || (in_session && matches!(refused, Refused::Modern)) {
                sent.not_looked_at();
                session.forget();
                return Err(Refused::Forgotten);
            }
            return Err(refused);
        }
        if !in_session {
            session.begin(response.headers()).map_err(Refused::Failure)?;
        }
        let Some(expected) = expected else { return Ok(Box::pin(futures_util::stream::empty())) };
        let source = patience.wait(None, self.source(response)).await.map_err(Refused::Failure)??;
        Ok(answers(expected, source, patience))
    }

    async fn refused(&self, response: Response<Watched>, id: Option<&Id>, in_session: bool) -> Refused {
        let status = response.status();
        match self.session.endpoint.collect(response.into_body()).await {
            Ok(text) => refused::read(status, &text, id, in_session),
            // A status says enough, even if its page is too large or breaks off.
            Err(_) => refused::read(status, b"", id, in_session),
        }
    }

    async fn source(&self, response: Response<Watched>) -> Result<Source, Refused> {
        let endpoint = &self.session.endpoint;
        if resume::is_stream(&response) {
            return Ok(Source::Events(Box::new(Events::new(response.into_body(), endpoint.max_event))));
        }
        let status = response.status();
        let taken = matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT);
        if taken || response.body().is_end_stream() {
            return Ok(Source::Elsewhere);
        }
        if !response.headers().get(names::CONTENT_TYPE).is_some_and(header::is_json) {
            return Err(Refused::Status(status));
        }
        let text = endpoint.collect(response.into_body()).await.map_err(Refused::Failure)?;
        Ok(Source::Whole(messages(text).map_err(Refused::Failure)?))
    }
}

impl Channel for Streamable {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Incoming, ChannelError>> {
        Box::pin(async move { or_answer(self.post(outgoing).await) })
    }

    fn listen(&self) -> BoxFuture<'_, Result<Option<Incoming>, ChannelError>> {
        Box::pin(listening::listen(&self.session))
    }

    fn negotiated(&self, version: &str) {
        self.session.negotiated(version);
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if self.session.has_id() {
                let headers = self.session.headers();
                // Servers may refuse to end a session; then it ends by itself.
                let _ = tokio::time::timeout(CLOSE, self.session.endpoint.delete(headers)).await;
                self.session.forget();
            }
        })
    }
}

/// A refusal in words of JSON-RPC is an answer like any other.
pub(crate) fn or_answer(posted: Result<Incoming, Refused>) -> Result<Incoming, ChannelError> {
    match posted {
        Err(Refused::Answer(_, answer)) => {
            Ok(Box::pin(futures_util::stream::once(std::future::ready(Ok(answer)))))
        }
        other => other.map_err(Refused::into_error),
    }
}
