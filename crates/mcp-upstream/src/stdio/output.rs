//! What a server writes: messages, and what is none.

use portcullis_mcp_jsonrpc::{FailureKind, Message};
use tokio::io::AsyncRead;

use super::lines::{LineError, Lines, Overlong};
use super::process::Back;
use super::settings::Settings;
use super::shown::{Rate, Shown};
use crate::duplex::{Cause, Duplex};

/// How many lines per second are logged of one process.
const LOGGED: u32 = 50;
/// How much of a line on the standard error is logged.
const LOGGED_BYTES: usize = 4096;
/// How much of a line is logged that should have been a message.
const SHOWN_BYTES: usize = 200;

/// Delivers what comes on the standard output, until it ends or, which is a cause, until no more can be read.
pub(super) async fn read(
    stdout: impl AsyncRead + Unpin,
    duplex: &Duplex,
    back: &Back,
    settings: &Settings,
) -> Option<Cause> {
    let overlong = Overlong::Fail(settings.transfer_timeout);
    let mut lines = Lines::new(stdout, settings.max_message, overlong);
    let mut noise = Rate::new(LOGGED);
    loop {
        let line = match lines.next().await {
            Ok(Some(line)) => line,
            Ok(None) => return None,
            Err(LineError::Long) => {
                let text = format!("a line is longer than {} bytes", settings.max_message);
                return Some(Cause::new(FailureKind::Oversize, text));
            }
            Err(LineError::Slow) => {
                let text = format!("a line was not complete after {:?}", settings.transfer_timeout);
                return Some(Cause::new(FailureKind::Timeout, text));
            }
            Err(LineError::Io(error)) => {
                return Some(Cause::new(FailureKind::Close, format!("cannot read: {error}")));
            }
        };
        if line.trim_ascii().is_empty() {
            continue;
        }
        match Message::parse(line.clone()) {
            Ok(message) => duplex.deliver(message).into_iter().for_each(|message| back.send(message)),
            Err(flaw) => {
                if let Some(id) = flaw.id() {
                    duplex.fail(id, FailureKind::Garbage, "the answer is not a message that can be read");
                }
                if let Some(missed) = noise.admit() {
                    let line = Shown { text: &line, most: SHOWN_BYTES };
                    tracing::warn!(server = &*settings.name, %flaw, %line, missed, "a line is no message");
                }
            }
        }
    }
}

/// Logs what comes on the standard error. Never returns.
pub(super) async fn log(stderr: impl AsyncRead + Unpin, name: &str) {
    let mut lines = Lines::new(stderr, LOGGED_BYTES, Overlong::Cut);
    let mut rate = Rate::new(LOGGED);
    while let Ok(Some(line)) = lines.next().await {
        if !line.trim_ascii().is_empty()
            && let Some(missed) = rate.admit()
        {
            let line = Shown { text: &line, most: LOGGED_BYTES };
            tracing::info!(target: "portcullis_mcp_upstream::stderr", server = name, missed, "{line}");
        }
    }
    std::future::pending().await
}
