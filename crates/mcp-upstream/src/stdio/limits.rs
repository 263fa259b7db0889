use rustix::process::Pid;

use crate::BuildError;

/// What one child process may use, as the operating system counts it.
///
/// The limits hold from the program's first step, for each process that it starts as well (each by itself), and cannot be
/// raised by it. They are those of `setrlimit(2)`, so they bound accidents; a server that is not trusted belongs in a
/// container.
///
/// Linux alone can limit another process. Elsewhere building an upstream with limits is an error, rather than limits
/// that do not hold.
///
/// ```
/// use portcullis_mcp_upstream::ProcessLimits;
///
/// let modest = ProcessLimits::new().address_space(1 << 30).open_files(256).cpu_seconds(3600);
/// assert_ne!(modest, ProcessLimits::new());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct ProcessLimits {
    address_space: Option<u64>,
    open_files: Option<u64>,
    cpu_seconds: Option<u64>,
    processes: Option<u64>,
}

impl ProcessLimits {
    /// No limits but those that this process has itself.
    pub const fn new() -> Self {
        Self { address_space: None, open_files: None, cpu_seconds: None, processes: None }
    }

    /// How many bytes a process may address. Runtimes that reserve much and use little, such as Node.js and Go, need a
    /// large figure: gigabytes.
    pub const fn address_space(mut self, bytes: u64) -> Self {
        self.address_space = Some(bytes);
        self
    }

    /// How many files a process may have open at once, its three standard streams included.
    pub const fn open_files(mut self, files: u64) -> Self {
        self.open_files = Some(files);
        self
    }

    /// How many seconds of CPU time a process may use in its whole life. It is killed then, and a new one is started for
    /// the next call.
    pub const fn cpu_seconds(mut self, seconds: u64) -> Self {
        self.cpu_seconds = Some(seconds);
        self
    }

    /// How many processes and threads the *user* that runs the server may have. All processes of that user count,
    /// also those that are not the server's, and for root the limit does not hold.
    pub const fn processes(mut self, processes: u64) -> Self {
        self.processes = Some(processes);
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::new()
    }

    pub(super) fn check(&self) -> Result<(), BuildError> {
        let values = [
            ("address_space", self.address_space),
            ("open_files", self.open_files),
            ("cpu_seconds", self.cpu_seconds),
            ("processes", self.processes),
        ];
        match values.into_iter().find(|(_, value)| value.is_some()) {
            Some((setting, _)) if !cfg!(any(target_os = "linux", target_os = "android")) => {
                return Err(BuildError::Limit { setting, flaw: "can be set on Linux alone" });
            }
            _ => {}
        }
        match values.into_iter().find(|(_, value)| *value == Some(0)) {
            Some((setting, _)) => Err(BuildError::Limit { setting, flaw: "is zero, so nothing could run" }),
            None => Ok(()),
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn apply(&self, process: Pid) -> std::io::Result<()> {
        use rustix::process::{Resource, Rlimit, prlimit};

        let limits = [
            (Resource::As, self.address_space),
            (Resource::Nofile, self.open_files),
            (Resource::Cpu, self.cpu_seconds),
            (Resource::Nproc, self.processes),
        ];
        for (resource, limit) in limits {
            if limit.is_some() {
                prlimit(Some(process), resource, Rlimit { current: limit, maximum: limit })?;
            }
        }
        Ok(())
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn apply(&self, _: Pid) -> std::io::Result<()> {
        // Checked when the upstream was built.
        Err(std::io::ErrorKind::Unsupported.into())
    }
}
