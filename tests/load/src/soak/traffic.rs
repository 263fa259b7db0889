//! The clients of a soak, good and bad.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::caller::Caller;
use crate::idle::listen;
use crate::request::{Era, FIRST_ID, Request, Shape};
use crate::target::{Target, exchange};
use crate::wire::Connection;

/// Longer than any soak's patience: a cancelled call that is not cancelled upstream is seen waiting there.
const DELAYED: Shape = Shape { bytes: 10, notifications: 0, paced: false, delay_ms: 10_000 };
/// How long a client stays that goes away.
const STAY: Duration = Duration::from_millis(20);
/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Ids a client has for itself.
const IDS: u64 = 10_000_000;
/// A good client takes a new connection after so many calls.
const CALLS_PER_CONNECTION: u64 = 200;

/// What a client does, over and over.
#[derive(Clone, Copy, Debug)]
enum Habit {
    /// Calls and waits for the reply.
    Call(Shape),
    /// Calls and goes away.
    Cancel,
    /// Opens a stream and goes away.
    Listen,
    /// Sends what must be refused.
    Break,
}

const fn reply(bytes: usize, notifications: usize) -> Habit {
    Habit::Call(Shape { bytes, notifications, paced: false, delay_ms: 0 })
}

const HABITS: [Habit; 7] = [
    reply(1024, 0),
    reply(100 * 1024, 0),
    reply(1_000_000, 0),
    reply(1024, 10),
    Habit::Cancel,
    Habit::Listen,
    Habit::Break,
];

/// Starts so many clients of each kind. Each returns how many calls it made.
pub(super) fn start(
    target: &Arc<Target>,
    clients: u32,
    think: Duration,
    end: Instant,
) -> JoinSet<io::Result<u64>> {
    let mut set = JoinSet::new();
    for (kind, habit) in (0..).zip(HABITS) {
        for number in 0..u64::from(clients) {
            let target = Arc::clone(target);
            let first = FIRST_ID + (kind * u64::from(clients) + number) % 800 * IDS;
            set.spawn(async move {
                let mut client = Client { target: &target, habit, caller: None };
                let mut calls = 0;
                while Instant::now() < end {
                    let step = tokio::time::timeout(PATIENCE, client.step(first + calls % IDS, calls)).await;
                    let outcome = step.unwrap_or_else(|_| Err(io::Error::other("no reply")));
                    outcome.map_err(|error| io::Error::other(format!("{habit:?}: {error}")))?;
                    calls += 1;
                    tokio::time::sleep(think).await;
                }
                Ok(calls)
            });
        }
    }
    set
}

struct Client<'a> {
    target: &'a Target,
    habit: Habit,
    caller: Option<Caller>,
}

impl Client<'_> {
    async fn step(&mut self, id: u64, calls: u64) -> io::Result<()> {
        match self.habit {
            Habit::Call(shape) => {
                let mut caller = match self.caller.take() {
                    Some(caller) => caller,
                    None => Caller::open(self.target, shape).await?,
                };
                caller.call(id).await?;
                self.caller = (!calls.is_multiple_of(CALLS_PER_CONNECTION)).then_some(caller);
                Ok(())
            }
            Habit::Cancel => {
                let (mut connection, era) = self.target.open().await?;
                let mut request = self.target.call(&era, DELAYED);
                match tokio::time::timeout(STAY, connection.send(request.with_id(id))).await {
                    Err(_) => Ok(()),
                    Ok(Ok(head)) => Err(io::Error::other(format!("HTTP {} at once", head.status))),
                    Ok(Err(error)) => Err(error),
                }
            }
            Habit::Listen => {
                let stream = listen(self.target, id).await?;
                tokio::time::sleep(STAY).await;
                drop(stream);
                Ok(())
            }
            Habit::Break => send_broken(self.target, calls).await,
        }
    }
}

/// Sends one of the requests that nobody should send; those that are whole must be refused.
async fn send_broken(target: &Target, number: u64) -> io::Result<()> {
    const MODERN: &str = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/list\r\n";
    let raw = |headers, body| Request::raw(target.address, &target.path, headers, body);
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let mut request = match number % 8 {
        0 => raw(MODERN, "{"),
        1 => {
            raw(MODERN, r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"tools/list","params":{}}"#)
        }
        // The header names another method than the body.
        2 => raw(MODERN, ping),
        3 => raw(MODERN, &format!("{}{}", "[".repeat(50_000), "]".repeat(50_000))),
        4 => raw(MODERN, "\"\\ud800\""),
        5 => Request::raw(target.address, "/nowhere", MODERN, ping),
        6 => return abandon(target, b"\0\x01\x02 not HTTP\r\n\r\n").await,
        _ => {
            // Announces more than it sends.
            let request = raw("Connection: close\r\n", &" ".repeat(10_000)).with_id(FIRST_ID).to_vec();
            return abandon(target, request.get(..request.len() / 2).unwrap_or_default()).await;
        }
    };
    let mut connection = Connection::open(target.address).await?;
    let head = connection.send(request.with_id(FIRST_ID)).await?;
    if !(400..500).contains(&head.status) {
        return Err(io::Error::other(format!("broken request {} got HTTP {}", number % 8, head.status)));
    }
    while connection.piece().await?.is_some() {}
    Ok(())
}

/// Sends a part of something and goes away.
async fn abandon(target: &Target, bytes: &[u8]) -> io::Result<()> {
    let mut stream = TcpStream::connect(target.address).await?;
    stream.write_all(bytes).await
}

/// How many delayed calls the upstream still works on.
pub(super) async fn waiting(upstream: SocketAddr) -> io::Result<u64> {
    let params = json!({ "name": "echo", "arguments": { "waiting": true } });
    let request = Request::new(upstream, "/mcp", &Era::Modern, "tools/call", Some("echo"), params);
    let (_, body) = exchange(&mut Connection::open(upstream).await?, request).await?;
    let answer: serde_json::Value = serde_json::from_slice(&body)?;
    let text = answer.pointer("/result/content/0/text").and_then(serde_json::Value::as_str);
    text.and_then(|text| text.parse().ok()).ok_or_else(|| io::Error::other("the upstream does not say"))
}
