//! Asking the client for what a server needs.

use futures_util::future::try_join_all;
use portcullis_core::json;
use portcullis_mcp_jsonrpc::{Fragment, Message, code};
use tokio::time::{Instant, timeout_at};

use crate::front::flow::Out;
use crate::front::inner::Inner;
use crate::front::session::Asked;
use crate::front::translate::input::{Input, Stuck};

impl<S> Inner<S> {
    /// Sends the client one request for each input, and waits for the answers: `inputResponses`, a JSON object.
    ///
    /// # Errors
    ///
    /// If the client cannot or will not give an input, or takes too long. It is told which requests are moot.
    pub(super) async fn gather(
        &mut self,
        out: &Out,
        inputs: &[Input],
        task: Option<&str>,
    ) -> Result<String, Stuck> {
        let full = || Stuck::new(code::EXHAUSTED, "The server asks the client for too much at a time.");
        if inputs.len() > self.limits.inputs {
            return Err(full());
        }
        inputs.iter().try_for_each(|input| input.check(self.session.client()))?;

        let mut asked = Vec::with_capacity(inputs.len());
        for _ in inputs {
            asked.push(self.session.ask(&self.limits).map_err(|_| full())?);
        }
        for (input, asked) in inputs.iter().zip(&asked) {
            out.send(input.to_request(asked.id(), task)).await;
        }
        let deadline = Instant::now() + self.limits.input_timeout;
        let answers = inputs.iter().zip(&mut asked).map(|(input, asked)| async move {
            let answer = timeout_at(deadline, asked.answer()).await.map_err(|_| {
                let text = format!("The client did not answer {} in time.", input.method());
                Stuck::new(code::TIMED_OUT, text)
            })?;
            Ok(format!("{}:{}", input.key(), input.response(&answer)?))
        });
        match try_join_all(answers).await {
            Ok(members) => Ok(format!("{{{}}}", members.join(","))),
            Err(stuck) => {
                for asked in asked.iter().filter(|asked| asked.is_waiting()) {
                    out.send(moot(asked)).await;
                }
                Err(stuck)
            }
        }
    }
}

/// Tells the client that an answer is not waited for any more.
fn moot(asked: &Asked) -> Message {
    let id = asked.id().to_json();
    let reason = json::quote("The answer is not needed any more.");
    let params = Fragment::parse(format!(r#"{{"requestId":{id},"reason":{reason}}}"#));
    Message::from_notification("notifications/cancelled", &params.unwrap_or_else(|_| Fragment::empty()))
}
