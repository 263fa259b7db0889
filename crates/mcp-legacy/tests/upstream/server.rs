//! A scripted legacy server behind channels in memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::{FutureExt, StreamExt, stream};
use portcullis_core::{Principal, json};
use portcullis_mcp_jsonrpc::{Failure, FailureKind, Id, Kind, Message};
use portcullis_mcp_legacy::upstream::{
    BoxFuture, Channel, ChannelError, Connect, Incoming, LegacyUpstream, LegacyUpstreamBuilder, Outgoing,
};
use tokio::sync::{Mutex as Turn, mpsc, oneshot, watch};

/// How messages come to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// On the response to the request that they belong to, as HTTP has it.
    Streams,
    /// Mixed on one channel, as a child process has it: only answers and progress tell where they belong.
    Duplex,
}

type Script = Arc<dyn Fn(Peer) -> BoxFuture<'static, ()> + Send + Sync>;

/// The server: what it was sent, and what it does with it.
pub(crate) struct Server {
    style: Style,
    script: Script,
    /// The result of `initialize`.
    hello: Mutex<String>,
    /// Every message of every channel, in order.
    heard: watch::Sender<Vec<Message>>,
    /// Every channel that was ever opened, with whom it is for.
    links: watch::Sender<Vec<(Option<Principal>, Arc<Link>)>>,
    /// What connecting and initialising does.
    pub(crate) refuse_connections: AtomicBool,
    pub(crate) silent: AtomicBool,
    pub(crate) deaf: AtomicBool,
    pub(crate) panics: AtomicBool,
    /// Whether messages that nobody waits for are never taken.
    pub(crate) stuck: AtomicBool,
    asked: AtomicI64,
    /// How many channels are held.
    wires: AtomicI64,
}

/// One channel.
pub(crate) struct Link {
    server: Arc<Server>,
    tell: mpsc::Sender<Result<Message, ChannelError>>,
    told: Arc<Turn<mpsc::Receiver<Result<Message, ChannelError>>>>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Message>>>,
    pub(crate) forgotten: AtomicBool,
    pub(crate) closed: AtomicBool,
    pub(crate) listened: AtomicBool,
    pub(crate) negotiated: Mutex<Option<String>>,
}

/// The server's side of one request.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) request: Message,
    pub(crate) link: Arc<Link>,
    stream: mpsc::Sender<Result<Message, ChannelError>>,
}

pub(crate) const ALL: &str = r#"{"protocolVersion":"2025-11-25","capabilities":{"logging":{},"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"listChanged":true,"subscribe":true},"tasks":{"requests":{"tools":{"call":{}}}}},"serverInfo":{"name":"old","version":"1"},"instructions":"Be kind."}"#;

pub(crate) fn parse(text: impl Into<String>) -> Message {
    let text = text.into();
    Message::parse(text.clone().into()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

pub(crate) fn text(message: &Message) -> String {
    String::from_utf8(message.text().to_vec()).unwrap()
}

impl Server {
    pub(crate) fn new<F>(style: Style, script: impl Fn(Peer) -> F + Send + Sync + 'static) -> Arc<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Arc::new(Self {
            style,
            script: Arc::new(move |peer| Box::pin(script(peer))),
            hello: Mutex::new(ALL.to_owned()),
            heard: watch::Sender::new(Vec::new()),
            links: watch::Sender::new(Vec::new()),
            refuse_connections: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            deaf: AtomicBool::new(false),
            panics: AtomicBool::new(false),
            stuck: AtomicBool::new(false),
            asked: AtomicI64::new(100),
            wires: AtomicI64::new(0),
        })
    }

    pub(crate) fn says_hello(self: &Arc<Self>, result: &str) {
        *self.hello.lock().unwrap() = result.to_owned();
    }

    pub(crate) fn upstream(self: &Arc<Self>) -> LegacyUpstream {
        self.builder().build().unwrap()
    }

    pub(crate) fn builder(self: &Arc<Self>) -> LegacyUpstreamBuilder {
        LegacyUpstream::builder(Door(self.clone())).name("old")
    }

    pub(crate) fn links(&self) -> Vec<Arc<Link>> {
        self.links.borrow().iter().map(|(_, link)| link.clone()).collect()
    }

    pub(crate) fn visitors(&self) -> Vec<Option<Principal>> {
        self.links.borrow().iter().map(|(principal, _)| principal.clone()).collect()
    }

    pub(crate) fn link(&self) -> Arc<Link> {
        self.links().last().cloned().expect("no channel yet")
    }

    pub(crate) fn heard(&self, method: &str) -> Vec<Message> {
        self.heard.borrow().iter().filter(|message| message.method() == Some(method)).cloned().collect()
    }

    pub(crate) fn count(&self, method: &str) -> usize {
        self.heard(method).len()
    }

    /// Waits until this method has been heard so many times.
    pub(crate) async fn until(&self, method: &str, count: usize) -> Vec<Message> {
        let mut heard = self.heard.subscribe();
        let enough =
            |all: &Vec<Message>| all.iter().filter(|it| it.method() == Some(method)).count() >= count;
        heard.wait_for(enough).await.unwrap();
        self.heard(method)
    }

    /// How often this request of the server's was answered.
    pub(crate) fn answers(&self, id: &Id) -> usize {
        self.heard.borrow().iter().filter(|message| message.is_answer() && message.id() == Some(id)).count()
    }

    /// How many channels somebody holds.
    pub(crate) fn wires(&self) -> i64 {
        self.wires.load(Ordering::SeqCst)
    }

    /// Waits until nobody holds a channel any more.
    pub(crate) async fn until_dropped(&self) {
        while self.wires.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// Waits for an answer to this request of the server's.
    pub(crate) async fn until_answered(&self, id: &Id) -> Message {
        let mut heard = self.heard.subscribe();
        let is = |message: &&Message| message.is_answer() && message.id() == Some(id);
        let all = heard.wait_for(|all| all.iter().any(|message| is(&message))).await.unwrap();
        all.iter().find(is).cloned().unwrap()
    }
}

impl Link {
    /// Says something of its own accord.
    pub(crate) async fn tell(&self, message: &str) {
        self.tell.send(Ok(parse(message))).await.unwrap();
    }

    pub(crate) async fn change(&self, what: &str) {
        self.tell(&format!(r#"{{"jsonrpc":"2.0","method":"notifications/{what}"}}"#)).await;
    }

    /// Asks something of its own accord, and gives the id.
    pub(crate) async fn ask(&self, method: &str, params: &str) -> Id {
        let id = Id::from(self.server.asked.fetch_add(1, Ordering::SeqCst));
        self.tell(&format!(
            r#"{{"jsonrpc":"2.0","id":{},"method":"{method}","params":{params}}}"#,
            id.to_json()
        ))
        .await;
        id
    }

    /// Waits for an answer to a request under this id that is about what a client says, which a pong is not.
    pub(crate) async fn until_answer(&self, id: &str) -> Message {
        let mut heard = self.server.heard.subscribe();
        let is = |it: &&Message| {
            it.is_answer()
                && it.id().is_some_and(|it| it.to_json() == id)
                && it.result().is_some_and(|it| it != b"{}")
        };
        let all = heard.wait_for(|all| all.iter().any(|it| is(&it))).await.unwrap();
        all.iter().find(is).cloned().unwrap()
    }

    /// Breaks for good.
    pub(crate) async fn break_off(&self) {
        let failure = || Err(ChannelError::Broken(Failure::new(FailureKind::Close)));
        let _ = self.tell.send(failure()).await;
    }

    /// Ends the stream of what the server says of its own accord.
    pub(crate) async fn fail_listen(&self) {
        let failure = || Err(ChannelError::Failed(Failure::new(FailureKind::Close)));
        let _ = self.tell.send(failure()).await;
    }

    /// Forgets the session.
    pub(crate) async fn forget(&self) {
        self.forgotten.store(true, Ordering::SeqCst);
    }
}

impl Peer {
    pub(crate) fn method(&self) -> &str {
        self.request.method().unwrap()
    }

    pub(crate) fn id(&self) -> String {
        self.request.id().unwrap().to_json()
    }

    /// Says something during the request; false once nobody listens.
    pub(crate) async fn say(&self, message: &str) -> bool {
        let message = parse(message);
        let own = message.is_answer() || message.method() == Some("notifications/progress");
        if self.link.server.style == Style::Duplex && !own {
            return self.link.tell.send(Ok(message)).await.is_ok();
        }
        self.stream.send(Ok(message)).await.is_ok()
    }

    /// Says something on the stream of the request, whatever it belongs to.
    pub(crate) async fn say_here(&self, message: &str) {
        let _ = self.stream.send(Ok(parse(message))).await;
    }

    pub(crate) async fn answer(&self, result: &str) {
        self.say(&format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, self.id())).await;
    }

    pub(crate) async fn refuse(&self, code: i64) {
        let id = self.id();
        self.say(&format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"no"}}}}"#)).await;
    }

    pub(crate) async fn fail(&self, error: ChannelError) {
        let _ = self.stream.send(Err(error)).await;
    }

    /// Progress under the token that came with the request.
    pub(crate) async fn progress(&self, progress: u32) -> bool {
        let token = self.param(&["_meta", "progressToken"]).unwrap_or_else(|| "null".into());
        self.say(&format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{progress}}}}}"#
        ))
        .await
    }

    pub(crate) async fn log(&self, level: &str, data: &str) {
        self.say(&format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"{level}","data":"{data}"}}}}"#
        ))
        .await;
    }

    /// Asks the client during the request, without waiting.
    pub(crate) async fn begin_ask(&self, method: &str, params: &str) -> oneshot::Receiver<Message> {
        let id = self.link.server.asked.fetch_add(1, Ordering::SeqCst).to_string();
        let (sender, receiver) = oneshot::channel();
        self.link.waiting.lock().unwrap().insert(id.clone(), sender);
        self.say(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)).await;
        receiver
    }

    /// Asks the client during the request, and waits for the answer.
    pub(crate) async fn ask(&self, method: &str, params: &str) -> Message {
        self.begin_ask(method, params).await.await.unwrap()
    }

    /// A part of the params, as JSON.
    pub(crate) fn param(&self, path: &[&str]) -> Option<String> {
        let params = self.request.params()?;
        let range = json::find(params, path).unwrap()?;
        Some(String::from_utf8(params[range].to_vec()).unwrap())
    }
}

struct Door(Arc<Server>);

impl Connect for Door {
    fn connect<'a>(
        &'a self,
        principal: Option<&'a Principal>,
    ) -> BoxFuture<'a, Result<Arc<dyn Channel>, Failure>> {
        let server = self.0.clone();
        async move {
            // A connection takes a moment, in which others come.
            tokio::task::yield_now().await;
            assert!(!server.panics.load(Ordering::SeqCst), "as it was told to");
            if server.refuse_connections.load(Ordering::SeqCst) {
                server.links.send_modify(|_| {});
                server.heard.send_modify(|heard| {
                    heard.push(parse(r#"{"jsonrpc":"2.0","method":"refused connection"}"#));
                });
                return Err(Failure::new(FailureKind::Unreachable).with_source("refused"));
            }
            let (tell, told) = mpsc::channel(16);
            let link = Arc::new(Link {
                server: server.clone(),
                tell,
                told: Arc::new(Turn::new(told)),
                waiting: Mutex::default(),
                forgotten: AtomicBool::new(false),
                closed: AtomicBool::new(false),
                listened: AtomicBool::new(false),
                negotiated: Mutex::default(),
            });
            server.links.send_modify(|links| links.push((principal.cloned(), link.clone())));
            server.wires.fetch_add(1, Ordering::SeqCst);
            Ok(Arc::new(Wire(link)) as Arc<dyn Channel>)
        }
        .boxed()
    }
}

struct Wire(Arc<Link>);

impl Drop for Wire {
    fn drop(&mut self) {
        self.0.server.wires.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Channel for Wire {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Incoming, ChannelError>> {
        let link = self.0.clone();
        async move {
            tokio::task::yield_now().await;
            let (server, message) = (link.server.clone(), outgoing.message);
            if link.forgotten.load(Ordering::SeqCst) {
                return Err(ChannelError::Forgotten);
            }
            if server.stuck.load(Ordering::SeqCst) && message.kind() != Kind::Request {
                std::future::pending::<()>().await;
            }
            server.heard.send_modify(|heard| heard.push(message.clone()));
            match message.kind() {
                Kind::Notification => Ok(stream::empty().boxed()),
                Kind::Result | Kind::Error => {
                    let waiting = link.waiting.lock().unwrap().remove(&message.id().unwrap().to_json());
                    if let Some(waiting) = waiting {
                        let _ = waiting.send(message);
                    }
                    Ok(stream::empty().boxed())
                }
                Kind::Request => {
                    let (sender, receiver) = mpsc::channel(4);
                    let peer = Peer { request: message, link: link.clone(), stream: sender };
                    tokio::spawn(async move {
                        match peer.method() {
                            "initialize" if server.silent.load(Ordering::SeqCst) => {
                                std::future::pending::<()>().await;
                            }
                            "initialize" => {
                                let hello = server.hello.lock().unwrap().clone();
                                peer.answer(&hello).await;
                            }
                            _ => (server.script)(peer).await,
                        }
                    });
                    let incoming = stream::unfold(receiver, async |mut receiver| {
                        let message = receiver.recv().await?;
                        Some((message, receiver))
                    });
                    Ok(incoming.boxed())
                }
            }
        }
        .boxed()
    }

    fn listen(&self) -> BoxFuture<'_, Result<Option<Incoming>, ChannelError>> {
        let link = self.0.clone();
        async move {
            if link.server.deaf.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            link.listened.store(true, Ordering::SeqCst);
            let told = link.told.clone().lock_owned().await;
            let incoming = stream::unfold(told, async |mut told| {
                let message = told.recv().await?;
                Some((message, told))
            });
            Ok(Some(incoming.boxed()))
        }
        .boxed()
    }

    fn negotiated(&self, version: &str) {
        *self.0.negotiated.lock().unwrap() = Some(version.to_owned());
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.0.closed.store(true, Ordering::SeqCst);
        async {}.boxed()
    }
}
