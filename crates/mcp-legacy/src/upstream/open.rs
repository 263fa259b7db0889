//! Begins sessions.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use http::Extensions;
use portcullis_mcp_jsonrpc::{Failure, FailureKind, Fragment, Id, Kind, Message, code};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::hello::{Hello, VERSIONS};
use super::pool::{Key, Look, Trouble, Wanted};
use super::service::Shared;
use super::session::{Lease, Session};
use super::{Channel, ChannelError, Outgoing, route};

/// What a server is told where the client does not say what it is.
const CLIENT_INFO: &str = concat!(r#"{"name":"portcullis","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);

/// How often a caller finds a session that ended before it could get in.
const ATTEMPTS: usize = 3;

/// The id of `initialize`.
const INITIALIZE: i64 = 1;

impl Shared {
    /// A place in the session that a call needs. All who need the same one wait for the same `initialize`.
    pub(super) async fn enter(self: &Arc<Self>, wanted: &Wanted) -> Result<Lease, Failure> {
        let (max_sessions, max_calls) = (self.settings.max_sessions, self.settings.max_calls_per_session);
        for _ in 0..ATTEMPTS {
            let mut done = match self.pool.look(wanted, max_sessions, max_calls) {
                Look::In(lease) => return Ok(lease),
                Look::No(failure) => return Err(failure),
                Look::Wait(done) => done,
                Look::Begin(key, sender) => {
                    let done = sender.subscribe();
                    let (shared, client_info) = (self.clone(), wanted.client_info().map(str::to_owned));
                    // A task of its own: whoever came first may go away, while others wait.
                    tokio::spawn(async move {
                        let opened = shared.open(&key, client_info.as_deref()).await;
                        let opened = opened.map_err(|failure| {
                            tracing::info!(server = &*shared.settings.name, %failure, "no session could be begun");
                            Trouble::new(&failure)
                        });
                        shared.pool.begun(&key, &opened);
                        shared.sweep_now_and_then();
                        let _ = sender.send(Some(opened));
                    });
                    done
                }
            };
            match done.wait_for(Option::is_some).await.ok().and_then(|opened| opened.clone()) {
                Some(Ok(_)) => {}
                Some(Err(trouble)) => return Err(trouble.to_failure()),
                None => return Err(Failure::new(FailureKind::Internal)),
            }
        }
        Err(Failure::new(FailureKind::Close).with_source("sessions with the server end at once"))
    }

    async fn open(self: &Arc<Self>, key: &Key, client_info: Option<&str>) -> Result<Arc<Session>, Failure> {
        let opening = async {
            let channel = self.connect.connect(key.principal.as_ref()).await?;
            let closing = Closing(Some(channel.clone()), Handle::current());
            let session = self.initialize(&channel, key, client_info.unwrap_or(CLIENT_INFO)).await;
            let session = Arc::new(session?);
            closing.keep();
            Ok(session)
        };
        let opened = timeout(self.settings.initialize_timeout, opening).await;
        let session = opened.unwrap_or_else(|_| {
            Err(Failure::new(FailureKind::Timeout)
                .with_source("the server did not answer initialize in time"))
        })?;
        let pump = session.spawn(route::pump(session.clone()));
        session.pumped_by(pump);
        Ok(session)
    }

    async fn initialize(
        self: &Arc<Self>,
        channel: &Arc<dyn Channel>,
        key: &Key,
        client_info: &str,
    ) -> Result<Session, Failure> {
        let [version, ..] = VERSIONS;
        let capabilities = key.capabilities.text();
        let params = format!(
            r#"{{"protocolVersion":"{version}","capabilities":{capabilities},"clientInfo":{client_info}}}"#
        );
        let params = Fragment::parse(params)
            .map_err(|error| Failure::new(FailureKind::Internal).with_source(error))?;
        let message = Message::from_request(&Id::from(INITIALIZE), "initialize", &params);
        let answer = answer_of(channel, message).await.map_err(to_failure)?;
        let hello = Hello::read(&answer, &self.cache)
            .map_err(|error| Failure::new(FailureKind::Garbage).with_source(error))?;
        channel.negotiated(hello.version);
        let initialized = Message::from_notification("notifications/initialized", &Fragment::empty());
        send(channel, initialized).await.map_err(to_failure)?;
        Ok(Session::new(channel.clone(), hello, key.clone(), Arc::downgrade(self), INITIALIZE))
    }

    /// Starts the task that ends what nobody uses, unless it runs.
    fn sweep_now_and_then(self: &Arc<Self>) {
        if self.swept.swap(true, std::sync::atomic::Ordering::Relaxed) {
            return;
        }
        let shortest = self.settings.idle.min(self.settings.park_timeout);
        let pause = (shortest / 4).clamp(Duration::from_millis(10), Duration::from_secs(5));
        tokio::spawn(sweep(Arc::downgrade(self), pause));
    }
}

async fn sweep(shared: Weak<Shared>, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        let Some(shared) = shared.upgrade() else { return };
        shared.lot.expire();
        shared.pool.sweep(shared.settings.idle);
    }
}

/// Closes a channel on which no session came about.
struct Closing(Option<Arc<dyn Channel>>, Handle);

impl Closing {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        if let Some(channel) = self.0.take() {
            // Where the runtime ends, this is called outside of it.
            self.1.spawn(async move { channel.close().await });
        }
    }
}

async fn answer_of(channel: &Arc<dyn Channel>, message: Message) -> Result<Message, ChannelError> {
    let id = message.id().cloned();
    let mut incoming = channel.send(Outgoing { message, extensions: Extensions::new() }).await?;
    while let Some(message) = incoming.next().await {
        let message = message?;
        if message.is_answer() && message.id() == id.as_ref() {
            return Ok(message);
        }
        // Before it has begun, a server may ping and log, and nothing else (2025-11-25, Lifecycle, "Initialization").
        if message.kind() == Kind::Request {
            let answer = match message.method() {
                Some("ping") => message.id().map(|id| Message::from_result(id, &Fragment::empty())),
                _ => Some(Message::from_error(
                    message.id(),
                    code::INVALID_REQUEST,
                    "not initialized yet",
                    None,
                )),
            };
            if let Some(answer) = answer {
                send(channel, answer).await?;
            }
        }
    }
    Err(ChannelError::Failed(Failure::new(FailureKind::Close).with_source("no answer to initialize")))
}

async fn send(channel: &Arc<dyn Channel>, message: Message) -> Result<(), ChannelError> {
    channel.send(Outgoing { message, extensions: Extensions::new() }).await.map(drop)
}

/// What a call is told that met this.
pub(super) fn to_failure(error: ChannelError) -> Failure {
    match error {
        ChannelError::Forgotten => {
            Failure::new(FailureKind::Unreachable).with_source("the server has forgotten the session")
        }
        ChannelError::Failed(failure) | ChannelError::Broken(failure) => failure,
    }
}
