//! Gateways that are programs of their own: how the portal and its peers are configured and started.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use portcullis_testkit::idp::{self, SigningKey};
use serde_json::json;

use crate::process::{Launch, Process};
use crate::target::Target;

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
    /// The portal's binary, whether it is to reach the upstream over HTTP/2, and the keys of the callers it lets in, if
    /// not everybody.
    Portal { program: PathBuf, http2: bool, jwks: Option<String> },
    /// The binary of mcp-proxy 0.6.
    McpProxy(PathBuf),
    /// A program with its arguments, in which `{listen}`, `{port}` and `{upstream}` are replaced.
    Command(String),
}

/// A generated configuration; removed when dropped.
#[derive(Debug)]
pub(crate) struct ConfigFile(PathBuf);

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

/// The portal with namespacing and no policy, and otherwise as it is by default.
fn portal_command(
    program: &Path,
    listen: SocketAddr,
    upstream: SocketAddr,
    http2: bool,
    jwks: Option<&str>,
) -> io::Result<(Launch, Vec<ConfigFile>)> {
    let http_version = if http2 { "2" } else { "auto" };
    let mut files = Vec::new();
    let (mut issuer, mut authn) = (String::new(), "");
    if let Some(jwks) = jwks {
        let keys = ConfigFile::write("jwks", jwks)?;
        issuer = format!("[[issuer]]\nid = \"load\"\nurl = \"{ISSUER}\"\njwks_file = {:?}\n", keys.0);
        authn = AUTHN;
        files.push(keys);
    }
    let config = ConfigFile::write(
        &format!("portal-{}", listen.port()),
        &format!(
            r#"listen = "{listen}"
{issuer}
[[portal]]
id = "load"
path = "/mcp"
namespace = "always"
{authn}

[[portal.server]]
id = "up"
url = "http://{upstream}/mcp"
http_version = "{http_version}"
"#
        ),
    )?;
    let arguments = vec!["--config".into(), config.0.clone().into()];
    files.push(config);
    Ok((Launch { program: program.to_owned(), arguments, verbose: false }, files))
}

const ISSUER: &str = "https://issuer.invalid";
const RESOURCE: &str = "https://load.invalid/mcp";

const AUTHN: &str = r#"
[portal.authn]
resource = "https://load.invalid/mcp"
issuers = ["load"]
scopes.base = ["mcp"]
"#;

/// The keys of an issuer, and a token that it gave to somebody for a day.
pub(crate) fn issue() -> (String, String) {
    let key = SigningKey::rs256().kid("load");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let claims = json!({
        "iss": ISSUER, "aud": RESOURCE, "sub": "00u1a2b3c4d5e6f7g8h9", "client_id": "0oa1a2b3c4d5e6f7g8h9",
        "iat": now, "exp": now + 86_400, "jti": "AT.6f2a8c1e-7d43-4f5b-9a0e", "scope": "mcp tools:call",
        "groups": ["everyone", "engineering", "on-call"], "amr": ["mfa", "pwd"], "acr": "urn:example:loa:2",
        "email": "somebody@example.com", "name": "Some Body", "auth_time": now,
    });
    let token = key.sign(json!({ "typ": "at+jwt" }), claims);
    (idp::jwks(&[&key]), token)
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
            Kind::Portal { program, http2, jwks } => {
                portal_command(program, address, upstream, *http2, jwks.as_deref())?
            }
            Kind::McpProxy(program) => {
                let (launch, config) = mcp_proxy_command(program, address, upstream)?;
                (launch, vec![config])
            }
            Kind::Command(command) => (filled_in(command, address, upstream)?, Vec::new()),
        };
        launch.verbose = self.verbose;
        let process = Process::start(&launch)?;
        Target::gateway(&self.name, address, &self.path, process, config).await
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
