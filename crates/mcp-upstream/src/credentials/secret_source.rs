use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};
use std::time::Duration;

use portcullis_core::{BoxError, Secret};
use portcullis_fetch::Watched;
use portcullis_mcp_jsonrpc::FailureKind;

use super::cell::{Cell, Fresh, Got, Held};
use super::command::Program;
use super::trouble::Trouble;
use crate::BuildError;

#[cfg(test)]
mod tests;

/// The longest secret, from wherever it comes.
pub(crate) const MAX_SECRET: usize = 16 * 1024;

/// Where a secret comes from.
///
/// | source | read | read again |
/// |---|---|---|
/// | [`plain`](Self::plain) | when it is made | never |
/// | [`environment`](Self::environment) | when it is made | never: nobody else can change it |
/// | [`file`](Self::file) | when it is made | within a second of a change, and when a server refuses the secret |
/// | [`command`](Self::command) | when it is first needed | after [`refresh`](Self::refresh), and when a server refuses the secret |
///
/// A secret is printable ASCII of at most 16 KiB; line ends after it are cut off. `Debug` and errors show where it
/// comes from and never what it is. A file that is changed to something that is no secret changes nothing.
///
/// ```
/// use portcullis_mcp_upstream::SecretSource;
///
/// let path = std::env::temp_dir().join(format!("portcullis-secret-{}", std::process::id()));
/// std::fs::write(&path, "s3cr3t\n")?;
/// let source = SecretSource::file(&path)?;
/// assert!(!format!("{source:?}").contains("s3cr3t"));
///
/// std::fs::write(&path, "two\nlines")?;
/// assert!(SecretSource::file(&path).is_err());
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SecretSource {
    origin: Origin,
}

#[derive(Clone)]
enum Origin {
    Plain(Arc<Secret>, Option<Arc<str>>),
    File(Watched<Secret>, Arc<Once>),
    Command { program: Arc<Program>, refresh: Option<Duration>, cell: Arc<Cell<Arc<Secret>>> },
}

impl SecretSource {
    /// A secret that is at hand.
    ///
    /// # Errors
    ///
    /// One that is empty, longer than 16 KiB, or not printable ASCII.
    pub fn plain(secret: &Secret) -> Result<Self, BuildError> {
        let secret = read(secret.expose().as_bytes()).map_err(|flaw| flawed("secret", flaw))?;
        Ok(Self { origin: Origin::Plain(Arc::new(secret), None) })
    }

    /// The value of an environment variable.
    ///
    /// # Errors
    ///
    /// A variable that is not set, or whose value is not a secret as for [`plain`](Self::plain).
    pub fn environment(name: &str) -> Result<Self, BuildError> {
        let part = || format!("environment variable {name}");
        // The system's call may panic on names that cannot be.
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(flawed(&part(), "is not a name of an environment variable"));
        }
        let Some(value) = std::env::var_os(name) else { return Err(flawed(&part(), "is not set")) };
        let secret = read(value.as_encoded_bytes()).map_err(|flaw| flawed(&part(), flaw))?;
        Ok(Self { origin: Origin::Plain(Arc::new(secret), Some(name.into())) })
    }

    /// The content of a file.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or whose content is not a secret as for [`plain`](Self::plain).
    pub fn file(path: impl Into<PathBuf>) -> Result<Self, BuildError> {
        let limit = u64::try_from(MAX_SECRET).unwrap_or(u64::MAX).saturating_add(2);
        let parse = |bytes: &[u8]| read(bytes).map_err(BoxError::from);
        let watched = Watched::open(path, limit, parse);
        let watched = watched.map_err(|error| BuildError::Secret { source: error.into() })?;
        Ok(Self { origin: Origin::File(watched, Arc::new(Once::new())) })
    }

    /// What a program writes to its standard output.
    ///
    /// The program is started without a shell, in the gateway's own environment (but see
    /// [`without_variable`](Self::without_variable)), and must end well within ten seconds.
    /// Its other output is not looked at.
    ///
    /// # Errors
    ///
    /// A program or an argument that none can be started with: an empty name, a NUL byte, a relative path.
    pub fn command<A>(program: impl Into<OsString>, args: A) -> Result<Self, BuildError>
    where
        A: IntoIterator,
        A::Item: Into<OsString>,
    {
        let program = Program::new(program.into(), args.into_iter().map(Into::into).collect())?;
        Ok(Self {
            origin: Origin::Command { program: Arc::new(program), refresh: None, cell: Arc::default() },
        })
    }

    /// Runs a command again when this much time has passed; about a fifth of it, a minute at most, ahead and in the
    /// background. Of no effect on other sources.
    #[must_use]
    pub fn refresh(mut self, interval: Duration) -> Self {
        if let Origin::Command { refresh, cell, .. } = &mut self.origin {
            *refresh = Some(interval);
            *cell = Arc::default();
        }
        self
    }

    /// Keeps a variable of the gateway's environment from the program of a command: one that holds somebody else's secret.
    /// Of no effect on other sources.
    #[must_use]
    pub fn without_variable(mut self, name: &str) -> Self {
        if let Origin::Command { program, cell, .. } = &mut self.origin {
            Arc::make_mut(program).hide(name.to_owned());
            *cell = Arc::default();
        }
        self
    }

    /// Whether the secret is what it is.
    pub(crate) fn fixed(&self) -> Option<&Secret> {
        match &self.origin {
            Origin::Plain(secret, _) => Some(secret),
            Origin::File(..) | Origin::Command { .. } => None,
        }
    }

    /// The secret as it is now.
    pub(crate) fn get(&self) -> Got<Arc<Secret>> {
        match &self.origin {
            Origin::Plain(secret, _) => Got::Now(Held { value: Arc::clone(secret), generation: 0 }),
            Origin::File(file, watch) => {
                // Here, because it takes a runtime.
                watch.call_once(|| file.watch());
                Got::Now(Held { generation: file.generation(), value: file.current() })
            }
            Origin::Command { program, refresh, cell } => {
                let (program, lifetime) = (Arc::clone(program), *refresh);
                cell.get(|| {
                    Box::pin(async move {
                        let output = program.run().await?;
                        let flawed = |flaw| Trouble::new(FailureKind::Reject, format!("{program}: {flaw}"));
                        let value = Arc::new(read(&output).map_err(flawed)?);
                        Ok(Fresh { value, lifetime })
                    })
                })
            }
        }
    }

    /// The secret anew, after a server has refused the one that it was shown; none if there is no other.
    pub(crate) fn renew(&self, generation: u64) -> Option<Got<Arc<Secret>>> {
        match &self.origin {
            Origin::Plain(..) => None,
            Origin::File(file, _) => {
                let file = file.clone();
                Some(Got::Wait(Box::pin(async move {
                    let again = file.clone();
                    if let Ok(Err(error)) = tokio::task::spawn_blocking(move || again.reload()).await {
                        tracing::warn!(%error, "what was read before stays in force");
                    }
                    Ok(Held { generation: file.generation(), value: file.current() })
                })))
            }
            Origin::Command { cell, .. } => cell.reject(generation).then(|| self.get()),
        }
    }
}

/// Reads a secret, without the line ends that editors and programs put after it.
fn read(bytes: &[u8]) -> Result<Secret, &'static str> {
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    let text = bytes.get(..end).unwrap_or_default();
    match std::str::from_utf8(text) {
        _ if text.is_empty() => Err("is empty"),
        _ if text.len() > MAX_SECRET => Err("is longer than 16 KiB"),
        Ok(text) if text.trim() != text => Err("has white space around it"),
        Ok(text) if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) => Ok(Secret::new(text)),
        _ => Err("is not printable ASCII"),
    }
}

fn flawed(part: &str, flaw: &'static str) -> BuildError {
    BuildError::Credentials { part: part.to_owned(), flaw }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Plain(_, None) => f.write_str("SecretSource(plain)"),
            Origin::Plain(_, Some(name)) => write!(f, "SecretSource(environment {name})"),
            Origin::File(file, _) => write!(f, "SecretSource(file {})", Path::display(file.path())),
            Origin::Command { program, .. } => write!(f, "SecretSource({program})"),
        }
    }
}
