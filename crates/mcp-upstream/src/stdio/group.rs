//! A child, everything it starts, and the guard that outlives us to kill them all.
//!
//! A child is killed when it is dropped, but not when *we* are killed: nobody drops anything then. So each server runs in
//! a process group that belongs to a **guard**, a shell that does nothing but read a pipe whose other end only we hold.
//! However we end - returning, panicking, aborting, by `SIGKILL` - the kernel closes our end, the read returns, and the
//! guard kills the group.
//!
//! Numbers of processes are used again, and a guard that killed the wrong group would be worse than none. So nobody ever
//! has to remember a number that may have changed hands:
//!
//! * The guard is the group's first member and its leader, so the group's number is the guard's own. It kills *its own
//!   group*, by `kill 0`, which needs no number, and dies with it.
//! * We kill the group by number, but only before we have taken note of the guard's death (`wait`). Until then the number
//!   stays taken, even if the guard has been dead for long.
//! * The server is started once the guard has said that it is there: no server is ever without one.
//!
//! A process that leaves the group (`setsid`), or that kills the guard on purpose, gets away; if the guard dies, the
//! server is killed at once. Whoever does not trust a server to that degree runs it in a container.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};

use super::command::CommandLine;
use crate::ProcessLimits;

/// POSIX has it here; what it runs are words of POSIX.
pub(super) const SHELL: &str = "/bin/sh";

/// Signals to the group are for the server; the guard leaves only when it is killed. Nothing is ever written to its
/// pipe, so `read` returns when the pipe is closed.
const GUARD: &str =
    "trap '' HUP INT QUIT TERM PIPE ALRM USR1 USR2 TSTP TTIN TTOU; echo; read -r _; kill -s KILL 0";

/// How long a shell may take to start, on a machine that has no time.
const GUARD_START: Duration = Duration::from_secs(10);

/// The guard of one group. Dropping it kills the group.
struct Guard {
    shell: Child,
    group: Pid,
    is_reaped: bool,
}

impl Guard {
    async fn start() -> io::Result<(Self, ChildStdout)> {
        let mut shell = Command::new(SHELL)
            .args(["-c", GUARD])
            .env_clear()
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = shell.stdout.take();
        let group = pid(shell.id())?;
        let guard = Self { shell, group, is_reaped: false };
        let mut stdout = ChildStdout::from_std(stdout.ok_or(io::ErrorKind::BrokenPipe)?)?;
        let ready = tokio::time::timeout(GUARD_START, stdout.read_u8());
        ready.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        Ok((guard, stdout))
    }

    fn signal(&self, signal: Signal) {
        if !self.is_reaped {
            // A group that is gone needs no signal; there is nothing else to be done about any other error.
            let _ = kill_process_group(self.group, signal);
        }
    }

    /// Kills the group and takes note of the guard's death, which follows at once.
    fn finish(&mut self) {
        self.signal(Signal::KILL);
        if !self.is_reaped {
            let _ = self.shell.wait();
            self.is_reaped = true;
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.finish();
    }
}

/// A server, what it has started, and their guard. Dropping it kills them all.
pub(super) struct Group {
    guard: Guard,
    /// Says nothing more; it ends when the guard does.
    alive: ChildStdout,
    server: tokio::process::Child,
}

/// The three streams of a server.
pub(super) struct Pipes {
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

impl Group {
    pub(super) async fn start(command: &CommandLine, limits: &ProcessLimits) -> io::Result<(Self, Pipes)> {
        let (guard, alive) = Guard::start().await?;
        let mut command = command.command(limits);
        command.process_group(guard.group.as_raw_nonzero().get());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let server = tokio::process::Command::from(command).spawn()?;
        let mut group = Self { guard, alive, server };
        let child = &mut group.server;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let mut pipes = Pipes { stdin, stdout, stderr };
        if !limits.is_empty() {
            limits.apply(pid(group.server.id().unwrap_or_default())?)?;
            pipes.stdin.write_all(b"\n").await?;
        }
        Ok((group, pipes))
    }

    /// The server's process number, while it runs.
    pub(super) fn id(&self) -> Option<u32> {
        self.server.id()
    }

    /// Waits for the server to end. What it has started may go on.
    pub(super) async fn exited(&mut self) -> io::Result<ExitStatus> {
        self.server.wait().await
    }

    /// Waits for the server to end, or for its guard to. The latter should never come first.
    pub(super) async fn exited_or_unguarded(&mut self) -> Option<io::Result<ExitStatus>> {
        let mut byte = [0];
        tokio::select! {
            biased;
            status = self.server.wait() => Some(status),
            _ = self.alive.read(&mut byte) => None,
        }
    }

    /// Asks the server, and what it has started, to end.
    pub(super) fn terminate(&self) {
        self.guard.signal(Signal::TERM);
    }

    /// Kills whatever is left of the group.
    pub(super) async fn kill(mut self) {
        self.guard.signal(Signal::KILL);
        let _ = self.server.wait().await;
        // Its output ends when the guard is as good as dead, so that `finish` does not wait.
        let _ = self.alive.read_to_end(&mut Vec::new()).await;
        self.guard.finish();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.guard.finish();
        // Leaves no zombie, unless the kernel is slower than that; tokio reaps it then.
        let _ = self.server.try_wait();
    }
}

fn pid(id: u32) -> io::Result<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw).ok_or_else(|| io::ErrorKind::NotFound.into())
}
