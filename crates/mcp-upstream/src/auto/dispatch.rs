//! A call on its way to a server whose era is not known, is not modern, or has become doubtful.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use futures_util::stream::{self, StreamExt};
use http::{Extensions, StatusCode};
use portcullis_core::{Principal, SubjectToken};
use portcullis_mcp_jsonrpc::{Call, EncodeFuture, Failure, FailureKind, LegacyClient, Message, Reply, code};
use tower_service::Service;

use super::verdict;
use super::{Auto, Sent};
use crate::Era;
use crate::credentials::Injector;
use crate::duplex::Cause;
use crate::failure;
use crate::probe::{self, Verdict};
use crate::service::with_nature;
use crate::transport::Witness;

/// How often one call may find that the server is not what it was taken for.
const MOST_ROUNDS: usize = 3;

/// How many messages may come before the answer to a probe.
const MOST_ASIDES: usize = 64;

/// What has come of a probe.
enum Step {
    /// The call was the probe.
    Answered(Reply),
    /// The era is known; the call is still to be made.
    Ask(Box<Call>),
}

impl Auto {
    /// Whether a call is better made in a session although the server is modern: a server of both eras may ask a legacy
    /// client what it could not ask a modern one, and the other way round.
    pub(crate) fn prefers_session(&self, call: &Call) -> bool {
        call.extensions().get::<LegacyClient>().is_some() && self.found().holds_sessions() != Some(false)
    }

    /// Makes a call as a modern one. What becomes of it can be learnt from the witness.
    pub(crate) fn modern(&self, call: Call, witness: Option<Arc<Witness>>) -> EncodeFuture {
        let mut modern = self.modern.clone();
        modern.get_mut().witness = witness;
        modern.call(with_nature(call))
    }

    /// Makes a call in whichever way the server understands, and finds that out first if need be.
    pub(crate) async fn dispatch(self, mut call: Call) -> Result<Reply, Failure> {
        let mut probed = false;
        for _ in 0..MOST_ROUNDS {
            let Some(era) = self.found().era() else {
                match self.find(call).await? {
                    Step::Answered(reply) => return Ok(reply),
                    Step::Ask(unanswered) => call = *unanswered,
                }
                probed = true;
                continue;
            };
            if era == Era::Modern && !self.prefers_session(&call) {
                return self.modern(call, None).await;
            }
            let sent = Sent::default();
            call.extensions_mut().insert(sent.clone());
            let outcome = match self.shared.legacy.clone().call(call.clone()).await {
                Ok(reply) => begun(reply, &sent).await,
                Err(failure) => Err(failure),
            };
            if era == Era::Modern {
                if sent.is() || self.found().holds_sessions() != Some(false) {
                    return outcome;
                }
                continue;
            }
            let now = self.found().era();
            let is_refuted = now.is_none() && !probed || now == Some(Era::Modern);
            if sent.is() || !is_refuted {
                return outcome;
            }
        }
        let text = "the server keeps changing what it speaks";
        Err(Failure::new(FailureKind::Garbage).with_source(text))
    }

    /// Asks the server what it speaks, unless somebody has meanwhile.
    async fn find(&self, call: Call) -> Result<Step, Failure> {
        let arrived = self.shared.rounds.load(Ordering::Acquire);
        let mut flight = self.shared.flight.lock().await;
        if self.found().era().is_some() {
            return Ok(Step::Ask(Box::new(call)));
        }
        let has_waited = self.shared.rounds.load(Ordering::Acquire) != arrived;
        if has_waited && let Some(undecided) = &flight.undecided {
            return Err(undecided.failure());
        }
        let is_probe = call.method() == "server/discover";
        let question = if is_probe { call.clone() } else { question(call.extensions()) };
        let probed = self.probe(question).await;
        let verdict = probed.verdict();
        match verdict {
            Verdict::Modern => self.found().set(Era::Modern),
            Verdict::Legacy => self.found().set(Era::Legacy),
            // That one caller is not let in says nothing of the next.
            Verdict::Undecided if self.has_callers() && probed.is_rejected() => flight.undecided = None,
            Verdict::Undecided => flight.undecided = Some(probed.cause()),
        }
        if verdict != Verdict::Undecided {
            flight.undecided = None;
        }
        self.shared.rounds.fetch_add(1, Ordering::AcqRel);
        match verdict {
            Verdict::Legacy => Ok(Step::Ask(Box::new(call))),
            Verdict::Modern if !is_probe => Ok(Step::Ask(Box::new(call))),
            Verdict::Undecided if !is_probe => Err(probed.into_failure()),
            Verdict::Modern | Verdict::Undecided => probed.outcome.map(Step::Answered),
        }
    }

    /// Looks into a doubt. Gives the outcome back if it is confirmed that the server is modern, or if this cannot be
    /// found out; else makes the call, which the server has not looked at, in a session.
    pub(crate) async fn reconsider(
        self,
        message: Message,
        witness: Arc<Witness>,
        outcome: Result<Reply, Failure>,
    ) -> Result<Reply, Failure> {
        let is_unknown = single(&outcome).and_then(Message::error_code) == Some(code::METHOD_NOT_FOUND);
        if is_unknown && !message.method().is_some_and(verdict::is_core) {
            return outcome;
        }
        let mut flight = self.shared.flight.lock().await;
        if self.found().era() == Some(Era::Modern) {
            if !flight.may_doubt() {
                return outcome;
            }
            let verdict = if message.method() == Some("server/discover") {
                // It is the very question.
                verdict::of_discover(witness.status(), single(&outcome))
            } else {
                self.probe(question(&witness.extensions())).await.verdict()
            };
            if verdict != Verdict::Legacy {
                return outcome;
            }
            self.found().set(Era::Legacy);
        }
        drop(flight);
        let mut call = Call::new(message);
        *call.extensions_mut() = witness.extensions();
        self.dispatch(call).await
    }

    /// Whether each caller has credentials of their own.
    fn has_callers(&self) -> bool {
        let credentials = self.modern.get_ref().core.credentials.as_ref();
        credentials.and_then(Injector::callers).is_some()
    }

    async fn probe(&self, question: Call) -> Probed {
        let witness = Arc::new(Witness::default());
        let outcome = match self.modern(question, Some(Arc::clone(&witness))).await {
            Ok(reply) => whole(reply).await,
            Err(failure) => Err(failure),
        };
        Probed { status: witness.status(), outcome }
    }
}

/// What the server is asked, on behalf of whoever wants to know.
fn question(extensions: &Extensions) -> Call {
    let mut question = Call::new(probe::discover());
    let asker = (extensions.get::<Principal>().cloned(), extensions.get::<SubjectToken>().cloned());
    if let (Some(principal), Some(subject)) = asker {
        question.extensions_mut().insert(principal);
        question.extensions_mut().insert(subject);
    }
    question
}

/// What a probe came to: a reply of one message, or a failure.
struct Probed {
    status: Option<StatusCode>,
    outcome: Result<Reply, Failure>,
}

impl Probed {
    fn verdict(&self) -> Verdict {
        verdict::of_discover(self.status, single(&self.outcome))
    }

    /// Whether it was not let in.
    fn is_rejected(&self) -> bool {
        self.outcome.as_ref().is_err_and(|failure| failure.kind() == FailureKind::Reject)
    }

    /// What those are told who waited for it in vain.
    fn cause(&self) -> Cause {
        match (&self.outcome, self.status) {
            (Err(failure), _) => {
                let source = std::error::Error::source(failure).map(ToString::to_string);
                Cause::new(failure.kind(), source.unwrap_or_default())
            }
            (Ok(_), status) => Cause::new(FailureKind::Garbage, said(status)),
        }
    }

    /// What is told to somebody who asked something else.
    fn into_failure(self) -> Failure {
        match (self.outcome, self.status) {
            (Err(failure), _) => failure,
            (Ok(_), Some(status)) if !status.is_success() => failure::of_status(status),
            (Ok(_), status) => Failure::new(FailureKind::Garbage).with_source(said(status)),
        }
    }
}

fn said(status: Option<StatusCode>) -> String {
    status.map_or_else(|| "no response".to_owned(), |status| format!("HTTP status {status}"))
}

fn single(outcome: &Result<Reply, Failure>) -> Option<&Message> {
    outcome.as_ref().ok().and_then(Reply::as_single)
}

/// Waits until the call has been sent, or has come to something without that.
async fn begun(mut reply: Reply, sent: &Sent) -> Result<Reply, Failure> {
    if reply.as_single().is_some() || reply.is_empty() {
        return Ok(reply);
    }
    let first = poll_fn(|cx| match reply.poll_message(cx) {
        Poll::Ready(first) => Poll::Ready(Some(first)),
        Poll::Pending if sent.is() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    let message = match first.await {
        None => return Ok(reply),
        Some(None) => return Ok(Reply::accepted()),
        Some(Some(first)) => first?,
    };
    let extensions = std::mem::take(reply.extensions_mut());
    let mut whole = match message.is_answer() {
        true => Reply::message(message),
        false => Reply::stream(stream::iter([Ok(message)]).chain(reply)),
    };
    *whole.extensions_mut() = extensions;
    Ok(whole)
}

/// Reads a reply to its answer, which is what counts of a probe.
async fn whole(mut reply: Reply) -> Result<Reply, Failure> {
    if reply.as_single().is_some() {
        return Ok(reply);
    }
    let mut asides = 0;
    while let Some(message) = poll_fn(|cx| reply.poll_message(cx)).await {
        let message = message?;
        if message.is_answer() {
            let extensions = std::mem::take(reply.extensions_mut());
            let mut whole = Reply::message(message);
            *whole.extensions_mut() = extensions;
            return Ok(whole);
        }
        asides += 1;
        if asides > MOST_ASIDES {
            break;
        }
    }
    let text = "no answer to server/discover";
    Err(Failure::new(FailureKind::Garbage).with_source(text))
}
