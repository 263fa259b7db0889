//! A program that says a secret.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use portcullis_core::BoxError;
use portcullis_mcp_jsonrpc::FailureKind;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use super::secret_source::MAX_SECRET;
use super::trouble::Trouble;
use crate::BuildError;

/// How long it may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What is run.
#[derive(Clone)]
pub(super) struct Program {
    name: OsString,
    args: Vec<OsString>,
    /// What it does not get of our environment.
    hidden: Vec<String>,
}

impl Program {
    pub(super) fn new(name: OsString, args: Vec<OsString>) -> Result<Self, BuildError> {
        let flawed = |flaw| BuildError::Credentials { part: "command".to_owned(), flaw };
        let has_nul = |text: &OsStr| text.as_encoded_bytes().contains(&0);
        if name.is_empty() {
            return Err(flawed("is empty"));
        }
        if has_nul(&name) || args.iter().any(|arg| has_nul(arg)) {
            return Err(flawed("holds a NUL byte"));
        }
        let path = Path::new(&name);
        if path.is_relative() && path.components().nth(1).is_some() {
            return Err(flawed("is a relative path; use a name that is found in PATH, or an absolute path"));
        }
        Ok(Self { name, args, hidden: Vec::new() })
    }

    pub(super) fn hide(&mut self, variable: String) {
        self.hidden.push(variable);
    }

    /// Runs the program to its end and gives what it said.
    pub(super) async fn run(&self) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        match tokio::time::timeout(LIMIT, self.output()).await {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(error)) => Err(Trouble::new(FailureKind::Reject, format!("{self}: {error}"))),
            Err(_) => Err(Trouble::new(FailureKind::Timeout, format!("{self}: did not end within 10 s"))),
        }
    }

    async fn output(&self) -> Result<Zeroizing<Vec<u8>>, BoxError> {
        let mut command = Command::new(&self.name);
        command.args(&self.args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        for variable in &self.hidden {
            command.env_remove(variable);
        }
        command.kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        // To make a process takes longer than the runtime's threads have.
        let child = tokio::task::spawn_blocking(move || command.spawn()).await??;
        let mut running = Running(child);
        let mut output = Zeroizing::new(Vec::with_capacity(MAX_SECRET + 64));
        let stdout = running.0.stdout.take().ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))?;
        let limit = u64::try_from(MAX_SECRET).unwrap_or(u64::MAX).saturating_add(2);
        stdout.take(limit.saturating_add(1)).read_to_end(&mut output).await?;
        if output.len() > MAX_SECRET + 2 {
            return Err("wrote more than 16 KiB".into());
        }
        let status = running.0.wait().await?;
        if !status.success() {
            return Err(format!("ended with {status}").into());
        }
        Ok(output)
    }
}

/// A program that is killed, with all that it started, when nobody waits for it any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        #[cfg(unix)]
        // There is a number for as long as the end was not taken note of, so it is nobody else's.
        if let Some(group) =
            self.0.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?))
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// Arguments may hold secrets, although they should not, so they are not shown.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command {}", Path::new(&self.name).display())
    }
}
