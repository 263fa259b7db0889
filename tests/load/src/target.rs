//! What stands between the generator and the upstream: nothing, the yardstick, the portal, or a peer.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{Launch, Process};
use crate::request::{Era, Request, Shape};
use crate::wire::Connection;

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
    /// Whether it speaks the modern or the legacy era.
    modern: bool,
    /// The tool's name here.
    pub(crate) tool: String,
    /// The gateway; nothing stands in the direct way.
    pub(crate) process: Option<Process>,
    _config: Option<ConfigFile>,
}

/// A gateway to start, apart from this program's own.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) kind: Kind,
    pub(crate) verbose: bool,
}

/// How a gateway is started.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// The portal's binary.
    Portal(PathBuf),
    /// The binary of mcp-proxy 0.6.
    McpProxy(PathBuf),
    /// A program with its arguments, in which `{listen}`, `{port}` and `{upstream}` are replaced.
    Command(String),
}

/// A generated configuration; removed when dropped.
#[derive(Debug)]
struct ConfigFile(PathBuf);

impl ConfigFile {
    fn write(name: &str, text: &str) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("load-{}-{name}.toml", std::process::id()));
        std::fs::write(&path, text)?;
        Ok(Self(path))
    }
}

impl Drop for ConfigFile {
    fn drop(&mut self) {
        // A file left in the temporary folder harms nobody.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The portal with namespacing and no policy.
fn portal_command(
    program: &Path,
    listen: SocketAddr,
    upstream: SocketAddr,
) -> io::Result<(Launch, ConfigFile)> {
    let config = ConfigFile::write(
        "portal",
        &format!(
            r#"listen = "{listen}"

[[portal]]
id = "load"
path = "/mcp"
namespace = "always"

[[portal.server]]
id = "up"
url = "http://{upstream}/mcp"
"#
        ),
    )?;
    let arguments = vec!["--config".into(), config.0.clone().into()];
    Ok((Launch { program: program.to_owned(), arguments, verbose: false }, config))
}

/// mcp-proxy with one backend and all its middleware off, as it is unless asked for.
fn mcp_proxy_command(
    program: &Path,
    listen: SocketAddr,
    upstream: SocketAddr,
) -> io::Result<(Launch, ConfigFile)> {
    let (host, port) = (listen.ip(), listen.port());
    let config = ConfigFile::write(
        "mcp-proxy",
        &format!(
            r#"[proxy]
name = "load"

[proxy.listen]
host = "{host}"
port = {port}

[[backends]]
name = "up"
transport = "http"
url = "http://{upstream}/mcp"

[observability]
log_level = "warn"
"#
        ),
    )?;
    let arguments = vec!["--config".into(), config.0.clone().into()];
    Ok((Launch { program: program.to_owned(), arguments, verbose: false }, config))
}

impl Gateway {
    /// Starts the gateway and waits until it offers the upstream's tool.
    pub(crate) async fn start(&self, upstream: SocketAddr) -> io::Result<Target> {
        let address = free_address()?;
        let (mut launch, config) = match &self.kind {
            Kind::Portal(program) => {
                let (launch, config) = portal_command(program, address, upstream)?;
                (launch, Some(config))
            }
            Kind::McpProxy(program) => {
                let (launch, config) = mcp_proxy_command(program, address, upstream)?;
                (launch, Some(config))
            }
            Kind::Command(command) => (filled_in(command, address, upstream)?, None),
        };
        launch.verbose = self.verbose;
        let process = Some(Process::start(&launch)?);
        let mut target = Target::new(&self.name, address, process);
        target.path.clone_from(&self.path);
        target._config = config;
        target.learn().await?;
        Ok(target)
    }
}

/// Splits a command at white space and puts the addresses in.
fn filled_in(command: &str, listen: SocketAddr, upstream: SocketAddr) -> io::Result<Launch> {
    let mut words = command.split_ascii_whitespace().map(|word| {
        word.replace("{listen}", &listen.to_string())
            .replace("{port}", &listen.port().to_string())
            .replace("{upstream}", &format!("http://{upstream}/mcp"))
    });
    let program = words.next().ok_or_else(|| io::Error::other("an empty command"))?.into();
    Ok(Launch { program, arguments: words.map(Into::into).collect(), verbose: false })
}

/// An address nobody listens on. Somebody may take it before the gateway does; the start then fails.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

impl Target {
    fn new(name: &str, address: SocketAddr, process: Option<Process>) -> Self {
        let (path, tool) = ("/mcp".to_owned(), "echo".to_owned());
        Self { name: name.to_owned(), address, path, modern: true, tool, process, _config: None }
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
    async fn initialize(&self, connection: &mut Connection) -> io::Result<Era> {
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
) -> io::Result<(crate::wire::Head, Vec<u8>)> {
    let head = connection.send(request.with_id(crate::request::FIRST_ID)).await?;
    let mut body = Vec::new();
    while let Some(piece) = connection.piece().await? {
        if body.len() + piece.len() > MAX_ANSWER {
            return Err(io::Error::other("an answer beyond all bounds"));
        }
        body.extend_from_slice(piece);
    }
    Ok((head, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_gets_its_addresses() {
        let (listen, upstream) = ("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
        let launch = filled_in("gateway  -l {listen} -p {port} {upstream}", listen, upstream).unwrap();
        assert_eq!(launch.program, Path::new("gateway"));
        assert_eq!(launch.arguments, ["-l", "127.0.0.1:1", "-p", "1", "http://127.0.0.1:2/mcp"]);
        assert!(filled_in("  ", listen, upstream).is_err());
    }

    #[test]
    fn a_configuration_goes_when_it_is_no_longer_needed() {
        let config = ConfigFile::write("test", "a = 1").unwrap();
        let path = config.0.clone();
        assert!(path.exists());
        drop(config);
        assert!(!path.exists());
    }
}
