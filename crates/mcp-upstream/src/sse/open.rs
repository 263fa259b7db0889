//! From a GET to a channel.

use http::{HeaderMap, StatusCode, header as names};
use portcullis_mcp_jsonrpc::{Failure, header};

use super::{SseChannel, address};
use crate::endpoint::Endpoint;
use crate::events::{Events, garbage};
use crate::failure;
use crate::patience::Patience;
use crate::timeout::Stage;

/// Why there is no channel.
#[derive(Debug)]
pub(crate) enum NotSse {
    /// The server has no such stream.
    Status(StatusCode),
    /// It has none that begins as it must, or none could be opened.
    Failure(Failure),
}

impl NotSse {
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::Status(status) => failure::of_status(status),
            Self::Failure(failure) => failure,
        }
    }
}

/// Opens the stream and waits to be told where messages go.
pub(crate) async fn open(endpoint: &Endpoint) -> Result<SseChannel, NotSse> {
    let limits = endpoint.core.limits;
    let response = endpoint.listen(HeaderMap::new()).await.map_err(NotSse::Failure)?;
    let content_type = response.headers().get(names::CONTENT_TYPE);
    if response.status() != StatusCode::OK || !content_type.is_some_and(header::is_event_stream) {
        return Err(NotSse::Status(response.status()));
    }
    let mut events = Events::new(response.into_body(), endpoint.max_event);
    let patience = Patience::new(limits.total);
    let first = patience.wait(Some((Stage::Head, limits.head)), events.event()).await;
    let first = first.and_then(|event| event).map_err(NotSse::Failure)?;
    let named = first.filter(|event| event.event.as_deref() == Some(b"endpoint"));
    let Some(named) = named else {
        return Err(NotSse::Failure(garbage("the event stream does not begin with an endpoint")));
    };
    let text = std::str::from_utf8(&named.data).unwrap_or_default();
    let uri = address::resolve(&endpoint.uri, text)
        // Not quoted: it may hold the secret of the session.
        .map_err(|flaw| NotSse::Failure(garbage(format!("the endpoint that the server names {flaw}"))))?;
    Ok(SseChannel::start(endpoint.at(uri), events))
}
