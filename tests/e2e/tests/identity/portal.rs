//! The portal as a process of its own, with its files.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use e2e::PATIENCE;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::Client;

/// A folder of a test's own, which is removed when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("identity-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
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

/// A portal that runs; killed when dropped.
pub(crate) struct Portal {
    pub(crate) address: SocketAddr,
    health: SocketAddr,
    _child: Child,
}

impl Portal {
    /// Starts with this file and waits until it listens.
    pub(crate) async fn start(file: &Path) -> Self {
        let mut child = command(file).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut address, mut health) = (None, None);
        let listening = async {
            while address.is_none() || health.is_none() {
                let line = lines.next_line().await.unwrap().expect("the portal ended");
                let after = |word: &str| line.strip_prefix(word)?.strip_prefix("http://")?.parse().ok();
                address = address.or_else(|| after("listening on "));
                health = health.or_else(|| after("health on "));
            }
        };
        tokio::time::timeout(PATIENCE, listening).await.expect("a portal in time");
        Self { address: address.unwrap(), health: health.unwrap(), _child: child }
    }

    /// How many reloads were applied, and how many failed.
    async fn reloads(&self) -> (u64, u64) {
        let page: Value =
            serde_json::from_str(&Client::at(self.health).get("/readyz").await.text().await).unwrap();
        let count = |name: &str| page["reloads"][name].as_u64().unwrap();
        (count("applied"), count("failed"))
    }

    /// Waits until that many reloads were applied, and that many failed.
    pub(crate) async fn reloaded(&self, expected: (u64, u64)) {
        eventually("the reload", async || self.reloads().await == expected).await;
    }
}

/// The portal with a file, not started yet.
pub(crate) fn command(file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_e2e-portal"));
    command.arg("--config").arg(file).stdin(Stdio::null()).env_remove("PORTCULLIS_TOKEN").kill_on_drop(true);
    command
}

/// Asks again until it is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !is_so().await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("{what} did not come"));
}
