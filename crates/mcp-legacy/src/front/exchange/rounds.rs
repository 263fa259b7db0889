//! A request that is answered in several rounds.

use std::future::poll_fn;
use std::time::Duration;

use portcullis_core::BoxError;
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Id, Message, Reply, code};
use tower_service::Service;

use super::{finish, garbage};
use crate::front::Session;
use crate::front::flow::Out;
use crate::front::inner::Inner;
use crate::front::translate::input::{InputRequired, Stuck};
use crate::front::translate::request::{self, Retry};
use crate::front::translate::{notification, task};

/// The first pause before a request is made again that needs no input.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// What is said of answers that fit into no message.
pub(super) const TOO_DEEP: &str = "Invalid params: the client's answers nest too deep.";

/// A client's request, and what it takes to make it again.
pub(super) struct Rounds<S> {
    pub(super) inner: Inner<S>,
    pub(super) message: Message,
    pub(super) id: Id,
}

impl<S> Rounds<S>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    /// Passes on what the service inside says, and gets for it what it asks for, until it answers.
    pub(super) async fn run(mut self, out: Out, mut reply: Reply) -> Result<Message, Failure> {
        let mut pause = FIRST_PAUSE;
        let mut rounds = 0;
        loop {
            let answer = read(&mut reply, &out, &self.inner.session, &self.inner.limits).await?;
            match answer.result_type() {
                Some("input_required") => {}
                Some("task") if request::wants_task(&self.message, self.inner.session.client()) => {
                    return task::created(&answer, &self.id)
                        .ok_or_else(|| garbage("a result is to be a task and is none"));
                }
                _ => return finish(answer, &self.message, &self.id),
            }
            rounds += 1;
            if rounds > self.inner.limits.rounds {
                let stuck = Stuck::new(code::EXHAUSTED, "The server asked for input again and again.");
                return Ok(stuck.to_message(&self.id));
            }
            let wanted = InputRequired::read(&answer)
                .ok_or_else(|| garbage("a result asks for input and does not say which"))?;
            drop(answer);
            let mut retry = Retry { responses: None, state: wanted.state };
            if wanted.requests.is_empty() {
                // The server sheds load: it wants to be asked again, not answered.
                tokio::time::sleep(pause).await;
                pause = (2 * pause).min(self.inner.limits.longest_pause);
            } else {
                match self.inner.gather(&out, &wanted.requests, None).await {
                    Ok(responses) => retry.responses = Some(responses),
                    Err(stuck) => return Ok(stuck.to_message(&self.id)),
                }
            }
            let declared = self.inner.declared(false);
            let Some(mut again) = request::modern(&self.message, &declared, &retry) else {
                // The request itself could be made before.
                return Ok(Stuck::new(code::INVALID_PARAMS, TOO_DEEP).to_message(&self.id));
            };
            // They are requests of their own (2026-07-28, Multi Round-Trip Requests, client requirement 3).
            again.set_id(&self.inner.session.fresh_id());
            reply = self.inner.call(again).await?;
        }
    }
}

/// Reads a reply to its answer. What comes before is passed on at once.
pub(super) async fn read(
    reply: &mut Reply,
    out: &Out,
    session: &Session,
    limits: &crate::front::Limits,
) -> Result<Message, Failure> {
    loop {
        match poll_fn(|cx| reply.poll_message(cx)).await {
            Some(Ok(message)) if message.is_answer() => return Ok(message),
            Some(Ok(message)) => {
                let level = session.level().or(limits.unasked_logs);
                if notification::passes(&message, level) {
                    out.send(message).await;
                }
            }
            Some(Err(failure)) => return Err(failure),
            None => return Err(Failure::new(FailureKind::Close)),
        }
    }
}
