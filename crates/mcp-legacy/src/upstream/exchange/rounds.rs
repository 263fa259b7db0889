//! Calls that wait for their client between one round and the next.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use portcullis_mcp_jsonrpc::{Failure, FailureKind, Fragment, Message, code};

use super::Exchange;
use crate::upstream::flight::Question;
use crate::upstream::open::to_failure;
use crate::upstream::pool::Wanted;
use crate::upstream::request::Request;
use crate::upstream::service::Shared;
use crate::upstream::{ChannelError, Outgoing, answer};

impl Shared {
    /// Takes up a call that waits; none if the state is not that of one.
    pub(super) async fn resume(
        self: Arc<Self>,
        request: Request,
        wanted: Wanted,
        state: &str,
    ) -> Result<Option<Exchange>, Failure> {
        let Some(mut flight) = self.lot.take(&request.context(&self.settings.name), state) else {
            return Ok(None);
        };
        let (mut answers, mut open) = (Vec::new(), Vec::new());
        for question in std::mem::take(&mut flight.questions) {
            match request.response(&question.key).map(|response| Fragment::parse(response.to_vec())) {
                Some(Ok(response)) => answers.push(Message::from_result(&question.id, &response)),
                _ => open.push(question),
            }
        }
        flight.questions = open;
        flight.hear_from(request.level.get());
        if let Some(level) = request.level.get() {
            flight.session().log_from(level).await;
        }
        let channel = flight.session().channel.clone();
        for message in answers {
            let outgoing = Outgoing { message, extensions: request.extensions().clone() };
            match channel.send(outgoing).await {
                Ok(_) => {}
                Err(error) => {
                    if !matches!(error, ChannelError::Failed(_)) {
                        flight.landed();
                        flight.session().lose(&error);
                    }
                    return Err(to_failure(error));
                }
            }
        }
        let mut exchange = Exchange::new(self, request, wanted);
        exchange.again = false;
        exchange.sent.store(true, Ordering::Relaxed);
        exchange.flight = Some(flight);
        Ok(Some(exchange))
    }
}

impl Exchange {
    /// Has the call wait for its client, and says what for. Without room to wait, the server gets no answers.
    pub(super) fn park(&mut self) -> Result<Option<Message>, Failure> {
        self.delayed = 0;
        let Some(mut flight) = self.flight.take_if(|flight| !flight.questions.is_empty()) else {
            return Ok(None);
        };
        if let Some((number, state)) =
            self.shared.lot.ticket(&self.request.context(&self.shared.settings.name))
        {
            let questions = flight.questions.iter().map(|Question { key, text, .. }| (&**key, text));
            let message = answer::input_required(&self.request.id, questions, Some(&state))
                .ok_or_else(|| Failure::new(FailureKind::Garbage))?;
            match self.shared.lot.park(number, flight) {
                Ok(()) => return Ok(Some(message)),
                Err(back) => flight = back,
            }
        }
        for question in std::mem::take(&mut flight.questions) {
            flight.session().refuse(
                &question.id,
                code::INTERNAL_ERROR,
                "too many calls wait for their clients",
            );
        }
        self.flight = Some(flight);
        Ok(None)
    }
}
