//! Writes a page of a merged list.

use std::time::Duration;

use portcullis_core::json;
use portcullis_mcp_jsonrpc::{Fragment, MessageError};

use super::{Merged, Shared};
use crate::cursor;
use crate::kind::Kind;

/// How many collisions a list tells of; more would bury it.
const MAX_COLLISIONS: usize = 64;

/// What a page says besides its items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) ttl_ms: u64,
    pub(crate) private: bool,
    /// The servers that could not be asked.
    pub(crate) unavailable: Vec<usize>,
    /// The servers whose lists were cut.
    pub(crate) truncated: Vec<usize>,
}

/// What a page is made of, besides what is on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) portal: &'a str,
    pub(crate) version: &'a str,
    pub(crate) ids: &'a [&'a str],
    pub(crate) prefixes: &'a [&'a str],
    pub(crate) page_size: Option<usize>,
}

/// The page that begins at `start`.
pub(crate) fn compose(
    merged: &Merged,
    kind: Kind,
    start: usize,
    envelope: &Envelope,
    frame: Frame<'_>,
) -> Result<Fragment, MessageError> {
    let end = frame.page_size.map_or(merged.len(), |size| start.saturating_add(size).min(merged.len()));
    let items = || (start..end).filter_map(|index| merged.item(index));
    let size: usize = items().map(|(_, item, _)| item.raw.len() + 72).sum();

    let mut page = Vec::with_capacity(size + 512);
    page.extend_from_slice(br#"{"resultType":"complete",""#);
    page.extend_from_slice(kind.member().as_bytes());
    page.extend_from_slice(br#"":["#);
    let mut comma: &[u8] = b"";
    for (server, item, prefixed) in items() {
        page.extend_from_slice(comma);
        comma = b",";
        let (before, after) = item.raw.split_at_checked(item.key_at.start).unwrap_or((&item.raw, b""));
        page.extend_from_slice(before);
        if prefixed && let Some(prefix) = frame.prefixes.get(server) {
            // Ids are plain ASCII, so a prefix needs no escapes.
            page.extend_from_slice(prefix.as_bytes());
        }
        page.extend_from_slice(after);
    }
    page.push(b']');
    if end < merged.len()
        && let Some(position) = end.checked_sub(1).and_then(|last| merged.position(last, frame.ids))
    {
        let next = cursor::encode(frame.portal, kind, position);
        page.extend_from_slice(format!(r#","nextCursor":"{next}""#).as_bytes());
    }
    page.extend_from_slice(hints(envelope.ttl_ms, envelope.private).as_bytes());
    page.extend_from_slice(br#","_meta":{"#);
    page.extend_from_slice(server_info(frame.portal, frame.version).as_bytes());
    for (name, servers) in [("unavailable", &envelope.unavailable), ("truncated", &envelope.truncated)] {
        if !servers.is_empty() {
            page.extend_from_slice(
                format!(r#","io.portcullis/{name}":{}"#, list(servers, frame.ids)).as_bytes(),
            );
        }
    }
    if !merged.collisions().is_empty() {
        page.extend_from_slice(br#","io.portcullis/collisions":"#);
        page.extend_from_slice(collisions(merged.collisions(), frame.ids).as_bytes());
    }
    page.extend_from_slice(b"}}");
    Fragment::parse(page)
}

/// The members that say how long a result may be kept and for whom, each after a comma.
pub(crate) fn hints(ttl_ms: u64, private: bool) -> String {
    let scope = if private { "private" } else { "public" };
    format!(r#","ttlMs":{ttl_ms},"cacheScope":"{scope}""#)
}

/// The member of a `_meta` that says who answers.
pub(crate) fn server_info(name: &str, version: &str) -> String {
    let (name, version) = (json::quote(name), json::quote(version));
    format!(r#""io.modelcontextprotocol/serverInfo":{{"name":{name},"version":{version}}}"#)
}

/// A list of server ids.
pub(crate) fn list(servers: &[usize], ids: &[&str]) -> String {
    let ids: Vec<_> =
        servers.iter().filter_map(|server| ids.get(*server)).map(|id| json::quote(id)).collect();
    format!("[{}]", ids.join(","))
}

fn collisions(collisions: &[Shared], ids: &[&str]) -> String {
    let one = |shared: &Shared| {
        format!(r#"{{"name":{},"servers":{}}}"#, json::quote(&shared.key), list(&shared.servers, ids))
    };
    let all: Vec<_> = collisions.iter().take(MAX_COLLISIONS).map(one).collect();
    format!("[{}]", all.join(","))
}

/// A time to live in milliseconds, rounded down to four significant bits.
///
/// What is left of it shrinks with every millisecond, but a page is composed anew for each value: this way that
/// happens a few dozen times over the whole life of a list, for a page that promises an eighth less at most.
pub(crate) fn coarse(ttl: Duration) -> u64 {
    let exact = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
    let dropped = (u64::BITS - exact.leading_zeros()).saturating_sub(4);
    exact >> dropped << dropped
}
