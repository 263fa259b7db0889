//! Everything that takes part in a run: the upstream, and the targets in front of it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use crate::gateway::{self, Gateway, Kind};
use crate::process::Process;
use crate::request;
use crate::target::Target;

/// Which targets take part, and how they are started.
#[derive(Args, Clone, Debug)]
pub(crate) struct FieldArgs {
    /// The targets to drive, besides peers [default: those of interest]
    #[arg(long, value_delimiter = ',')]
    targets: Option<Vec<Known>>,
    /// The portal's binary [default: `portal` next to this program]
    #[arg(long, value_name = "PATH")]
    portal_bin: Option<PathBuf>,
    /// Start the portal with this command instead; {listen}, {port} and {upstream} are replaced in its words
    #[arg(long, value_name = "COMMAND", conflicts_with = "portal_bin")]
    portal: Option<String>,
    /// Let the portal reach the upstream over HTTP/2, many calls on one connection
    #[arg(long, conflicts_with = "portal")]
    pub(crate) http2: bool,
    /// Include mcp-proxy 0.6, given its binary
    #[arg(long, value_name = "PATH")]
    mcp_proxy: Option<PathBuf>,
    /// Include another gateway, started like --portal; its endpoint is /mcp unless a path is given
    #[arg(long, value_name = "NAME[:PATH]=COMMAND")]
    peer: Vec<Peer>,
    /// Let the gateways write to the terminal
    #[arg(long)]
    logs: bool,
}

/// The targets this program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Known {
    /// The upstream without anything in front of it
    Direct,
    /// The minimal hyper proxy, to which all others are compared
    Proxy,
    /// The portal
    Portal,
    /// The portal with callers that it knows by their tokens
    Guarded,
}

#[derive(Clone, Debug)]
struct Peer {
    name: String,
    path: String,
    command: String,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, command) = text.split_once('=').ok_or("expected NAME[:PATH]=COMMAND")?;
        let (name, path) = name.split_once(':').unwrap_or((name, "/mcp"));
        if name.is_empty() || !path.starts_with('/') {
            return Err("expected NAME[:PATH]=COMMAND with a PATH that starts with /".to_owned());
        }
        Ok(Self { name: name.to_owned(), path: path.to_owned(), command: command.to_owned() })
    }
}

/// The processes of a run. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) targets: Vec<Target>,
    pub(crate) upstream: Process,
    pub(crate) upstream_address: SocketAddr,
}

impl Field {
    /// Starts the upstream and all targets asked for, or else those of interest.
    pub(crate) async fn start(args: &FieldArgs, of_interest: &[Known]) -> io::Result<Self> {
        let (upstream, upstream_address) = Process::start_self(&["upstream"])?;
        let mut targets = Vec::new();
        let wanted = args.targets.as_deref().unwrap_or(of_interest);
        let mut jwks = None;
        if wanted.contains(&Known::Guarded) {
            let (keys, token) = gateway::issue();
            // To all of them, so that each has as many bytes to read.
            request::authorize(&format!("Bearer {token}"));
            jwks = Some(keys);
        }
        for known in wanted {
            targets.push(match known {
                Known::Direct => Target::direct(upstream_address),
                Known::Proxy => Target::proxy(upstream_address)?,
                Known::Portal => args.portal("portal", None)?.start(upstream_address).await?,
                Known::Guarded => args.portal("guarded", jwks.take())?.start(upstream_address).await?,
            });
        }
        for peer in args.peers() {
            let mut target = peer.start(upstream_address).await?;
            target.is_peer = true;
            targets.push(target);
        }
        Ok(Self { targets, upstream, upstream_address })
    }
}

impl FieldArgs {
    fn portal(&self, name: &str, jwks: Option<String>) -> io::Result<Gateway> {
        let http2 = self.http2;
        let kind = match (&self.portal, &self.portal_bin) {
            (Some(command), _) => Kind::Command(command.clone()),
            (None, Some(program)) => Kind::Portal { program: program.clone(), http2, jwks },
            (None, None) => {
                Kind::Portal { program: std::env::current_exe()?.with_file_name("portal"), http2, jwks }
            }
        };
        Ok(Gateway { name: name.to_owned(), path: "/mcp".to_owned(), kind, verbose: self.logs })
    }

    fn peers(&self) -> impl Iterator<Item = Gateway> {
        let mcp_proxy = self.mcp_proxy.iter().map(|program| Gateway {
            name: "mcp-proxy".to_owned(),
            path: "/".to_owned(),
            kind: Kind::McpProxy(program.clone()),
            verbose: self.logs,
        });
        mcp_proxy.chain(self.peer.iter().map(|peer| Gateway {
            name: peer.name.clone(),
            path: peer.path.clone(),
            kind: Kind::Command(peer.command.clone()),
            verbose: self.logs,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_a_name_and_a_command_and_perhaps_a_path() {
        let peer: Peer = "other:/x=run --to={upstream}".parse().unwrap();
        let parts = (&*peer.name, &*peer.path, &*peer.command);
        assert_eq!(parts, ("other", "/x", "run --to={upstream}"));
        assert_eq!("other=run".parse::<Peer>().unwrap().path, "/mcp");
        for wrong in ["other", "=run", "other:x=run"] {
            assert!(wrong.parse::<Peer>().is_err(), "{wrong}");
        }
    }
}
