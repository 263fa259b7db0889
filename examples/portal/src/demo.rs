//! What happens without a file: two tiny MCP servers, and a portal in front of them.
//!
//! Nothing is special about it. The servers listen on ports of their own, and the portal gets a configuration text that
//! anybody could have written, so what one sees is what a deployment does.

mod clock;
mod host;
mod notes;

use std::net::SocketAddr;

use crate::config::{Config, Log};
use crate::drain::{Outcome, Shutdown};
use crate::log;
use crate::run::{RunError, Running, say};
use crate::serve::BindError;

/// Where the demo listens.
pub(crate) const LISTEN: &str = "127.0.0.1:8808";

/// Any free port of this machine.
const ANYWHERE: &str = "127.0.0.1:0";

/// Runs the demo until told to stop.
pub(crate) async fn run(listen: &str, shutdown: &Shutdown) -> Result<Outcome, RunError> {
    log::start(Log { level: tracing::level_filters::LevelFilter::INFO, json: false });
    let servers =
        host::Servers::start(&[ANYWHERE.to_owned(), ANYWHERE.to_owned()]).await.map_err(RunError::Bind)?;
    let (clock, notes) = servers.addresses();
    let config = Config::parse("demo", &text(listen, clock, notes)).map_err(RunError::Config)?;
    let running = match Running::start(config, shutdown).await {
        Err(RunError::Bind(error)) if error.is_taken() => return Err(taken(error)),
        started => started?,
    };
    if let Some(address) = running.address() {
        introduce(address, clock, notes);
    }
    let outcome = running.end(shutdown, None).await;
    drop(servers);
    outcome
}

fn text(listen: &str, clock: SocketAddr, notes: SocketAddr) -> String {
    format!(
        r#"listen = {listen:?}

[[portal]]
id = "demo"
path = "/mcp"

[[portal.server]]
id = "clock"
url = "http://{clock}/mcp"

[[portal.server]]
id = "notes"
url = "http://{notes}/mcp"
"#
    )
}

fn taken(error: BindError) -> RunError {
    say(format_args!("Somebody else listens there. Choose another port: portal --listen 127.0.0.1:8809"));
    RunError::Bind(error)
}

fn introduce(portal: SocketAddr, clock: SocketAddr, notes: SocketAddr) {
    say(format_args!(
        r#"
Two MCP servers run in this process, and a portal in front of them:

  clock  http://{clock}/mcp   tools: now, count
  notes  http://{notes}/mcp   tools: add, list; resources: note://1, ...; a prompt: summarize
  portal http://{portal}/mcp   all of it, the tools and the prompt as clock_now, notes_add, notes_summarize, ...

Ask the clock, through the portal:

{curl}

Give it to an MCP client that speaks revision 2026-07-28:

{client}

See how it is: curl http://{portal}/readyz
Stop with Ctrl-C. With a file of your own: portal --config FILE
"#,
        curl = curl(portal),
        client = client(portal),
    ));
}

/// One line, with all that the transport asks for.
fn curl(portal: SocketAddr) -> String {
    let version = portcullis_mcp_jsonrpc::PROTOCOL_VERSION;
    format!(
        concat!(
            "curl http://{portal}/mcp -H 'content-type: application/json' ",
            "-H 'accept: application/json, text/event-stream' -H 'mcp-protocol-version: {version}' ",
            "-H 'mcp-method: tools/call' -H 'mcp-name: clock_now' ",
            r#"-d '{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"clock_now","arguments":{{}},"#,
            r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"{version}","#,
            r#""io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}'"#
        ),
        portal = portal,
        version = version,
    )
}

fn client(portal: SocketAddr) -> String {
    format!(
        r#"{{
  "mcpServers": {{
    "portcullis": {{ "type": "http", "url": "http://{portal}/mcp" }}
  }}
}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_one_that_anybody_could_have_written() {
        let address = "127.0.0.1:1".parse().unwrap();
        assert!(Config::parse("demo", &text(LISTEN, address, address)).is_ok());
        // A listen address comes from the command line, so it may hold anything.
        assert!(Config::parse("demo", &text("\"\nx = 1", address, address)).is_err());
    }

    #[test]
    fn what_is_printed_can_be_pasted() {
        let address = "127.0.0.1:8808".parse().unwrap();
        assert!(!curl(address).contains('\n'));
        let client: serde_json::Value = serde_json::from_str(&client(address)).unwrap();
        assert_eq!(client["mcpServers"]["portcullis"]["url"], "http://127.0.0.1:8808/mcp");
    }
}
