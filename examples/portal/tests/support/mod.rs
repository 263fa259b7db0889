//! The real program as a child process, and a raw HTTP client.

#![allow(dead_code, reason = "each of the test programs uses a part of it")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "all of this is a test")]

pub(crate) mod legacy;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// How long anything may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again until there is an answer.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A running portal; killed when dropped.
pub(crate) struct Portal {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) health: SocketAddr,
    /// What it printed until it was up.
    pub(crate) printed: String,
    log: Arc<Mutex<String>>,
}

impl Portal {
    /// Starts with these arguments and waits until `last` is printed.
    pub(crate) fn start(arguments: &[&str], last: &str) -> Self {
        Self::start_in(arguments, last, &[])
    }

    /// The same with more variables in the environment.
    fn start_in(arguments: &[&str], last: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = command(arguments);
        command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = collect(child.stderr.take().unwrap());
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut printed = String::new();
        while !printed.lines().any(|line| line.starts_with(last)) {
            assert_ne!(lines.read_line(&mut printed).unwrap(), 0, "ended after printing {printed:?}");
        }
        let address = address_after(&printed, "listening on ").unwrap();
        let health = address_after(&printed, "health on ").unwrap_or(address);
        Self { child, address, health, printed, log }
    }

    pub(crate) fn demo() -> Self {
        Self::start(&["--listen", "127.0.0.1:0"], "Stop with")
    }

    /// Serves a file, with health on an address of its own.
    pub(crate) fn of(file: &Path) -> Self {
        Self::start(&["--config", file.to_str().unwrap()], "health on")
    }

    /// The same with more variables in the environment.
    pub(crate) fn of_in(file: &Path, variables: &[(&str, &str)]) -> Self {
        Self::start_in(&["--config", file.to_str().unwrap()], "health on", variables)
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        eventually("the end of the process", || self.child.try_wait().unwrap())
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The status and the content of `/readyz`.
    pub(crate) fn ready(&self) -> (u16, Value) {
        let response =
            exchange(self.health, "GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        (response.status, serde_json::from_str(&response.body).unwrap())
    }

    /// What one server of the first portal is said to be.
    pub(crate) fn server(&self, id: &str) -> Option<Value> {
        let (_, page) = self.ready();
        page["portals"][0]["servers"].as_array()?.iter().find(|server| server["id"] == id).cloned()
    }

    pub(crate) fn reloads(&self) -> (u64, u64) {
        let (_, page) = self.ready();
        let count = |name: &str| page["reloads"][name].as_u64().unwrap();
        (count("applied"), count("failed"))
    }

    /// Calls a tool and waits for the result or error.
    pub(crate) fn call(&self, tool: &str) -> Value {
        let request = request("tools/call", json!({ "name": tool, "arguments": {} }));
        let response = exchange(self.address, &request);
        serde_json::from_str(&response.body)
            .unwrap_or_else(|_| panic!("{}: {}", response.status, response.body))
    }

    /// Begins a request whose answer is a stream.
    pub(crate) fn stream(&self, method: &str, params: Value) -> Stream {
        Stream::open(self.address, &request(method, params))
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads all that comes, so that the writer never waits.
fn collect(from: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let log = Arc::new(Mutex::new(String::new()));
    let into = Arc::clone(&log);
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = String::new();
        while from.read_line(&mut line).is_ok_and(|count| count > 0) {
            into.lock().unwrap().push_str(&line);
            line.clear();
        }
    });
    log
}

/// An answer that comes in pieces.
pub(crate) struct Stream {
    connection: TcpStream,
    pub(crate) seen: String,
}

impl Stream {
    /// Sends a request whose answer is a stream.
    pub(crate) fn open(address: SocketAddr, request: &str) -> Self {
        let mut connection = connect(address);
        connection.write_all(request.as_bytes()).unwrap();
        Self { connection, seen: String::new() }
    }

    /// Reads until this was seen.
    pub(crate) fn wait_for(&mut self, text: &str) {
        while !self.seen.contains(text) {
            assert_ne!(self.read(), 0, "the stream ended without {text:?}: {}", self.seen);
        }
    }

    /// Reads all that comes.
    pub(crate) fn rest(mut self) -> String {
        while self.read() > 0 {}
        self.seen
    }

    fn read(&mut self) -> usize {
        let mut piece = [0; 4096];
        let count = self.connection.read(&mut piece).unwrap();
        self.seen.push_str(&String::from_utf8_lossy(&piece[..count]));
        count
    }
}

/// Runs the program to its end: exit code, standard output, standard error.
pub(crate) fn output(arguments: &[&str]) -> (i32, String, String) {
    let output = command(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portal"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn address_after(printed: &str, word: &str) -> Option<SocketAddr> {
    let line = printed.lines().find_map(|line| line.strip_prefix(word))?;
    line.strip_prefix("http://")?.parse().ok()
}

/// The address of one of the demo's servers.
pub(crate) fn upstream(demo: &Portal, name: &str) -> SocketAddr {
    let line = demo.printed.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
    let (_, rest) = line.split_once("http://").unwrap();
    rest.split_once('/').unwrap().0.parse().unwrap()
}

/// A folder that is removed when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Puts a file in place as editors do: written aside, then renamed.
    pub(crate) fn put(&self, name: &str, text: &str) -> PathBuf {
        let (aside, path) = (self.0.join("aside"), self.0.join(name));
        std::fs::write(&aside, text).unwrap();
        std::fs::rename(aside, &path).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A configuration with these servers.
pub(crate) fn config(servers: &[(&str, SocketAddr)]) -> String {
    let mut text = concat!(
        "listen = '127.0.0.1:0'\nadmin.listen = '127.0.0.1:0'\nlimits.drain_timeout = '20s'\n",
        "[[portal]]\nid = 'acme'\npath = '/mcp'\n"
    )
    .to_owned();
    for (id, address) in servers {
        text += &format!("[[portal.server]]\nid = '{id}'\nurl = 'http://{address}/mcp'\n");
    }
    text
}

/// An address where nobody listens.
pub(crate) fn nowhere() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection
}

/// Sends a request that ends its connection, and reads the answer.
pub(crate) fn exchange(address: SocketAddr, request: &str) -> Response {
    let mut connection = connect(address);
    connection.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    connection.read_to_string(&mut text).unwrap();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    Response { status, head: head.to_owned(), body: body.to_owned() }
}

/// A request with all that the transport asks for.
pub(crate) fn request(method: &str, mut params: Value) -> String {
    let name = params["name"].as_str().map(|name| format!("mcp-name: {name}\r\n")).unwrap_or_default();
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\nmcp-protocol-version: 2026-07-28\r\n\
         mcp-method: {method}\r\n{name}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}
