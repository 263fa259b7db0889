//! What is run, and in which surroundings.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use portcullis_core::Secret;

use crate::{BuildError, ProcessLimits};

/// What a child gets of our own environment. Each is a place or a way to write, none a credential.
const ESSENTIAL: [&str; 7] = ["PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"];

/// A program and its surroundings.
#[derive(Clone)]
pub(super) struct CommandLine {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(String, Secret)>,
    directory: Option<PathBuf>,
}

/// Waits for one line, then becomes the program, so that limits can be set before the program's first step. The shell
/// must add nothing to the environment.
const GATE: &str = r#"read -r go && unset go OLDPWD PWD SHLVL && exec "$@""#;

impl CommandLine {
    pub(super) fn new(program: OsString) -> Self {
        Self { program, args: Vec::new(), env: Vec::new(), directory: None }
    }

    pub(super) fn arg(&mut self, arg: OsString) {
        self.args.push(arg);
    }

    pub(super) fn env(&mut self, name: String, value: Secret) {
        self.env.retain(|(other, _)| *other != name);
        self.env.push((name, value));
    }

    pub(super) fn directory(&mut self, directory: PathBuf) {
        self.directory = Some(directory);
    }

    /// Refuses what no program could be started with.
    pub(super) fn check(&self) -> Result<(), BuildError> {
        let flawed = |part: &str, flaw| Err(BuildError::Command { part: part.to_owned(), flaw });
        let has_nul = |text: &OsStr| text.as_encoded_bytes().contains(&0);
        if self.program.is_empty() {
            return flawed("program", "is empty");
        }
        if has_nul(&self.program) {
            return flawed("program", "holds a NUL byte");
        }
        // What a relative path is relative to differs between systems once there is a working directory.
        let program = Path::new(&self.program);
        if program.is_relative() && program.components().nth(1).is_some() || self.program == ".." {
            return flawed(
                "program",
                "is a relative path; use a name that is found in PATH, or an absolute path",
            );
        }
        if self.args.iter().any(|arg| has_nul(arg)) {
            return flawed("args", "hold a NUL byte");
        }
        for (name, value) in &self.env {
            if name.is_empty() || name.contains(['=', '\0']) {
                return flawed(&format!("env {name:?}"), "is not a name of an environment variable");
            }
            if value.expose().contains('\0') {
                return flawed(&format!("env {name}"), "holds a NUL byte");
            }
        }
        match &self.directory {
            Some(directory) if directory.is_relative() => flawed("current_dir", "is not an absolute path"),
            _ => Ok(()),
        }
    }

    /// The command; behind a gate where there are limits to set.
    pub(super) fn command(&self, limits: &ProcessLimits) -> std::process::Command {
        let mut command = match limits.is_empty() {
            true => std::process::Command::new(&self.program),
            false => {
                let mut command = std::process::Command::new(super::group::SHELL);
                command.args(["-c", GATE, "sh"]).arg(&self.program);
                command
            }
        };
        command.args(&self.args).env_clear();
        for name in ESSENTIAL {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value.expose())));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }

    /// What is wrong where no process could be made, and with what: the system gives one error for a program and a
    /// directory that are not there.
    pub(super) fn refusal(&self, error: &dyn std::fmt::Display) -> String {
        match &self.directory {
            Some(directory) if !directory.is_dir() => {
                format!("cannot be started: the directory {} is not there", directory.display())
            }
            _ => format!("cannot be started: {}: {error}", Path::new(&self.program).display()),
        }
    }

    /// The program's name without its path, to call the server by.
    pub(super) fn short_name(&self) -> String {
        let name = Path::new(&self.program).file_name().unwrap_or(&self.program);
        name.to_string_lossy().into_owned()
    }
}

/// Arguments may hold secrets, although they should not, so only their number is shown.
impl std::fmt::Debug for CommandLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandLine")
            .field("program", &self.program)
            .field("args", &self.args.len())
            .field("env", &self.env.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("directory", &self.directory)
            .finish()
    }
}
