//! A small layer that does everything a layer may do, and everything it must not.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker, ready};

use futures_util::{StreamExt, stream};
use portcullis_core::{Answer, BoxError, Inquiry, Reason, Refusal, Step, Trail, Verdict};
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Fragment, Id, Message, Reply, ReplyTo};
use tower_service::Service;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    None,
    CallsTwice,
    LosesExtensions,
    ChangesTheCall,
    LosesMessages,
    ChangesTheId,
    HoldsTheStream,
    ReadsAhead,
    FailsToRefuse,
    AsksAllTheSame,
    RefusesWithFailure,
    RefusesWithoutId,
    RefusesWithOtherCode,
    LeavesNoTrail,
    SignsWithOtherName,
    TellsTheDetail,
    RefusesForEver,
    AnswersFailures,
    ChangesFailures,
    EndsBrokenStreams,
    IsAlwaysReady,
    ForgetsTheWaker,
    CallsAClone,
    HidesUnreadiness,
    Detaches,
    DetachesTheReply,
    TrustsAnybody,
    HasNoLimit,
    TakesBadConfig,
    NamesNoInput,
}

/// Lets verified callers call all tools but one, a number of times.
#[derive(Clone)]
pub(crate) struct GateLayer {
    forbidden: &'static str,
    most: usize,
    defect: Defect,
}

impl GateLayer {
    pub(crate) fn new(forbidden: &'static str, most: usize) -> Result<Self, BoxError> {
        if forbidden.is_empty() {
            return Err(format!("no tool has the name {forbidden:?}").into());
        }
        Ok(Self { forbidden, most, defect: Defect::None })
    }

    pub(crate) fn with(mut self, defect: Defect) -> Self {
        self.defect = defect;
        self
    }

    pub(crate) fn layer<S>(&self, inner: S) -> Gate<S> {
        Gate { inner, layer: self.clone(), used: Arc::default(), refused: Arc::default() }
    }
}

#[derive(Clone)]
pub(crate) struct Gate<S> {
    inner: S,
    layer: GateLayer,
    used: Arc<AtomicUsize>,
    refused: Arc<AtomicBool>,
}

impl<S> Gate<S> {
    fn decide(&self, call: &Call) -> Result<(), Refusal> {
        let defect = self.layer.defect;
        if call.principal().is_none() && defect != Defect::TrustsAnybody {
            return Err(Refusal::new(Reason::Authenticate, "Sign in first."));
        }
        let forever = defect == Defect::RefusesForEver && self.refused.load(Ordering::SeqCst);
        if forever || (call.name() == Some(self.layer.forbidden) && defect != Defect::FailsToRefuse) {
            self.refused.store(true, Ordering::SeqCst);
            return Err(Refusal::new(Reason::Forbid, "This tool is not for you.").with_detail("rule 7"));
        }
        let used = self.used.fetch_add(1, Ordering::SeqCst);
        if used >= self.layer.most && defect != Defect::HasNoLimit {
            return Err(Refusal::new(Reason::Exhaust, "Try again tomorrow."));
        }
        Ok(())
    }
}

fn refuse(defect: Defect, to: &ReplyTo, refusal: Refusal, trail: Option<&Trail>) -> Result<Reply, Failure> {
    let other = |id: Option<&Id>, code, text: &str| Reply::message(Message::from_error(id, code, text, None));
    Ok(match defect {
        Defect::RefusesWithFailure => return Err(Failure::new(FailureKind::Internal)),
        Defect::LeavesNoTrail => other(to.id(), -31403, "no"),
        Defect::RefusesWithoutId => {
            to.record(Verdict::Refuse(refusal));
            other(None, -31403, "no")
        }
        Defect::RefusesWithOtherCode => {
            to.record(Verdict::Refuse(refusal));
            other(to.id(), -32000, "no")
        }
        Defect::SignsWithOtherName => {
            trail.unwrap().record("door", Verdict::Refuse(refusal));
            other(to.id(), -31403, "no")
        }
        Defect::TellsTheDetail => {
            let text = format!("{refusal}: {}", refusal.detail().unwrap_or_default());
            to.record(Verdict::Refuse(refusal));
            other(to.id(), -31403, &text)
        }
        _ => Reply::refuse(to, refusal),
    })
}

impl<S> Service<Call> for Gate<S>
where
    S: Service<Call, Response = Reply, Error = Failure> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Reply;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        match self.layer.defect {
            Defect::IsAlwaysReady => Poll::Ready(Ok(())),
            Defect::ForgetsTheWaker => self.inner.poll_ready(&mut Context::from_waker(Waker::noop())),
            Defect::HidesUnreadiness => {
                // Takes a failure for readiness.
                let _ = ready!(self.inner.poll_ready(cx));
                Poll::Ready(Ok(()))
            }
            _ => self.inner.poll_ready(cx),
        }
    }

    fn call(&mut self, mut call: Call) -> Self::Future {
        let defect = self.layer.defect;
        let to = call.reply_to("gate");
        let trail = Trail::of(call.extensions()).cloned();
        if let Err(refusal) = self.decide(&call) {
            let asked = (defect == Defect::AsksAllTheSame).then(|| self.inner.call(call));
            let refused = refuse(defect, &to, refusal, trail.as_ref());
            return Box::pin(async move {
                if let Some(asked) = asked {
                    drop(asked.await);
                }
                refused
            });
        }
        match defect {
            Defect::LosesExtensions => call = Call::new(call.into_parts().0),
            Defect::ChangesTheCall => call.message_mut().set_name("other"),
            _ => {}
        }
        let again = (defect == Defect::CallsTwice).then(|| (self.inner.clone(), call.clone()));
        let answered = match defect {
            Defect::CallsAClone => self.inner.clone().call(call),
            _ => self.inner.call(call),
        };
        let future = async move {
            if let Some((mut inner, call)) = again {
                std::future::poll_fn(|cx| inner.poll_ready(cx)).await?;
                drop(inner.call(call));
            }
            spoil(defect, to, answered.await).await
        };
        match defect {
            Defect::Detaches => {
                let task = tokio::spawn(future);
                Box::pin(async { task.await.unwrap() })
            }
            _ => Box::pin(future),
        }
    }
}

/// What becomes of the answer. Without a defect, answers that hold a certain word are refused.
async fn spoil(defect: Defect, to: ReplyTo, answered: Result<Reply, Failure>) -> Result<Reply, Failure> {
    let reply = match (defect, answered) {
        (Defect::AnswersFailures, Err(failure)) => return Ok(Reply::message(to.failure(&failure))),
        (Defect::ChangesFailures, Err(failure)) => {
            return Err(Failure::new(FailureKind::Internal).with_source(failure));
        }
        (_, answered) => answered?,
    };
    Ok(match defect {
        Defect::LosesMessages => Answer::inspect(reply, to, |message: Message| match message.is_answer() {
            true => Step::Forward(message),
            false => Step::Withhold,
        }),
        Defect::ChangesTheId => Reply::result(&Id::from(1), &Fragment::empty()),
        Defect::HoldsTheStream => Reply::stream(stream::iter(reply.collect::<Vec<_>>().await)),
        Defect::ReadsAhead => {
            let mut reply = reply;
            let mut held = Vec::new();
            while held.len() < 5 {
                match std::future::poll_fn(|cx| Poll::Ready(reply.poll_message(cx))).await {
                    Poll::Ready(Some(item)) => held.push(item),
                    Poll::Ready(None) | Poll::Pending => break,
                }
            }
            Reply::stream(stream::iter(held).chain(reply))
        }
        Defect::EndsBrokenStreams => Reply::stream(reply.take_while(|item| std::future::ready(item.is_ok()))),
        Defect::DetachesTheReply => {
            let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
            tokio::spawn(async move {
                let mut reply = reply;
                while let Some(item) = reply.next().await {
                    drop(sender.send(item).await);
                }
            });
            Reply::stream(stream::poll_fn(move |cx| receiver.poll_recv(cx)))
        }
        _ => Answer::inspect(reply, to, |message: Message| {
            match String::from_utf8_lossy(message.text()).contains("forbidden") {
                true => Step::Refuse(Refusal::new(Reason::Forbid, "The answer may not pass.")),
                false => Step::Forward(message),
            }
        }),
    })
}
