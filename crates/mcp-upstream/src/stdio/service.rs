use std::ffi::OsString;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};

use portcullis_core::Principal;
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Kind, LegacyClient, Reply};
use portcullis_mcp_legacy::upstream::{BoxFuture, LegacyUpstream};
use tower_service::Service;

use super::channel::Sessions;
use super::modern::Unopened;
use super::nursery::Owner;
use super::pool::{Miss, Pool};
use crate::auto::Found;
use crate::{Era, StdioUpstreamBuilder};

/// How often one call may find that its process went, or is not what it was taken for, before anything was sent.
const MOST_ROUNDS: usize = 4;

/// One MCP server that runs as a child process, as a service.
///
/// It takes calls of 2026-07-28, and its server may speak that or any revision before it
/// ([`era`](StdioUpstreamBuilder::era)). Calls of many clients are under way on one process at once: each gets an id and a
/// progress token that are unique there, and its answers come back under those that the client chose.
///
/// Clones share the processes and are cheap. The service is always ready; how many calls run at once is for a layer
/// outside to limit. Dropping the future or the [`Reply`] cancels the call, by
/// `notifications/cancelled`.
///
/// ```
/// use portcullis_mcp_jsonrpc::{Call, Fragment, FailureKind, Id, Message};
/// use portcullis_mcp_upstream::{Era, StdioUpstream};
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A server that knows the answer to one request, and ends.
/// let script = r#"read -r request; echo '{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}'"#;
/// let upstream = StdioUpstream::builder("sh").args(["-c", script]).era(Era::Modern).build()?;
///
/// let call = Call::new(Message::from_request(&Id::from("a"), "tools/list", &Fragment::empty()));
/// let reply = upstream.oneshot(call.clone()).await?;
/// let answer = reply.as_single().unwrap();
/// assert_eq!(answer.text(), &r#"{"jsonrpc":"2.0","id":"a","result":{"tools":[]}}"#[..]);
///
/// let nothing = StdioUpstream::builder("no-such-program").build()?;
/// assert_eq!(nothing.oneshot(call).await.unwrap_err().kind(), FailureKind::Unreachable);
/// # Ok(()) }
/// ```
///
/// # What is run
///
/// The program that the operator's code or configuration names, as the user that we are: **a command must never come from
/// a client**, a registry or a model, since whoever chooses it can do whatever we can.
///
/// A server gets a [clean environment](StdioUpstreamBuilder::env), a process group of its own, and
/// [limits](StdioUpstreamBuilder::limits) where they are set. What it writes to its standard error is logged line by line
/// (target `portcullis_mcp_upstream::stderr`): at most 50 lines per second and 4 KiB of each, control characters escaped.
///
/// # Servers of both eras
///
/// A process is of one era, the one that it was first spoken to in. A server that knows both is spoken to in its client's
/// own: calls of legacy clients ([`LegacyClient`]) go to a process of theirs that is initialized, all others to one that is
/// not, because a server may tell and ask in the one era what it cannot in the other. One principal with clients of both
/// eras has two processes then, with a memory each. Where that matters, [`era`](StdioUpstreamBuilder::era) decides for all.
///
/// # When something breaks
///
/// | what | the call |
/// |---|---|
/// | it cannot be started | [`Unreachable`](FailureKind::Unreachable) |
/// | it ended too often, too soon | [`Unreachable`](FailureKind::Unreachable) at once, until [it may be started again](StdioUpstreamBuilder::restart) |
/// | it ends, or closes its output | [`Close`](FailureKind::Close), for all calls on that process; the next call starts another |
/// | it does not read, or begins a line and does not end it | [`Timeout`](FailureKind::Timeout), likewise, and it is killed |
/// | a line is [too long](StdioUpstreamBuilder::max_message) | [`Oversize`](FailureKind::Oversize), likewise |
/// | a line is no message | is logged and skipped; if it holds a call's id, that call fails: [`Garbage`](FailureKind::Garbage) |
/// | a call takes [too long](StdioUpstreamBuilder::total_timeout) | [`Timeout`](FailureKind::Timeout), that call alone |
/// | the client reads too slowly | [`Overload`](FailureKind::Overload), that call alone |
/// | too many processes, or calls on one | [`Overload`](FailureKind::Overload) |
///
/// No call is made twice: one that was sent may have had its effect.
///
/// # Nothing is left behind
///
/// When the last clone is dropped and no reply is being read any more, the server's input is closed; if it does not end,
/// it gets `SIGTERM`, and then `SIGKILL`, and so does everything that it has started. When the runtime is shut down,
/// `SIGKILL` comes at once. When this process itself is killed, by whatever signal, a guard that was started next to the
/// server - a shell that waits for the end of a pipe - kills the whole group. What leaves the group by `setsid` gets away;
/// a server that is not trusted belongs in a container. The guard needs `/bin/sh`.
///
/// # What it needs and costs
///
/// A tokio runtime with I/O and time. Two processes per server, one of them a shell that sleeps. Per call, the future's
/// box, and the reply's if it is a stream; a request is copied once to change its id and once more if it has a progress
/// token, an answer once. What a slow client has not read is held up to the bounds at [`StdioUpstreamBuilder`].
#[derive(Clone)]
pub struct StdioUpstream {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) name: Arc<str>,
    pub(super) found: Arc<Found>,
    pub(super) pool: Arc<Pool>,
    pub(super) sessions: Sessions,
    pub(super) legacy: LegacyUpstream,
    pub(super) is_shared: bool,
}

impl StdioUpstream {
    /// Starts with the program: a name that is found in `PATH`, or an absolute path.
    pub fn builder(program: impl Into<OsString>) -> StdioUpstreamBuilder {
        StdioUpstreamBuilder::new(program.into())
    }

    pub(super) fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// What the server speaks, if that was said or has been found out.
    #[must_use]
    pub fn era(&self) -> Option<Era> {
        let has_sessions = self.inner.found.holds_sessions() == Some(true);
        self.inner.found.era().or(has_sessions.then_some(Era::Legacy))
    }
}

impl Inner {
    async fn dispatch(&self, mut call: Call) -> Result<Reply, Failure> {
        let owner = match self.is_shared {
            true => None,
            false => call.extensions().get::<Principal>().cloned(),
        };
        for _ in 0..MOST_ROUNDS {
            if self.found.era() == Some(Era::Legacy) {
                return self.legacy.clone().call(call).await;
            }
            if self.prefers_session(&call) {
                let outcome = self.legacy.clone().call(call.clone()).await;
                // Refused, it was not looked at.
                if self.found.holds_sessions() != Some(false) {
                    return outcome;
                }
            }
            let modern = match self.pool.acquire(&owner).await {
                Ok(modern) => modern,
                Err(miss) => {
                    self.learn(&owner, miss)?;
                    continue;
                }
            };
            self.found.set(Era::Modern);
            if call.message().kind() != Kind::Request {
                return modern.notify(call.message()).await;
            }
            match modern.open(call) {
                Ok(opened) => return opened.send().await,
                Err(Unopened::Gone(unsent)) => call = *unsent,
                Err(Unopened::Failed(failure)) => return Err(failure),
            }
        }
        Err(Failure::new(FailureKind::Unreachable).with_source("its processes end before they are of use"))
    }

    /// Whether a call is better made in a session, as long as it is not known that the server has none.
    fn prefers_session(&self, call: &Call) -> bool {
        call.extensions().get::<LegacyClient>().is_some() && self.found.holds_sessions() != Some(false)
    }

    /// What it means that there is no modern process. An error is for the caller; else there is another way.
    fn learn(&self, owner: &Owner, miss: Miss) -> Result<(), Failure> {
        match miss {
            Miss::Legacy(process) => {
                self.found.set(Era::Legacy);
                let process = process.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(process) = process {
                    self.sessions.keep(owner.clone(), process);
                }
                Ok(())
            }
            // 2026-07-28 does not speak of it, but there are servers that end when they are asked anything else than to
            // initialize. Whether it is one of them shows when a session is opened.
            Miss::Shy(_) if self.found.era().is_none() => {
                self.found.set(Era::Legacy);
                Ok(())
            }
            miss => Err(miss.failure()),
        }
    }
}

impl Service<Call> for StdioUpstream {
    type Response = Reply;
    type Error = Failure;
    type Future = StdioFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> StdioFuture {
        let inner = self.inner.clone();
        StdioFuture { inner: Box::pin(async move { inner.dispatch(call).await }) }
    }
}

impl std::fmt::Debug for StdioUpstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StdioUpstream")
            .field("name", &self.inner.name)
            .field("era", &self.era())
            .finish_non_exhaustive()
    }
}

/// Waits for the first message of the answer.
#[must_use = "futures do nothing unless polled"]
pub struct StdioFuture {
    inner: BoxFuture<'static, Result<Reply, Failure>>,
}

impl Future for StdioFuture {
    type Output = Result<Reply, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.inner.as_mut().poll(cx)
    }
}

impl std::fmt::Debug for StdioFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StdioFuture").finish_non_exhaustive()
    }
}
