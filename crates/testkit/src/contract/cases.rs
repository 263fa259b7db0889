//! The cases. Each builds a fresh service, and says what went wrong in a sentence.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::StreamExt;
use portcullis_core::{BoxError, Principal, Trail, Verdict as Line};
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Fragment, Id, Kind, Message, Reply};
use tower_service::Service;

use super::{Case, Contract, Refuse, Verdict};
use crate::{Act, Ask, Scripted, read};

/// Attached to each call, to see whether it arrives.
#[derive(Clone)]
struct Attached;

/// What each call is asked of.
pub(super) trait Layered:
    Service<Call, Response = Reply, Error: Into<BoxError>> + Clone + 'static
{
}
impl<S: Service<Call, Response = Reply, Error: Into<BoxError>> + Clone + 'static> Layered for S {}

const RESULT: &str = r#"{"resultType":"complete","content":[]}"#;

fn ensure(condition: bool, what: impl Into<String>) -> Verdict {
    if condition { Ok(()) } else { Err(what.into()) }
}

/// Ids that a careless layer gets wrong: zero, and a string that needs escapes.
fn ids() -> [Id; 3] {
    [Id::from(0), Id::from("a\"\u{1}"), Id::from(i64::MIN)]
}

fn call(ask: &Ask) -> (Call, Trail) {
    let mut call = ask.call();
    call.extensions_mut().insert(Attached);
    let trail = Trail::enter(call.extensions_mut());
    (call, trail)
}

async fn ready<S: Layered>(service: &mut S) -> Result<(), Failure> {
    poll_fn(|cx| service.poll_ready(cx)).await.map_err(|error| Failure::from_error(error.into()))
}

async fn send<S: Layered>(service: &mut S, call: Call) -> Result<Reply, Failure> {
    ready(service).await?;
    service.call(call).await.map_err(|error| Failure::from_error(error.into()))
}

/// Lets whatever a layer may have spawned run.
async fn settle() {
    for _ in 0..32 {
        tokio::task::yield_now().await;
    }
}

/// Sends a call that must pass.
async fn passes<S: Layered>(service: &mut S, ask: &Ask) -> Verdict {
    let reply = send(service, call(ask).0).await.map_err(|failure| format!("a call failed: {failure}"))?;
    let (messages, failure) = read::outcome(reply).await;
    let result = messages.last().is_some_and(|message| message.kind() == Kind::Result);
    ensure(result && failure.is_none(), format!("a call that must pass got {messages:?}, {failure:?}"))
}

pub(super) async fn allow<W: Fn(Scripted) -> S, S: Layered>(contract: &Contract<W>) -> Verdict {
    let stream = Act::stream().notify("{}").pending().notify("{}").notify("{}").then_result(RESULT);
    for (act, count) in [(Act::result(RESULT), 1), (stream, 4)] {
        for id in ids() {
            let inner = Scripted::always(act.clone());
            let probe = inner.probe();
            let mut service = (contract.wrap)(inner);
            let (call, trail) = call(&contract.allow.clone().id(id.clone()));
            let reply = send(&mut service, call.clone()).await;
            let (messages, failure) = read::outcome(reply.map_err(|failure| failure.to_string())?).await;
            ensure(failure.is_none(), format!("the reply broke off: {failure:?}"))?;
            ensure(messages.len() == count, format!("{} of {count} messages came back", messages.len()))?;
            let last = messages.last().filter(|last| last.kind() == Kind::Result && last.id() == Some(&id));
            ensure(last.is_some(), "the answer is not the result for this id")?;
            ensure(trail.refusal().is_none(), "there is a refusal on the trail of a call that passed")?;

            let arrived = probe.calls();
            ensure(arrived.len() == 1, format!("the call arrived {} times", arrived.len()))?;
            for one in arrived {
                ensure(one.message().text() == call.message().text(), "the call was changed")?;
                ensure(one.extensions().get::<Attached>().is_some(), "an extension of the call was lost")?;
                let principals = [&one, &call].map(|call| call.extensions().get::<Principal>());
                ensure(principals[0] == principals[1], "the principal of the call was changed")?;
            }
        }
    }
    Ok(())
}

pub(super) async fn stream<W: Fn(Scripted) -> S, S: Layered>(contract: &Contract<W>) -> Verdict {
    let mut service = (contract.wrap)(Scripted::always(Act::stream().notify("{}").then_hang()));
    let mut reply =
        send(&mut service, call(&contract.allow).0).await.map_err(|failure| failure.to_string())?;
    let minute = std::time::Duration::from_secs(60);
    let first = tokio::time::timeout(minute, reply.next()).await;
    ensure(matches!(first, Ok(Some(Ok(_)))), "the first message is held until there is another")?;

    // A server that always has one more message, and a client that reads one.
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let endless = Act::with(move |_| {
        let count = Arc::clone(&count);
        Ok(Reply::stream(futures_util::stream::repeat_with(move || {
            count.fetch_add(1, Ordering::SeqCst);
            assert!(count.load(Ordering::SeqCst) < 10_000, "the stream is read without end");
            Ok(Message::from_notification("notifications/progress", &Fragment::empty()))
        })))
    });
    let mut service = (contract.wrap)(Scripted::always(endless));
    let mut reply =
        send(&mut service, call(&contract.allow).0).await.map_err(|failure| failure.to_string())?;
    ensure(matches!(reply.next().await, Some(Ok(_))), "a message of a stream is lost")?;
    settle().await;
    let made = made.load(Ordering::SeqCst);
    ensure(made <= 2, format!("{made} messages were read for a client that took one"))
}

pub(super) async fn refuse<W: Fn(Scripted) -> S, S: Layered>(contract: &Contract<W>) -> Verdict {
    let Case::Test(case) = &contract.refuse else { return Ok(()) };
    for id in ids() {
        let mut service = refused(contract, case, &id).await?;
        // Whoever is refused must not be in the way of others.
        if case.answer.is_none() {
            passes(&mut service, &contract.allow).await?;
        }
    }
    Ok(())
}

pub(super) async fn limit<W: Fn(Scripted) -> S, S: Layered>(contract: &Contract<W>) -> Verdict {
    let Case::Test(case) = &contract.limit else { return Ok(()) };
    for id in ids() {
        refused(contract, case, &id).await?;
    }
    Ok(())
}

pub(super) async fn missing_principal<W: Fn(Scripted) -> S, S: Layered>(contract: &Contract<W>) -> Verdict {
    let Case::Test(code) = &contract.missing_principal else { return Ok(()) };
    let case = Refuse::new(contract.allow.clone().without_principal(), *code);
    for id in ids() {
        let mut service = refused(contract, &case, &id).await?;
        passes(&mut service, &contract.allow).await?;
    }
    Ok(())
}

/// Sends a call that must be refused, and gives back the service for more.
async fn refused<W: Fn(Scripted) -> S, S: Layered>(
    contract: &Contract<W>,
    case: &Refuse,
    id: &Id,
) -> Result<S, String> {
    let before = case.before.iter().map(|_| Act::result(RESULT));
    let answers = case.answer.iter().cloned();
    let inner = Scripted::in_order(before.chain(answers).chain([Act::result(RESULT)]));
    let probe = inner.probe();
    let mut service = (contract.wrap)(inner);
    for ask in &case.before {
        passes(&mut service, ask).await?;
    }
    let (call, trail) = call(&case.ask.clone().id(id.clone()));
    let reply = send(&mut service, call).await;
    let reply = reply.map_err(|failure| format!("a refusal is a reply, not the failure {failure:?}"))?;
    let (messages, failure) = read::outcome(reply).await;
    ensure(failure.is_none(), format!("the reply broke off: {failure:?}"))?;
    let arrived = probe.calls().len();
    let wanted = case.before.len() + usize::from(case.answer.is_some());
    ensure(arrived == wanted, format!("{arrived} calls arrived where {wanted} should"))?;

    let answer = messages.last().ok_or("the refusal is empty")?;
    ensure(case.answer.is_some() || messages.len() == 1, "more than a refusal came back")?;
    ensure(answer.id() == Some(id), format!("the refusal has the id {:?} instead of {id:?}", answer.id()))?;
    let code = answer.error_code();
    ensure(code == Some(case.code), format!("the code is {code:?} instead of {}", case.code))?;

    let refusal = trail.refusal().ok_or("there is no refusal on the trail")?;
    let signed = trail.entries().into_iter().any(|entry| {
        entry.layer() == contract.layer && matches!(entry.verdict(), Line::Refuse(one) if *one == refusal)
    });
    ensure(signed, "the refusal on the trail is not signed with the layer's name")?;
    let told = String::from_utf8_lossy(answer.text());
    let leaked = refusal.detail().is_some_and(|detail| told.contains(detail));
    ensure(!leaked, "the caller is told what only the operator should know")?;
    ensure(!refusal.message().is_empty(), "the refusal does not say what to do")?;
    Ok(service)
}

pub(super) async fn inner_error<W: Fn(Scripted) -> S, S: Layered>(contract: &Contract<W>) -> Verdict {
    let Case::Test(()) = contract.inner_error else { return Ok(()) };
    for kind in [FailureKind::Unreachable, FailureKind::Timeout, FailureKind::Garbage] {
        let mut service = (contract.wrap)(Scripted::in_order([Act::fail(kind), Act::result(RESULT)]));
        match send(&mut service, call(&contract.allow).0).await {
            Ok(reply) => return Err(format!("a failure became the reply {reply:?}")),
            Err(failure) => same_kind(&failure, kind)?,
        }
        passes(&mut service, &contract.allow).await?;

        let breaks_off = Act::stream().notify("{}").pending().then_fail(kind);
        let mut service = (contract.wrap)(Scripted::in_order([breaks_off, Act::result(RESULT)]));
        let reply = send(&mut service, call(&contract.allow).0).await;
        let (messages, failure) = read::outcome(reply.map_err(|failure| failure.to_string())?).await;
        ensure(messages.len() == 1, "what came before a failure is lost")?;
        same_kind(&failure.ok_or("a failure mid-stream is lost")?, kind)?;
        passes(&mut service, &contract.allow).await?;
    }
    Ok(())
}

fn same_kind(failure: &Failure, kind: FailureKind) -> Verdict {
    ensure(failure.kind() == kind, format!("{kind:?} became {:?}", failure.kind()))
}

/// A waker that remembers.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

pub(super) async fn inner_not_ready<W: Fn(Scripted) -> S, S: Layered>(contract: &Contract<W>) -> Verdict {
    let Case::Test(()) = contract.readiness else { return Ok(()) };
    let inner = Scripted::always(Act::result(RESULT)).closed();
    let probe = inner.probe();
    let mut service = (contract.wrap)(inner);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let early = service.poll_ready(&mut Context::from_waker(&waker)).is_ready();
    ensure(!early, "the layer is ready though the inner service is not")?;
    probe.open();
    settle().await;
    ensure(woken.0.load(Ordering::SeqCst), "nobody is woken when the inner service becomes ready")?;
    // The instance that is readied is the one that is called, whatever becomes of its clones.
    ready(&mut service).await.map_err(|failure| failure.to_string())?;
    let mut clone = service.clone();
    let answer = service.call(call(&contract.allow).0).await;
    ensure(answer.is_ok(), "the instance that was readied does not answer")?;
    drop(service);
    passes(&mut clone, &contract.allow).await?;

    let kind = FailureKind::Unreachable;
    let mut service = (contract.wrap)(Scripted::always(Act::result(RESULT)).broken(kind));
    match send(&mut service, call(&contract.allow).0).await {
        Ok(reply) => Err(format!("an inner service that cannot become ready became the reply {reply:?}")),
        Err(failure) => same_kind(&failure, kind),
    }
}

pub(super) async fn cancel<W: Fn(Scripted) -> S, S: Layered>(contract: &Contract<W>) -> Verdict {
    let inner = Scripted::always(Act::hang());
    let probe = inner.probe();
    let mut service = (contract.wrap)(inner);
    ready(&mut service).await.map_err(|failure| failure.to_string())?;
    let mut future = Box::pin(service.call(call(&contract.allow).0));
    for _ in 0..32 {
        let polled = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        ensure(polled.is_pending(), "there is an answer though the inner service gave none")?;
        settle().await;
    }
    ensure(probe.futures().live() == 1, "the call does not arrive")?;
    drop(future);
    settle().await;
    ensure(probe.futures().dropped() == 1, "the inner call goes on after its caller has gone")
}

pub(super) async fn drop_reply<W: Fn(Scripted) -> S, S: Layered>(contract: &Contract<W>) -> Verdict {
    for read_one in [false, true] {
        let inner = Scripted::always(Act::stream().notify("{}").then_hang());
        let probe = inner.probe();
        let mut service = (contract.wrap)(inner);
        let reply = send(&mut service, call(&contract.allow).0).await;
        let mut reply = reply.map_err(|failure| failure.to_string())?;
        if read_one {
            ensure(matches!(reply.next().await, Some(Ok(_))), "a message of a stream is lost")?;
        }
        drop(reply);
        settle().await;
        ensure(probe.streams().dropped() == 1, "the inner stream goes on after its reader has gone")?;
    }
    Ok(())
}

pub(super) fn bad_config<W>(contract: &Contract<W>) -> Verdict {
    let Case::Test(configs) = &contract.bad_config else { return Ok(()) };
    ensure(!configs.is_empty(), "no bad configuration is tried")?;
    for config in configs {
        let Err(error) = (config.build)() else {
            return Err(format!("{:?} is taken for a configuration", config.input));
        };
        let text = error.to_string();
        ensure(text.contains(config.input), format!("{text:?} does not name the input {:?}", config.input))?;
    }
    Ok(())
}
