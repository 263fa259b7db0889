use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use portcullis_core::{BoxError, Kind, json};
use serde::Deserialize;

use super::error::{Fault, ServiceTokenError};
use super::{ServiceEntry, StoredSecret};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    id: String,
    secret: String,
    #[serde(default)]
    kind: RawKind,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    expires: Option<u64>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawKind {
    Agent,
    #[default]
    Service,
    User,
}

pub(super) fn read(bytes: &[u8]) -> Result<Vec<ServiceEntry>, BoxError> {
    let raw: Vec<RawEntry> = json::from_slice(bytes)?;
    Ok(raw.into_iter().map(entry).collect::<Result<_, _>>()?)
}

fn entry(raw: RawEntry) -> Result<ServiceEntry, ServiceTokenError> {
    let RawEntry { id, secret, kind, groups, scopes, attributes, expires } = raw;
    let secret = StoredSecret::parse(&secret).map_err(|error| error.of(&id))?;
    let end = match expires {
        Some(seconds) => {
            let end = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
            Some(end.ok_or_else(|| ServiceTokenError::new(&id, Fault::Expires))?)
        }
        None => None,
    };
    let mut entry = ServiceEntry::new(id, secret).kind(match kind {
        RawKind::Agent => Kind::Agent,
        RawKind::Service => Kind::Service,
        RawKind::User => Kind::User,
    });
    entry = groups.into_iter().fold(entry, ServiceEntry::group);
    entry = scopes.into_iter().fold(entry, ServiceEntry::scope);
    entry = attributes.into_iter().fold(entry, |entry, (name, value)| entry.attribute(name, value));
    Ok(end.into_iter().fold(entry, ServiceEntry::expires))
}
