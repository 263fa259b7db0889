//! A server behind pipes: this very test binary, started again as an ignored test.

use std::sync::Arc;

use portcullis_core::Secret;
use portcullis_mcp_upstream::{StdioUpstream, StdioUpstreamBuilder};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

use crate::Era;
use crate::server::Server;

/// A client of a server of this era.
pub(crate) fn builder(era: Era) -> StdioUpstreamBuilder {
    StdioUpstream::builder(std::env::current_exe().unwrap())
        .args(["child::serve", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env("CHILD", Secret::new(format!("{era:?}")))
}

#[tokio::test]
#[ignore = "the server that the other tests start"]
async fn serve() {
    let era = if std::env::var("CHILD").unwrap() == "Legacy" { Era::Legacy } else { Era::Modern };
    let server = Server::new(era, "up");
    let (out, mut said) = mpsc::unbounded_channel();
    if era == Era::Legacy {
        // There is one channel for all.
        server.listen(out.clone(), None);
    }
    tokio::spawn(async move {
        let mut stdout = tokio::io::stdout();
        // The harness has begun a line.
        let _ = stdout.write_all(b"\n").await;
        while let Some(message) = said.recv().await {
            let _ = stdout.write_all(format!("{message}\n").as_bytes()).await;
            let _ = stdout.flush().await;
        }
    });
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        tokio::spawn(Arc::clone(&server).take(serde_json::from_str(&line).unwrap(), out.clone()));
    }
    std::process::exit(0);
}
