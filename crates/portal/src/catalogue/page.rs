//! Reads one page of a list.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use memchr::memmem;
use portcullis_core::json::{self, Element, Reader, Token};
use portcullis_mcp_jsonrpc::header::HeaderParams;
use portcullis_mcp_jsonrpc::{Message, Part};

use super::{Detail, Item};
use crate::kind::Kind;
use crate::parts;
use crate::template::Template;

/// No list is fresh for longer than a week, whatever its server says.
const MAX_TTL: Duration = Duration::from_secs(7 * 24 * 3600);

/// How the URIs of user interfaces begin.
pub(crate) const INTERFACE: &str = "ui://";

/// One page of a list.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    pub(super) next: Option<String>,
    pub(super) hints: Hints,
}

/// How long a result may be kept, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hints {
    pub(crate) ttl: Duration,
    pub(crate) private: bool,
}

/// A server that says nothing allows nothing (Caching, "Cacheable Model").
impl Default for Hints {
    fn default() -> Self {
        Self { ttl: Duration::ZERO, private: true }
    }
}

impl Hints {
    /// Takes note of a member of a result, if it is one of the hints.
    pub(crate) fn read(&mut self, key: &json::Text<'_>, value: &[u8]) {
        if *key == "ttlMs" {
            self.ttl = milliseconds(value).unwrap_or_default().min(MAX_TTL);
        } else if *key == "cacheScope" {
            self.private = text(value).as_deref() != Some("public");
        }
    }

    /// What holds for two parts of one thing.
    pub(crate) fn both(self, other: Self) -> Self {
        Self { ttl: self.ttl.min(other.ttl), private: self.private || other.private }
    }
}

/// Why an answer is no list.
#[derive(Debug)]
pub(super) enum NotAList {
    Json(json::Error),
    Shape(&'static str),
}

impl From<json::Error> for NotAList {
    fn from(error: json::Error) -> Self {
        Self::Json(error)
    }
}

impl std::fmt::Display for NotAList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Json(error) => error.fmt(f),
            Self::Shape(rule) => f.write_str(rule),
        }
    }
}

pub(super) fn read(kind: Kind, server: &str, message: &Message) -> Result<Page, NotAList> {
    let result = message.range_of(Part::Result).ok_or(NotAList::Shape("the answer is no result"))?;
    let text = message.text();
    let (mut page, mut list) = (Page::default(), None);
    for member in json::members_within(text, result) {
        let member = member?;
        let key = member.key();
        if key == kind.member() {
            list = Some(member.range());
        } else if key == "nextCursor" {
            page.next = self::text(member.value()).map(Cow::into_owned);
        } else if key == "resultType" && self::text(member.value()).as_deref() != Some("complete") {
            return Err(NotAList::Shape("the list is not complete"));
        } else {
            page.hints.read(&key, member.value());
        }
    }
    let list = list.ok_or(NotAList::Shape("the result holds no list"))?;
    for element in json::elements_within(text, list) {
        page.items.extend(read_item(kind, server, text, &element?)?);
    }
    Ok(page)
}

/// Reads an item; none if clients must not see it.
fn read_item(
    kind: Kind,
    server: &str,
    text: &Bytes,
    element: &Element<'_>,
) -> Result<Option<Item>, NotAList> {
    if element.value().first() != Some(&b'{') {
        return Err(NotAList::Shape("an item of the list is no object"));
    }
    let raw = text.slice(element.range());
    let (mut key, mut schema, mut interface) = (None, None, None);
    for member in json::members(&raw) {
        let member = member?;
        if member.key() == kind.key() {
            let mut reader = Reader::within(&raw, member.range())?;
            if let Some(Token::String(text)) = reader.next()? {
                key = Some((text.decode().into_owned(), text.range()));
            }
        } else if kind == Kind::Tools && member.key() == "inputSchema" {
            schema = Some(member.range());
        } else if kind == Kind::Tools && member.key() == "_meta" {
            interface = read_interface(&raw, member.range());
        }
    }
    let Some((key, key_at)) = key else {
        tracing::warn!(server, kind = kind.noun(), "left out an item that has no name or URI");
        return Ok(None);
    };
    let detail = match kind {
        Kind::Templates => Template::parse(&key).map_or(Detail::None, |one| Detail::Template(Box::new(one))),
        Kind::Tools => match schema.and_then(|range| raw.get(range)).map(read_params) {
            None => Detail::None,
            Some(Ok(detail)) => detail,
            Some(Err(reason)) => {
                // Tools, "x-mcp-header": clients must leave such a tool out, and should say so.
                tracing::warn!(server, tool = %key, %reason, "left out a tool with invalid x-mcp-header annotations");
                return Ok(None);
            }
        },
        Kind::Prompts | Kind::Resources => Detail::None,
    };
    Ok(Some(Item { key: key.into(), key_at, detail, interface, raw }))
}

/// The user interface that a tool's `_meta` names, by today's name or by the older one (MCP Apps, "Tool Metadata").
fn read_interface(raw: &[u8], meta: Range<usize>) -> Option<Arc<str>> {
    let today = || parts::member(raw, parts::member(raw, meta.clone(), "ui")?, "resourceUri");
    let older = || parts::member(raw, meta.clone(), "ui/resourceUri");
    let uri = parts::string(raw, today().or_else(older)?)?.decode();
    uri.starts_with(INTERFACE).then(|| uri.into())
}

fn read_params(schema: &[u8]) -> Result<Detail, String> {
    // Nearly no tool has annotations, and their name can be hidden by escapes only.
    let may_have = |word: &[u8]| memmem::find(schema, word).is_some();
    if !may_have(b"x-mcp-header") && !may_have(b"\\u") {
        return Ok(Detail::None);
    }
    // A schema of another type says nothing about headers, and is between the server and who calls the tool.
    if schema.first() != Some(&b'{') {
        return Ok(Detail::None);
    }
    let params = HeaderParams::from_input_schema(schema).map_err(|error| error.to_string())?;
    Ok(if params.is_empty() { Detail::None } else { Detail::Params(Box::new(params)) })
}

/// What a value says, if it is a string.
pub(crate) fn text(value: &[u8]) -> Option<Cow<'_, str>> {
    match Reader::new(value).and_then(|mut reader| reader.next()) {
        Ok(Some(Token::String(text))) => Some(text.decode()),
        _ => None,
    }
}

/// What a value says, if it is a number of milliseconds. One below zero counts as zero.
fn milliseconds(value: &[u8]) -> Option<Duration> {
    let number: f64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    Duration::try_from_secs_f64((number / 1000.0).max(0.0)).ok().or(Some(MAX_TTL))
}
