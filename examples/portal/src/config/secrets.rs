//! Values that stand outside of the file: in the environment, or in a file of their own.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use portcullis_core::Secret;

use super::raw::{Reference, SecretText};

/// The longest secret.
const MAX_SECRET: u64 = 16 * 1024;

/// Where references lead.
pub(crate) struct Environment {
    /// What relative paths start from.
    pub(crate) folder: PathBuf,
    pub(crate) variable: fn(&str) -> Option<String>,
}

impl Environment {
    pub(crate) fn of_process(folder: PathBuf) -> Self {
        Self { folder, variable: |name| std::env::var(name).ok() }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// The value, or what is wrong with the reference to it.
pub(super) fn resolve(text: SecretText, environment: &Environment) -> Result<Secret, String> {
    match text {
        SecretText::Plain(secret) => Ok(secret),
        SecretText::From(Reference { env: Some(name), file: None }) => match (environment.variable)(&name) {
            Some(value) => Ok(Secret::new(value)),
            None => Err(format!("the environment variable {name:?} is not set, or is not text")),
        },
        SecretText::From(Reference { env: None, file: Some(file) }) => {
            let text = read_text(&environment.folder.join(&file), MAX_SECRET)
                .map_err(|error| format!("cannot read the file {file:?}: {error}"))?;
            // Editors and `echo` end a file with a newline that nobody means to send.
            Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
        }
        SecretText::From(_) => Err("give either env or file".to_owned()),
    }
}

/// A file's text, if it is not larger than `limit`.
pub(super) fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(limit + 1).read_to_string(&mut text)?;
    match text.len() as u64 > limit {
        true => Err(io::Error::other(format!("it is larger than {limit} bytes"))),
        false => Ok(text),
    }
}
