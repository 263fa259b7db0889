//! What a server sends in response to one request, over all the responses it may come in.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use portcullis_mcp_jsonrpc::{Failure, FailureKind, Kind, Message};
use portcullis_mcp_legacy::upstream::{ChannelError, Incoming};

use super::refused::with_id;
use super::resume::{Resume, Resumed};
use super::session::{Expected, Session};
use crate::events::{Events, garbage};
use crate::patience::Patience;
use crate::timeout::Stage;
use crate::transport::Nature;

/// How long an answer may take to come on the stream of a GET, when that of its POST has ended.
const ELSEWHERE: Duration = Duration::from_millis(500);

/// What the response to the POST is made of.
pub(super) enum Source {
    /// JSON: everything is there.
    Whole(VecDeque<Message>),
    Events(Box<Events>),
    /// Nothing: the answer comes on another stream.
    Elsewhere,
}

struct Answers {
    expected: Expected,
    from: From,
    patience: Patience,
    over: bool,
}

struct From {
    source: Source,
    resume: Resume,
}

pub(super) fn answers(expected: Expected, source: Source, patience: Patience) -> Incoming {
    let from = From { source, resume: Resume::default() };
    let answers = Answers { expected, from, patience, over: false };
    Box::pin(futures_util::stream::unfold(answers, |mut answers| async {
        if answers.over {
            return None;
        }
        let item = answers.next().await.map_err(ChannelError::Failed);
        answers.over = !matches!(&item, Ok(message) if !message.is_answer());
        Some((item, answers))
    }))
}

impl Answers {
    async fn next(&mut self) -> Result<Message, Failure> {
        loop {
            let message = self.message().await?;
            let Self { expected, from, patience, .. } = self;
            let id = expected.id();
            match (message.kind(), message.id()) {
                (Kind::Notification, _) => return Ok(message),
                (Kind::Request, _) => {
                    patience.renew();
                    // Now the server waits for the client, and that may take a while.
                    if let Source::Events(events) = &mut from.source {
                        events.set_idle(expected.session().endpoint.core.limits.listen_idle);
                    }
                    return Ok(message);
                }
                (Kind::Result | Kind::Error, Some(of)) if of == id => return Ok(message),
                (Kind::Result | Kind::Error, None) => {
                    return with_id(message, id).ok_or_else(|| garbage("an answer without an id"));
                }
                (Kind::Result | Kind::Error, Some(_)) => expected.session().deliver(message),
            }
        }
    }

    /// The next message, from wherever it comes.
    async fn message(&mut self) -> Result<Message, Failure> {
        let stage = match self.from.source {
            Source::Elsewhere => Some((Stage::Head, self.expected.session().endpoint.core.limits.head)),
            // The bodies of responses have an idle limit of their own.
            Source::Whole(_) | Source::Events(_) => None,
        };
        let session = Arc::clone(self.expected.session());
        let (elsewhere, here) = (pin!(self.expected.answer()), pin!(self.from.next(&session)));
        match self.patience.wait(stage, select(elsewhere, here)).await? {
            Either::Left((answer, _)) => Ok(answer),
            Either::Right((message, _)) => message,
        }
    }
}

impl From {
    async fn next(&mut self, session: &Session) -> Result<Message, Failure> {
        loop {
            let ended = match &mut self.source {
                Source::Elsewhere => std::future::pending().await,
                Source::Whole(messages) => {
                    let none = || garbage("the message does not answer this call");
                    return messages.pop_front().ok_or_else(none);
                }
                Source::Events(events) => match events.message().await {
                    Ok(Some(message)) => {
                        self.resume.note(events, true);
                        return Ok(message);
                    }
                    Ok(None) => {
                        self.resume.note(events, false);
                        "the stream ended without an answer".into()
                    }
                    Err(failure) if failure.kind() == FailureKind::Close => {
                        self.resume.note(events, false);
                        portcullis_core::BoxError::from(failure)
                    }
                    Err(failure) => return Err(failure),
                },
            };
            if !self.resume.is_possible() {
                if session.has_listened() {
                    // Servers have been seen to close the one stream and answer on the other.
                    tokio::time::sleep(ELSEWHERE).await;
                }
                return Err(Failure::new(FailureKind::Close).with_source(ended));
            }
            // While it waits, the connection that has ended is let go.
            self.source = Source::Elsewhere;
            match self.resume.take_up(session, || Nature::Session).await? {
                Resumed::Stream(events) => self.source = Source::Events(events),
                // Also when the session is gone: the server has looked at the request, so it must not be sent again.
                Resumed::Refused(status) => {
                    let text = format!("the stream ended without an answer; HTTP status {status} to go on");
                    return Err(Failure::new(FailureKind::Close).with_source(text));
                }
            }
        }
    }
}
