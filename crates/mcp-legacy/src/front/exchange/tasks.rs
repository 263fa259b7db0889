//! The requests of 2025-11-25 about tasks that need more than one of 2026-07-28.

use std::collections::HashSet;
use std::time::Duration;

use portcullis_core::{BoxError, json};
use portcullis_mcp_jsonrpc::{Call, Failure, Id, Kind, Message, Part, Reply, code};
use tokio::time::{Instant, sleep, timeout_at};
use tower_service::Service;

use super::rounds::{self, TOO_DEEP};
use super::{CANCELLED, garbage};
use crate::front::flow::Out;
use crate::front::inner::Inner;
use crate::front::translate::input::Stuck;
use crate::front::translate::task::{self, Progress};
use crate::front::translate::{pick, string};

/// How long to wait before a task is asked for again that says nothing of it.
const PAUSE: Duration = Duration::from_secs(1);

/// The shortest pause that a server gets.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// Asks a server to cancel a task, and tells the client what has become of the task.
///
/// In 2025-11-25 the answer is the task, and a task that has ended cannot be cancelled; the extension just takes note. So
/// the task is asked for before and after. It may go on all the same, and then the client is told so.
pub(super) async fn cancel<S>(
    mut inner: Inner<S>,
    out: Out,
    message: Message,
    id: Id,
) -> Result<Message, Failure>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    let Some(task) = task_id(&message) else { return Ok(no_task(&id)) };
    let before = match inner.task("tasks/get", &task, None, &out).await? {
        error if error.kind() == Kind::Error => return Ok(answered(error, &id)),
        before => before,
    };
    match task::progress(&before, &id, &task).ok_or_else(no_answer)? {
        Progress::Over(_) | Progress::Cancelled => {
            let text = "Invalid params: the task has ended and cannot be cancelled";
            return Ok(Message::from_error(Some(&id), code::INVALID_PARAMS, text, None));
        }
        Progress::Working(_) | Progress::InputRequired(..) => {}
    }
    let noted = inner.task("tasks/cancel", &task, None, &out).await?;
    if noted.kind() == Kind::Error {
        return Ok(answered(noted, &id));
    }
    let after = inner.task("tasks/get", &task, None, &out).await?;
    if after.kind() == Kind::Error {
        return Ok(answered(after, &id));
    }
    task::state(&after, &id).ok_or_else(no_answer)
}

/// Waits for the end of a task, and answers as the request would have been answered without one.
pub(super) async fn result<S>(
    mut inner: Inner<S>,
    out: Out,
    message: Message,
    id: Id,
) -> Result<Message, Failure>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    let Some(task) = task_id(&message) else { return Ok(no_task(&id)) };
    let deadline = Instant::now() + inner.limits.task_wait;
    let waited = timeout_at(deadline, wait(&mut inner, &out, &task, &id)).await;
    waited.unwrap_or_else(|_| {
        let stuck = Stuck::new(code::TIMED_OUT, "The task did not end in time; ask for its result again.");
        Ok(stuck.to_message(&id))
    })
}

async fn wait<S>(inner: &mut Inner<S>, out: &Out, task: &str, id: &Id) -> Result<Message, Failure>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    // A server goes on to name an input until it has taken note of the answer.
    let mut answered_keys = HashSet::new();
    let mut rounds = 0;
    loop {
        let answer = inner.task("tasks/get", task, None, out).await?;
        if answer.kind() == Kind::Error {
            return Ok(answered(answer, id));
        }
        let pause = match task::progress(&answer, id, task).ok_or_else(no_answer)? {
            Progress::Over(answer) => return Ok(answer),
            Progress::Cancelled => {
                return Ok(Message::from_error(Some(id), CANCELLED, "The task was cancelled.", None));
            }
            Progress::Working(pause) => pause,
            Progress::InputRequired(mut inputs, pause) => {
                inputs.retain(|input| !answered_keys.contains(input.key()));
                if !inputs.is_empty() {
                    rounds += 1;
                    if rounds > inner.limits.rounds {
                        let text = "The server asked for input again and again.";
                        return Ok(Stuck::new(code::EXHAUSTED, text).to_message(id));
                    }
                    let responses = match inner.gather(out, &inputs, Some(task)).await {
                        Ok(responses) => responses,
                        Err(stuck) => return Ok(stuck.to_message(id)),
                    };
                    let noted = inner.task("tasks/update", task, Some(responses), out).await?;
                    if noted.kind() == Kind::Error {
                        return Ok(answered(noted, id));
                    }
                    answered_keys.extend(inputs.iter().map(|input| input.key().to_owned()));
                }
                pause
            }
        };
        let longest = inner.limits.longest_pause.max(SHORTEST_PAUSE);
        sleep(pause.unwrap_or(PAUSE).clamp(SHORTEST_PAUSE, longest)).await;
    }
}

impl<S> Inner<S>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    /// Makes one request about a task, with an id of its own, and waits for the answer.
    async fn task(
        &mut self,
        method: &str,
        task: &str,
        responses: Option<String>,
        out: &Out,
    ) -> Result<Message, Failure> {
        let id = self.session.fresh_id();
        let mut members = format!(r#""taskId":{}"#, json::quote(task));
        if let Some(responses) = responses {
            members.push_str(&format!(r#","inputResponses":{responses}"#));
        }
        let params = self.declared(true).params(&members, None);
        let Some(params) = params else {
            return Ok(Message::from_error(Some(&id), code::INVALID_PARAMS, TOO_DEEP, None));
        };
        let request = Message::from_request(&id, method, &params);
        let mut reply = self.call(request).await?;
        rounds::read(&mut reply, out, &self.session, &self.limits).await
    }
}

fn task_id(message: &Message) -> Option<String> {
    let [task] = pick(message.text(), message.range_of(Part::Params)?, ["taskId"]);
    string(message.text(), task)
}

/// An answer to a request of the front's, as the answer to the client's.
fn answered(mut answer: Message, id: &Id) -> Message {
    answer.set_id(id);
    answer
}

fn no_task(id: &Id) -> Message {
    let text = "Invalid params: the task's id is missing, or is not a string";
    Message::from_error(Some(id), code::INVALID_PARAMS, text, None)
}

fn no_answer() -> Failure {
    garbage("the answer to tasks/get is no task")
}
