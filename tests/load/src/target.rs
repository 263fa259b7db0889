//! What stands between the generator and the upstream: nothing, the yardstick, the portal, or a peer.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::gateway::ConfigFile;
use crate::process::Process;
use crate::request::{Era, FIRST_ID, Request, Shape};
use crate::wire::{Connection, Head};

/// How long a gateway may take to start and to find the upstream's tool.
const START: Duration = Duration::from_secs(20);
/// How long one answer may take meanwhile.
const PROBE: Duration = Duration::from_secs(2);
/// The largest answer read whole.
const MAX_ANSWER: usize = 1024 * 1024;

/// One way to reach the tool.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    /// Whether it is here only to be compared to, so that what it cannot do is its own affair.
    pub(crate) is_peer: bool,
    /// Whether it speaks the modern or the legacy era.
    modern: bool,
    /// The tool's name here.
    pub(crate) tool: String,
    /// The gateway; nothing stands in the direct way.
    pub(crate) process: Option<Process>,
    /// Kept for as long as the gateway may want to read it again.
    _config: Vec<ConfigFile>,
}

impl Target {
    fn new(name: &str, address: SocketAddr, process: Option<Process>) -> Self {
        let (path, tool) = ("/mcp".to_owned(), "echo".to_owned());
        let name = name.to_owned();
        Self { name, address, path, is_peer: false, modern: true, tool, process, _config: Vec::new() }
    }

    /// A gateway that was just started, as soon as it offers the tool.
    pub(crate) async fn gateway(
        name: &str,
        address: SocketAddr,
        path: &str,
        process: Process,
        config: Vec<ConfigFile>,
    ) -> io::Result<Self> {
        let mut target = Self::new(name, address, Some(process));
        path.clone_into(&mut target.path);
        target._config = config;
        target.learn().await?;
        Ok(target)
    }

    /// The upstream itself.
    pub(crate) fn direct(upstream: SocketAddr) -> Self {
        Self::new("direct", upstream, None)
    }

    /// This program's minimal hyper proxy.
    pub(crate) fn proxy(upstream: SocketAddr) -> io::Result<Self> {
        let (process, address) = Process::start_self(&["proxy", "--to", &upstream.to_string()])?;
        Ok(Self::new("proxy", address, Some(process)))
    }

    /// A connection that calls can be made on, and how to make them.
    pub(crate) async fn open(&self) -> io::Result<(Connection, Era)> {
        let mut connection = Connection::open(self.address).await?;
        let era = if self.modern { Era::Modern } else { self.initialize(&mut connection).await? };
        Ok((connection, era))
    }

    /// A call of the tool.
    pub(crate) fn call(&self, era: &Era, shape: Shape) -> Request {
        Request::call(self.address, &self.path, era, &self.tool, shape)
    }

    /// Any other request.
    pub(crate) fn request(&self, era: &Era, method: &str, params: Value) -> Request {
        Request::new(self.address, &self.path, era, method, None, params)
    }

    /// Opens a session of the legacy era.
    pub(crate) async fn initialize(&self, connection: &mut Connection) -> io::Result<Era> {
        let era = Era::Legacy { session: String::new() };
        let params = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "load", "version": env!("CARGO_PKG_VERSION") },
        });
        let request = self.request(&era, "initialize", params);
        let (head, _) = exchange(connection, request).await?;
        let era = Era::Legacy { session: head.session.unwrap_or_default() };
        exchange(connection, self.request(&era, "notifications/initialized", json!({}))).await?;
        Ok(era)
    }

    /// Finds out which era the gateway speaks and what it calls the tool, as soon as it has it.
    async fn learn(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + START;
        loop {
            if let Some(process) = &mut self.process {
                process.check().map_err(|error| self.failed(&error.to_string()))?;
            }
            let mut last = String::new();
            for modern in [true, false] {
                self.modern = modern;
                match tokio::time::timeout(PROBE, self.find_tool()).await {
                    Ok(Ok(tool)) => {
                        self.tool = tool;
                        return Ok(());
                    }
                    Ok(Err(error)) => last = error.to_string(),
                    Err(_) => last = "no answer".to_owned(),
                }
            }
            if Instant::now() > deadline {
                return Err(self.failed(&last));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn failed(&self, why: &str) -> io::Error {
        io::Error::other(format!("{} does not offer the tool (--logs shows its output): {why}", self.name))
    }

    async fn find_tool(&self) -> io::Result<String> {
        let (mut connection, era) = self.open().await?;
        let (head, body) = exchange(&mut connection, self.request(&era, "tools/list", json!({}))).await?;
        let text = String::from_utf8_lossy(&body);
        // In an SSE reply the last line with data holds the answer.
        let data = text.lines().rev().find_map(|line| line.strip_prefix("data:")).unwrap_or(&text);
        let answer: Value = serde_json::from_str(data).unwrap_or_default();
        let tools = answer.pointer("/result/tools").and_then(Value::as_array);
        let names = tools.into_iter().flatten().filter_map(|tool| tool.get("name")?.as_str());
        names
            .into_iter()
            .find(|name| name.ends_with("echo"))
            .map(str::to_owned)
            .ok_or_else(|| io::Error::other(format!("HTTP {}: {text:.300}", head.status)))
    }
}

/// Sends one request and reads the whole reply.
pub(crate) async fn exchange(
    connection: &mut Connection,
    mut request: Request,
) -> io::Result<(Head, Vec<u8>)> {
    let head = connection.send(request.with_id(FIRST_ID)).await?;
    let mut body = Vec::new();
    while let Some(piece) = connection.piece().await? {
        if body.len() + piece.len() > MAX_ANSWER {
            return Err(io::Error::other("an answer beyond all bounds"));
        }
        body.extend_from_slice(piece);
    }
    Ok((head, body))
}
