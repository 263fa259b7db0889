//! What a server says of its own accord: the stream of a GET.

use std::sync::Arc;

use http::StatusCode;
use portcullis_mcp_jsonrpc::{FailureKind, Message};
use portcullis_mcp_legacy::upstream::{ChannelError, Incoming};

use super::resume::{Resume, Resumed, is_stream};
use super::session::Session;
use crate::events::Events;
use crate::failure;
use crate::transport::Nature;

struct Listening {
    session: Arc<Session>,
    events: Option<Box<Events>>,
    resume: Resume,
    over: bool,
}

/// Opens the stream; none if the server has no such stream, in whichever way it says so.
pub(super) async fn listen(session: &Arc<Session>) -> Result<Option<Incoming>, ChannelError> {
    let response = session.endpoint.listen(session.headers()).await.map_err(ChannelError::Failed)?;
    if response.status().is_server_error() {
        return Err(ChannelError::Failed(failure::of_status(response.status())));
    }
    if !is_stream(&response) {
        return Ok(None);
    }
    session.listens();
    let events = Events::new(response.into_body(), session.endpoint.max_event);
    let listening = Listening {
        session: Arc::clone(session),
        events: Some(Box::new(events)),
        resume: Resume::default(),
        over: false,
    };
    Ok(Some(Box::pin(futures_util::stream::unfold(listening, |mut listening| async {
        if listening.over {
            return None;
        }
        let item = listening.next().await.transpose()?;
        listening.over = item.is_err();
        Some((item, listening))
    }))))
}

impl Listening {
    async fn next(&mut self) -> Result<Option<Message>, ChannelError> {
        loop {
            let Some(events) = &mut self.events else { return Ok(None) };
            let ended = match events.message().await {
                Ok(Some(message)) => {
                    self.resume.note(events, true);
                    if message.is_answer() {
                        self.session.deliver(message);
                        continue;
                    }
                    return Ok(Some(message));
                }
                Ok(None) => None,
                Err(failure) if failure.kind() == FailureKind::Close => Some(failure),
                Err(failure) => return Err(ChannelError::Failed(failure)),
            };
            self.resume.note(events, false);
            self.events = None;
            if !self.resume.is_possible() {
                return ended.map_or(Ok(None), |failure| Err(ChannelError::Failed(failure)));
            }
            let resumed = self.resume.take_up(&self.session, || Nature::Listen).await;
            match resumed.map_err(ChannelError::Failed)? {
                Resumed::Stream(events) => self.events = Some(events),
                Resumed::Refused(StatusCode::NOT_FOUND) if self.session.has_id() => {
                    self.session.forget();
                    return Err(ChannelError::Forgotten);
                }
                Resumed::Refused(_) => return Ok(None),
            }
        }
    }
}
