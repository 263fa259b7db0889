//! How names of many servers become names of one portal, and back.

#[cfg(test)]
mod tests;

use crate::BuildError;

/// Stands between a server's id and a name. No id holds one, so the first one in a name always splits it right.
const SEPARATOR: char = '_';

/// The longest server id.
const MAX_ID: usize = 64;

/// When the names of tools and prompts carry their server's id in front: `github_search` for `search` of `github`.
///
/// Resources and their templates are never renamed: their URIs are global by nature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Namespace {
    /// Always. Names never change when a server comes or goes, and a call is routed by its name alone.
    #[default]
    Always,
    /// Only where a bare name would mean two things: more than one server has it, or it starts like a prefixed one.
    ///
    /// The prefixed form of a name is accepted whether it is needed or not. A bare name is refused once a second
    /// server has it, so clients that keep names for long are better served by [`Always`](Self::Always).
    WhenNeeded,
    /// Never. A name that two servers have falls to the portal's [`Collision`] rule.
    Never,
}

/// What becomes of a name that two servers have, where names are not prefixed.
///
/// Either way the name and its servers are listed in the `_meta` of the lists, and logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Collision {
    /// Nobody gets it: it is left out of the lists, and a call of it is refused.
    #[default]
    Refuse,
    /// The server that was added first keeps it.
    First,
}

/// Takes a name apart at its first separator. `None` if there is nothing before or behind it.
pub(crate) fn split(name: &str) -> Option<(&str, &str)> {
    name.split_once(SEPARATOR).filter(|(id, rest)| !id.is_empty() && !rest.is_empty())
}

/// Whether a bare name starts like a prefixed one, so that a call of it goes to the server with that id.
pub(crate) fn looks_prefixed(name: &str, ids: &[&str]) -> bool {
    split(name).is_some_and(|(id, _)| ids.contains(&id))
}

/// What goes in front of the names of a server.
pub(crate) fn prefix(id: &str) -> String {
    format!("{id}{SEPARATOR}")
}

/// Lets an id pass that can stand in a tool's name, in a header and in a log line.
pub(crate) fn check_id(id: &str) -> Result<(), BuildError> {
    let rule = if id.is_empty() {
        "must not be empty"
    } else if id.len() > MAX_ID {
        "must not be longer than 64 characters"
    } else if id.contains(SEPARATOR) {
        "must not hold an underscore, which ends the id in the names of tools"
    } else if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        "must hold only letters a-z, digits and hyphens"
    } else if id.starts_with('-') || id.ends_with('-') {
        "must start and end with a letter or digit"
    } else {
        return Ok(());
    };
    Err(BuildError::ServerId { id: id.to_owned(), rule })
}
