//! What operators list in files: root keys, the keys of agents, revoked blocks.
//!
//! One entry per line; empty lines and what follows a `#` count for nothing.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::str::FromStr;

use super::PublicKey;

#[cfg(test)]
mod tests;

/// The keys that tokens are minted with, each under the number that tokens name it by.
///
/// A line is `7 ed25519/<hex>`, or `ed25519/<hex>` for tokens that name no number. To rotate, list the new key next to
/// the old, mint with the new, and withdraw the old when the last token of it has expired.
#[derive(Clone, Debug, Default)]
pub struct RootKeys {
    keys: BTreeMap<Option<u32>, PublicKey>,
}

impl RootKeys {
    pub(super) fn get(&self, id: Option<u32>) -> Option<&PublicKey> {
        self.keys.get(&id)
    }
}

impl FromStr for RootKeys {
    type Err = ListError;

    fn from_str(text: &str) -> Result<Self, ListError> {
        let mut keys = BTreeMap::new();
        for (line, entry) in entries(text) {
            let (id, key) = match entry.split_once(char::is_whitespace) {
                Some((id, key)) => {
                    let id = id.parse().map_err(|_| ListError::new(line, "names no number below 2^32"))?;
                    (Some(id), key.trim())
                }
                None => (None, entry),
            };
            let key = key.parse().map_err(|_| ListError::new(line, "holds no ed25519 public key"))?;
            if keys.insert(id, key).is_some() {
                return Err(ListError::new(line, "gives a number that another line gave"));
            }
        }
        match keys.is_empty() {
            true => Err(ListError::new(1, "there is no key at all, so every token would be refused")),
            false => Ok(Self { keys }),
        }
    }
}

/// The keys that agents sign with, so that each can speak for itself only.
///
/// A line is `planner ed25519/<hex>`. An agent may have several keys, each on a line of its own.
#[derive(Clone, Debug, Default)]
pub struct AgentKeys {
    keys: BTreeMap<String, Vec<PublicKey>>,
}

impl AgentKeys {
    pub(super) fn holds(&self, name: &str, key: &biscuit_auth::PublicKey) -> bool {
        self.keys.get(name).is_some_and(|keys| keys.iter().any(|own| own.inner() == *key))
    }
}

impl FromStr for AgentKeys {
    type Err = ListError;

    fn from_str(text: &str) -> Result<Self, ListError> {
        let mut keys: BTreeMap<String, Vec<PublicKey>> = BTreeMap::new();
        let mut seen = HashSet::new();
        for (line, entry) in entries(text) {
            let (name, key) = entry
                .split_once(char::is_whitespace)
                .ok_or_else(|| ListError::new(line, "is not a name and a key"))?;
            let key: PublicKey =
                key.trim().parse().map_err(|_| ListError::new(line, "holds no ed25519 public key"))?;
            if !seen.insert(key) {
                return Err(ListError::new(line, "holds a key that another line holds"));
            }
            keys.entry(name.to_owned()).or_default().push(key);
        }
        Ok(Self { keys })
    }
}

/// The blocks that are good no more, and with each block every token that holds it.
///
/// A line is the revocation identifier of a block in hexadecimal digits, as [`revocation_ids`](super::revocation_ids)
/// tells it. Revoking the first block of a token revokes whatever was made of it; revoking a later one revokes what an
/// agent made and passed on, and leaves its user's token alone.
#[derive(Clone, Debug, Default)]
pub struct Revocations {
    ids: HashSet<Vec<u8>>,
}

impl Revocations {
    pub(super) fn hold(&self, id: &[u8]) -> bool {
        self.ids.contains(id)
    }
}

impl FromStr for Revocations {
    type Err = ListError;

    fn from_str(text: &str) -> Result<Self, ListError> {
        let mut ids = HashSet::new();
        for (line, entry) in entries(text) {
            let id = bytes_of(entry).ok_or_else(|| ListError::new(line, "is not hexadecimal"))?;
            // The identifier is the block's Ed25519 signature: any other length would revoke nothing.
            if id.len() != 64 {
                return Err(ListError::new(line, "is not of 128 digits, so it would revoke nothing"));
            }
            ids.insert(id);
        }
        Ok(Self { ids })
    }
}

fn entries(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let entry = line.split('#').next().unwrap_or_default().trim();
        (!entry.is_empty()).then_some((index + 1, entry))
    })
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    if !hex.is_ascii() || !hex.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    hex.as_bytes()
        .chunks_exact(2)
        .map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.last()?)?))
        .collect()
}

/// A line that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListError {
    line: usize,
    flaw: &'static str,
}

impl ListError {
    fn new(line: usize, flaw: &'static str) -> Self {
        Self { line, flaw }
    }
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.flaw)
    }
}

impl std::error::Error for ListError {}
