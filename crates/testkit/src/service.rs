use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Reply};
use tower_service::Service;

use crate::{Act, Watch};

/// A message-level service that follows a script, and insists on the tower contract.
///
/// Clones share the script. A clone is not ready, whatever the original is, and an instance that is called without
/// having been readied panics: a layer that calls another instance than the one it readied does not get away with it.
///
/// ```
/// use portcullis_mcp_jsonrpc::FailureKind;
/// use portcullis_testkit::{Act, Ask, Scripted};
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let service = Scripted::in_order([Act::fail(FailureKind::Unreachable), Act::result("{}")]);
/// assert!(service.clone().oneshot(Ask::tool("echo").call()).await.is_err());
/// assert!(service.clone().oneshot(Ask::tool("echo").call()).await.is_ok());
/// assert_eq!(service.probe().calls().len(), 2);
/// # }
/// ```
#[derive(Debug)]
pub struct Scripted {
    shared: Arc<Shared>,
    ready: bool,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    futures: Watch,
    streams: Watch,
}

#[derive(Debug)]
struct State {
    script: Script,
    readiness: Readiness,
    wakers: Vec<Waker>,
    calls: Vec<Call>,
}

#[derive(Debug)]
enum Script {
    Always(Act),
    InOrder(VecDeque<Act>),
}

#[derive(Clone, Copy, Debug)]
enum Readiness {
    Open,
    Closed,
    Fail(FailureKind),
}

impl Scripted {
    fn new(script: Script) -> Self {
        let state = State { script, readiness: Readiness::Open, wakers: Vec::new(), calls: Vec::new() };
        let shared = Shared { state: Mutex::new(state), futures: Watch::new(), streams: Watch::new() };
        Self { shared: Arc::new(shared), ready: false }
    }

    /// Does the same with every call.
    #[must_use]
    pub fn always(act: Act) -> Self {
        Self::new(Script::Always(act))
    }

    /// Does one act per call. A call too many is a mistake of the test, and panics.
    #[must_use]
    pub fn in_order(acts: impl IntoIterator<Item = Act>) -> Self {
        Self::new(Script::InOrder(acts.into_iter().collect()))
    }

    /// Is not ready until [`Probe::open`].
    #[must_use]
    pub fn closed(self) -> Self {
        self.shared.state().readiness = Readiness::Closed;
        self
    }

    /// Fails whenever it is asked whether it is ready.
    #[must_use]
    pub fn broken(self, kind: FailureKind) -> Self {
        self.shared.state().readiness = Readiness::Fail(kind);
        self
    }

    /// A view from outside, for when a layer owns the service.
    #[must_use]
    pub fn probe(&self) -> Probe {
        Probe { shared: Arc::clone(&self.shared) }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clone is not ready, whatever the original is.
impl Clone for Scripted {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), ready: false }
    }
}

impl Service<Call> for Scripted {
    type Response = Reply;
    type Error = Failure;
    type Future = ScriptedFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let mut state = self.shared.state();
        match state.readiness {
            Readiness::Open => {
                self.ready = true;
                Poll::Ready(Ok(()))
            }
            Readiness::Closed => {
                state.wakers.push(cx.waker().clone());
                Poll::Pending
            }
            Readiness::Fail(kind) => {
                Poll::Ready(Err(Failure::new(kind).with_source("not ready, by the script")))
            }
        }
    }

    fn call(&mut self, call: Call) -> ScriptedFuture {
        assert!(std::mem::take(&mut self.ready), "an instance was called that was not readied");
        let act = {
            let mut state = self.shared.state();
            state.calls.push(call.clone());
            match &mut state.script {
                Script::Always(act) => Some(act.clone()),
                Script::InOrder(acts) => acts.pop_front(),
            }
        };
        let act = act.expect("the script has an act for every call");
        let (guard, streams) = (self.shared.futures.guard(), self.shared.streams.clone());
        let inner = Box::pin(async move {
            let reply = act.play(&call, &streams).await;
            guard.finish();
            reply
        });
        ScriptedFuture { inner }
    }
}

/// What a [`Scripted`] service returns.
pub struct ScriptedFuture {
    inner: Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send>>,
}

impl Future for ScriptedFuture {
    type Output = Result<Reply, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.inner.as_mut().poll(cx)
    }
}

impl std::fmt::Debug for ScriptedFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScriptedFuture").finish_non_exhaustive()
    }
}

/// What a [`Scripted`] service has seen.
#[derive(Clone, Debug)]
pub struct Probe {
    shared: Arc<Shared>,
}

impl Probe {
    /// The calls so far, in the order they came.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().calls.clone()
    }

    /// The futures that the service has returned: those that wait, that gave a reply or failure, that were dropped.
    #[must_use]
    pub fn futures(&self) -> &Watch {
        &self.shared.futures
    }

    /// The streams that its replies held: those that go on, that were read up to the answer, that were dropped.
    #[must_use]
    pub fn streams(&self) -> &Watch {
        &self.shared.streams
    }

    /// Makes a [closed](Scripted::closed) service ready, and wakes whoever waits for it.
    pub fn open(&self) {
        let mut state = self.shared.state();
        state.readiness = Readiness::Open;
        state.wakers.drain(..).for_each(Waker::wake);
    }
}
