//! Whatever a server of 2025 says, and wherever it says it, the engine does not panic, and a call is answered by nothing
//! but an answer to its own request.
//!
//! Each line goes where its first character says: `a` and `b` are the streams of two calls, everything else is the stream
//! of what the server says of its own accord.
#![no_main]

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use futures_util::{FutureExt, StreamExt, stream};
use libfuzzer_sys::fuzz_target;
use portcullis_core::{Kind, Principal, json};
use portcullis_mcp_jsonrpc::{Call, Failure, Fragment, Id, Message, Reply};
use portcullis_mcp_legacy::upstream::{
    BoxFuture, Channel, ChannelError, Connect, Incoming, LegacyUpstream, Outgoing,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tower_service::Service;

const HELLO: &str = r#"{"protocolVersion":"2025-11-25","capabilities":{"logging":{},"tools":{},"prompts":{},"resources":{},"tasks":{"requests":{"tools":{"call":{}}}}}}"#;
const CAN: &str = r#"{"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{}}"#;

/// More lines than this find nothing new.
const MAX_LINES: usize = 64;

/// How often a client answers what it is asked during a call.
const MAX_ROUNDS: usize = 8;

/// The server's side of the only session.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    own: Option<UnboundedSender<Message>>,
    /// Of each call: its stream, and the id of the request whose answer it waits for.
    calls: HashMap<char, (UnboundedSender<Message>, Id)>,
    /// Of each call: how many answers to its own requests were said on its own stream.
    answered: HashMap<char, usize>,
}

fn incoming(receiver: UnboundedReceiver<Message>) -> Incoming {
    stream::unfold(receiver, async |mut receiver| Some((Ok(receiver.recv().await?), receiver))).boxed()
}

impl Server {
    fn say(&self, line: &str) {
        let Some(first) = line.chars().next() else { return };
        let Ok(message) = Message::parse(line[first.len_utf8()..].to_owned().into()) else { return };
        let mut state = self.0.lock().unwrap();
        let to = match state.calls.get(&first) {
            Some((call, id)) => {
                let (call, own) = (call.clone(), message.is_answer() && message.id() == Some(id));
                *state.answered.entry(first).or_default() += usize::from(own);
                Some(call)
            }
            None => state.own.clone(),
        };
        if let Some(to) = to {
            let _ = to.send(message);
        }
    }
}

impl Connect for Server {
    fn connect<'a>(&'a self, _: Option<&'a Principal>) -> BoxFuture<'a, Result<Arc<dyn Channel>, Failure>> {
        async { Ok(Arc::new(self.clone()) as Arc<dyn Channel>) }.boxed()
    }
}

impl Channel for Server {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Incoming, ChannelError>> {
        let message = outgoing.message;
        let Some(id) = message.id().filter(|_| message.method().is_some()).cloned() else {
            return async { Ok(stream::empty().boxed()) }.boxed();
        };
        let call = match message.method() {
            Some("tools/call" | "tasks/result") => Some('a'),
            Some("prompts/get") => Some('b'),
            _ => None,
        };
        let answer = match call {
            Some(call) => {
                let (sender, receiver) = unbounded_channel();
                self.0.lock().unwrap().calls.insert(call, (sender, id));
                incoming(receiver)
            }
            None => {
                let result = if message.method() == Some("initialize") { HELLO } else { "{}" };
                let answer = Message::from_result(&id, &Fragment::parse(result).unwrap());
                stream::iter([Ok(answer)]).boxed()
            }
        };
        async { Ok(answer) }.boxed()
    }

    fn listen(&self) -> BoxFuture<'_, Result<Option<Incoming>, ChannelError>> {
        let (sender, receiver) = unbounded_channel();
        self.0.lock().unwrap().own = Some(sender);
        async { Ok(Some(incoming(receiver))) }.boxed()
    }

    fn negotiated(&self, _: &str) {}

    fn close(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

/// A call that a client waits for.
struct Waiting {
    name: char,
    method: &'static str,
    reply: Option<Reply>,
    /// How many answers of the server's it was given.
    answers: usize,
    rounds: usize,
}

fn call(method: &str, name: char, members: &str) -> Call {
    let params = format!(
        r#"{{"name":"{name}","_meta":{{"progressToken":"{name}","io.modelcontextprotocol/logLevel":"debug","io.modelcontextprotocol/clientCapabilities":{CAN}}}{members}}}"#
    );
    let id = Id::from(name.to_string().as_str());
    let mut call = Call::new(Message::from_request(&id, method, &Fragment::parse(params).unwrap()));
    call.extensions_mut().insert(Principal::new(Kind::User, "alice"));
    call
}

impl Waiting {
    async fn begin(upstream: &mut LegacyUpstream, name: char, method: &'static str) -> Self {
        let reply = upstream.call(call(method, name, "")).await.ok();
        Self { name, method, reply, answers: 0, rounds: 0 }
    }

    /// Hears what is there now, and answers what is asked.
    async fn hear(&mut self, upstream: &mut LegacyUpstream) {
        while let Some(reply) = &mut self.reply {
            let polled = poll_fn(|cx| Poll::Ready(reply.poll_message(cx))).await;
            let message = match polled {
                Poll::Pending => return,
                Poll::Ready(Some(Ok(message))) => message,
                Poll::Ready(None | Some(Err(_))) => {
                    self.reply = None;
                    return;
                }
            };
            if !message.is_answer() {
                continue;
            }
            assert_eq!(message.id().unwrap().to_json(), format!("\"{}\"", self.name));
            let state = message.result().and_then(|result| {
                let range = json::find(result, &["requestState"]).ok()??;
                String::from_utf8(result[range].to_vec()).ok()
            });
            match state.filter(|_| message.result_type() == Some("input_required")) {
                // It answers two questions and no more, and would be asked the others for ever.
                Some(_) if self.rounds >= MAX_ROUNDS => self.reply = None,
                Some(state) => {
                    self.rounds += 1;
                    let members = format!(
                        r#","requestState":{state},"inputResponses":{{"input-1":{{"action":"accept"}},"input-2":{{}}}}"#
                    );
                    // What waits for ever is no failure here.
                    let mut again = upstream.call(call(self.method, self.name, &members));
                    let again = poll_fn(|cx| Poll::Ready(again.poll_unpin(cx))).await;
                    self.reply = match again {
                        Poll::Ready(again) => again.ok(),
                        Poll::Pending => None,
                    };
                }
                None => self.answers += 1,
            }
        }
    }
}

fuzz_target!(|text: &str| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let server = Server::default();
        let mut upstream = LegacyUpstream::builder(server.clone()).build().unwrap();
        let mut listening = Waiting { name: 'l', method: "subscriptions/listen", reply: None, answers: 0, rounds: 0 };
        let filter = r#","notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true,"resourceSubscriptions":["a:1"]}"#;
        listening.reply = upstream.call(call("subscriptions/listen", 'l', filter)).await.ok();
        let mut first = Waiting::begin(&mut upstream, 'a', "tools/call").await;
        let mut second = Waiting::begin(&mut upstream, 'b', "prompts/get").await;
        for line in text.lines().take(MAX_LINES) {
            server.say(line);
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
            for waiting in [&mut first, &mut second, &mut listening] {
                waiting.hear(&mut upstream).await;
                let said = server.0.lock().unwrap().answered.get(&waiting.name).copied().unwrap_or_default();
                assert!(waiting.answers <= said.min(1), "{} was answered by nobody", waiting.name);
            }
        }
    });
});
