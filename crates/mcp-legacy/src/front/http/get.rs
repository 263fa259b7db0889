//! A client that listens for notifications, or comes back to a stream.

use std::sync::Arc;

use http::Response;
use http::request::Parts;
use portcullis_core::{Body, BoxError};
use portcullis_mcp_jsonrpc::{Call, Rejection, Reply, header};
use tower_service::Service;

use super::connection::Connection;
use super::entry::Entry;
use super::outbox;
use super::refuse;
use super::shared::Shared;
use super::source::Source;
use super::stream::Hold;
use crate::front::listen;

/// Serves a GET that names a session.
pub(super) fn get<S>(shared: &Arc<Shared>, service: S, head: Parts) -> Result<Response<Body>, Rejection>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    shared.decode.check_host(&head)?;
    if !header::accepts(&head.headers).event_stream {
        return Err(refuse::wants_no_events());
    }
    let entry = shared.enter(&head)?;
    let last =
        header::only(&head.headers, &header::LAST_EVENT_ID).map_err(|error| refuse::repeated(&error))?;
    let resumed = match last.filter(|id| !id.is_empty()) {
        Some(id) => resume(shared, &entry, id.to_str().unwrap_or_default())?,
        None => None,
    };
    let (hold, tells_changes) = match resumed {
        Some(resumed) => resumed,
        None => (notifications(shared, &entry, service, head)?, true),
    };
    let mut response = Connection::open(hold, true);
    if tells_changes {
        response.extensions_mut().insert(ChangeStream);
    }
    Ok(response)
}

/// In the extensions of a response: its body tells a session of changes, as long as the connection lasts.
///
/// Such a stream has no end of its own. Whoever drains a server may end it at any time (2025-11-25, Transports, "Listening
/// for Messages from the Server"), while the rest of a call that a client takes up with a GET ends with its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeStream;

/// Goes on with the stream that the event came from, and says whether it is the stream of notifications. None if that was the stream of notifications and it has come to its
/// end since: another one does as well, and a client that is refused here would never hear of a change again.
fn resume(shared: &Shared, entry: &Entry, id: &str) -> Result<Option<(Hold, bool)>, Rejection> {
    let (name, number) = outbox::parse_id(id).ok_or_else(refuse::event_never_sent)?;
    let was_notifications = || shared.tokens.is_stream(&entry.number, name);
    match entry.stream(name) {
        Some(stream) => match stream.resume(number) {
            Ok(_) if stream.is_spent() && was_notifications() => Ok(None),
            Ok(hold) => Ok(Some((hold, was_notifications()))),
            Err(_) if stream.ended().is_some() && was_notifications() => Ok(None),
            Err(_) => Err(refuse::event_never_sent()),
        },
        None if was_notifications() => Ok(None),
        None => Err(refuse::event_never_sent()),
    }
}

/// The stream of notifications. There is one per session: whoever asks for it again, because a connection was lost that
/// this side still believes in, takes it over.
fn notifications<S>(shared: &Arc<Shared>, entry: &Entry, service: S, head: Parts) -> Result<Hold, Rejection>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    let name = shared.tokens.name_stream(&entry.number).map_err(|_| refuse::no_such_session())?;
    let source = || Source::reply(listen(service, Arc::clone(&entry.session), head, &shared.limits), None);
    let manners = shared.manners(entry.session.client().version);
    entry.notifications(name.into(), source, manners, &shared.keeping).ok_or_else(refuse::no_such_session)
}
