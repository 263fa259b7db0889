//! Child processes, and what the kernel says of them.
//!
//! Everything under test runs in a process of its own, so that its processor time and its memory are its own. All of
//! them end with this one: killed when dropped, and those made of this program also end when their standard input
//! does, which covers the case that nothing could be dropped any more.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A program to start.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// Let it write to the terminal.
    pub(crate) verbose: bool,
}

/// A running child; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

impl Process {
    pub(crate) fn start(launch: &Launch) -> io::Result<Self> {
        let output = || if launch.verbose { Stdio::inherit() } else { Stdio::null() };
        let child = Command::new(&launch.program)
            .args(&launch.arguments)
            .stdin(Stdio::null())
            .stdout(output())
            .stderr(output())
            .spawn()
            .map_err(|error| {
                io::Error::new(error.kind(), format!("cannot start {}: {error}", launch.program.display()))
            })?;
        Ok(Self { child })
    }

    /// Starts this very program with a subcommand that prints the address it listens on.
    pub(crate) fn start_self(arguments: &[&str]) -> io::Result<(Self, SocketAddr)> {
        let child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut process = Self { child };
        let output = process.child.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address =
            line.trim().parse().map_err(|_| io::Error::other(format!("{arguments:?} did not start")))?;
        Ok((process, address))
    }

    /// Fails if the child has ended.
    pub(crate) fn check(&mut self) -> io::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(io::Error::other(format!("ended by itself: {status}"))),
        }
    }

    /// Processor time used so far, all threads, user and system.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        cpu(self.child.id())
    }

    /// Resident memory in KiB.
    pub(crate) fn rss_kib(&self) -> io::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        parse_rss(&status).ok_or_else(|| io::Error::other("no VmRSS in /proc/<pid>/status"))
    }

    /// Number of open file descriptors.
    pub(crate) fn descriptors(&self) -> io::Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing can be done about a child that is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time of this process.
pub(crate) fn own_cpu() -> io::Result<Duration> {
    cpu(std::process::id())
}

fn cpu(pid: u32) -> io::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = parse_ticks(&stat).ok_or_else(|| io::Error::other("unreadable /proc/<pid>/stat"))?;
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// Fields 14 and 15, `utime` and `stime`; the second field is a name that may hold anything, in parentheses.
fn parse_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn parse_rss(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Allows this process, and the children it starts from now on, as many open files as it may.
pub(crate) fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    // Where this is refused the old limit stays, and `open_files` tells.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// How many files a process may have open.
pub(crate) fn open_files() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Ends this process when its standard input does: its parent is gone then.
pub(crate) fn end_with_parent() {
    std::thread::spawn(|| {
        let mut rest = [0; 64];
        while matches!(io::stdin().read(&mut rest), Ok(1..)) {}
        std::process::exit(0);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "7 (a) b) (c) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 1 1 1";
        assert_eq!(parse_ticks(stat), Some(300));
        assert_eq!(parse_ticks("7 (a) S 1"), None);
    }

    #[test]
    fn memory_is_found_among_the_rest() {
        assert_eq!(parse_rss("VmPeak:\t 9 kB\nVmRSS:\t    1234 kB\n"), Some(1234));
        assert_eq!(parse_rss("VmPeak:\t 9 kB\n"), None);
    }

    #[test]
    fn the_kernel_answers_about_ourselves() {
        let before = own_cpu().unwrap();
        assert!(own_cpu().unwrap() >= before);
    }
}
