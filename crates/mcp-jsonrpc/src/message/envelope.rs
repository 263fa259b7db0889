//! Where the parts of a message lie, found in one pass.

use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use portcullis_core::json::{self, Reader, Text, Token};

use super::{Flaw, Kind, MessageError};
use crate::Id;

const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// How deep a [`Fragment`](super::Fragment) may nest, so that it still fits into a message.
const FRAGMENT_DEPTH: usize = json::MAX_DEPTH - 2;

/// A range of the text. Documents of 4 GiB and more are refused by the reader, so 32 bits hold every place.
///
/// A message is moved several times on its way, so its places are kept small: nothing inside an object ends at 0, which
/// makes an absent span as small as a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: NonZeroU32,
}

impl Span {
    pub(super) fn new(range: Range<usize>) -> Self {
        Self {
            start: u32::try_from(range.start).unwrap_or(u32::MAX),
            end: u32::try_from(range.end).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MAX),
        }
    }

    pub(super) fn start(self) -> usize {
        self.start as usize
    }

    pub(super) fn end(self) -> usize {
        self.end.get() as usize
    }

    pub(super) fn range(self) -> Range<usize> {
        self.start()..self.end()
    }

    /// Where the span lies once the text before `from` has been replaced by text that ends at `to`.
    fn moved(self, from: usize, to: usize) -> Self {
        let place = |at: usize| if at >= from { at - from + to } else { at };
        Self::new(place(self.start())..place(self.end()))
    }
}

/// A string of the envelope: a place, and the decoded text where it holds escapes.
#[derive(Clone, Debug, Default)]
pub(super) struct Name {
    span: Option<Span>,
    /// Rarely there, so that a thin pointer to it is worth its detour.
    decoded: Option<Arc<Box<str>>>,
}

impl Name {
    fn new(text: Text<'_>) -> Self {
        let decoded = text.has_escapes().then(|| Arc::new(Box::from(text.decode())));
        Self { span: Some(Span::new(text.range())), decoded }
    }

    /// A name that was just written to `range`.
    pub(super) fn written(range: Range<usize>, name: &str) -> Self {
        let decoded = (range.len() != name.len()).then(|| Arc::new(Box::from(name)));
        Self { span: Some(Span::new(range)), decoded }
    }

    pub(super) fn span(&self) -> Option<Span> {
        self.span
    }

    pub(super) fn decoded<'a>(&'a self, text: &'a [u8]) -> Option<&'a str> {
        match &self.decoded {
            Some(decoded) => Some(decoded),
            None => std::str::from_utf8(text.get(self.span?.range())?).ok(),
        }
    }

    fn moved(&self, from: usize, to: usize) -> Self {
        Self { span: self.span.map(|span| span.moved(from, to)), decoded: self.decoded.clone() }
    }
}

/// The members of a payload - params, result or error - that routing and rules ask for.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    pub(super) name: Name,
    pub(super) uri: Name,
    pub(super) arguments: Option<Span>,
    pub(super) meta: Option<Span>,
    pub(super) version: Name,
    pub(super) capabilities: Option<Span>,
    pub(super) code: Option<i64>,
    pub(super) result_type: Name,
}

impl Members {
    /// Reads the members of the object whose `{` was just read, to its end.
    ///
    /// A member of the wrong type counts as absent: whoever needs it refuses the message.
    fn read(reader: &mut Reader<'_>) -> Result<Self, json::Error> {
        let mut members = Self::default();
        while let Some(key) = next_key(reader)? {
            if key == "_meta" {
                members.read_meta(reader)?;
            } else if key == "name" {
                members.name = read_name(reader)?;
            } else if key == "uri" {
                members.uri = read_name(reader)?;
            } else if key == "arguments" {
                reader.skip()?;
                members.arguments = Some(Span::new(reader.token_range()));
            } else if key == "code" {
                members.code = read_integer(reader)?;
            } else if key == "resultType" {
                members.result_type = read_name(reader)?;
            } else {
                reader.skip()?;
            }
        }
        Ok(members)
    }

    fn read_meta(&mut self, reader: &mut Reader<'_>) -> Result<(), json::Error> {
        let Some(start) = enter_object(reader)? else { return Ok(()) };
        while let Some(key) = next_key(reader)? {
            if key == PROTOCOL_VERSION {
                self.version = read_name(reader)?;
            } else if key == CLIENT_CAPABILITIES {
                if let Some(start) = enter_object(reader)? {
                    reader.leave()?;
                    self.capabilities = Some(Span::new(start..reader.position()));
                }
            } else {
                reader.skip()?;
            }
        }
        self.meta = Some(Span::new(start..reader.position()));
        Ok(())
    }

    /// What counts in a message of this kind. A tool decides what stands in its result, so a `name` or a `code` in
    /// there means nothing to the gateway.
    pub(super) fn of(self, kind: Kind) -> Self {
        match kind {
            Kind::Request | Kind::Notification => Self { code: None, result_type: Name::default(), ..self },
            Kind::Result => Self { meta: self.meta, result_type: self.result_type, ..Self::default() },
            Kind::Error => Self { code: self.code, ..Self::default() },
        }
    }

    pub(super) fn moved(&self, from: usize, to: usize) -> Self {
        let moved = |span: Option<Span>| span.map(|span| span.moved(from, to));
        Self {
            name: self.name.moved(from, to),
            uri: self.uri.moved(from, to),
            arguments: moved(self.arguments),
            meta: moved(self.meta),
            version: self.version.moved(from, to),
            capabilities: moved(self.capabilities),
            code: self.code,
            result_type: self.result_type.moved(from, to),
        }
    }
}

/// Where everything lies.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    pub(super) kind: Kind,
    pub(super) id: Option<Id>,
    pub(super) id_span: Option<Span>,
    pub(super) method: Name,
    pub(super) payload: Option<Span>,
    pub(super) members: Members,
}

impl Envelope {
    /// Reads a whole message.
    pub(super) fn read(text: &[u8]) -> Result<Self, MessageError> {
        let mut draft = Draft::default();
        match Reader::new(text).and_then(|mut reader| draft.read(&mut reader)) {
            Ok(Opening::Object) => draft.finish(),
            Ok(Opening::Array) => Err(MessageError::new(Flaw::Batch, None)),
            Ok(Opening::Other) => {
                Err(MessageError::new(Flaw::Shape("a message must be a JSON object"), None))
            }
            Err(error) => Err(MessageError::new(Flaw::Json(error), draft.id.flatten())),
        }
    }

    /// The places once the text between `from` and an end has been replaced by text that ends at `to`.
    pub(super) fn moved(&self, from: usize, to: usize) -> Self {
        Self {
            kind: self.kind,
            id: self.id.clone(),
            id_span: self.id_span.map(|span| span.moved(from, to)),
            method: self.method.moved(from, to),
            payload: self.payload.map(|span| span.moved(from, to)),
            members: self.members.moved(from, to),
        }
    }
}

/// Reads an object that is to become a part of a message.
pub(super) fn read_fragment(text: &[u8]) -> Result<Members, MessageError> {
    let read = |text| {
        let mut reader = Reader::new(text)?.max_depth(FRAGMENT_DEPTH);
        if enter_object(&mut reader)?.is_none() {
            return Ok(None);
        }
        let members = Members::read(&mut reader)?;
        reader.finish()?;
        Ok(Some(members))
    };
    match read(text) {
        Ok(Some(members)) => Ok(members),
        Ok(None) => Err(MessageError::new(Flaw::Shape("a part of a message must be a JSON object"), None)),
        Err(error) => Err(MessageError::new(Flaw::Json(error), None)),
    }
}

/// What a text begins with.
enum Opening {
    Object,
    Array,
    Other,
}

/// What has been read of a message so far.
#[derive(Debug, Default)]
struct Draft {
    versioned: bool,
    id: Option<Option<Id>>,
    id_span: Option<Span>,
    method: Option<Name>,
    params: Option<Payload>,
    result: Option<Payload>,
    error: Option<Payload>,
}

/// A payload member; nothing inside when its value is no object.
#[derive(Debug)]
struct Payload(Option<(Span, Members)>);

impl Payload {
    fn read(reader: &mut Reader<'_>) -> Result<Self, json::Error> {
        let Some(start) = enter_object(reader)? else { return Ok(Self(None)) };
        let members = Members::read(reader)?;
        Ok(Self(Some((Span::new(start..reader.position()), members))))
    }
}

impl Draft {
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<Opening, json::Error> {
        match reader.next()? {
            Some(Token::BeginObject) => {}
            // Garbage after the bracket must be told apart from a batch, so the rest is read all the same.
            Some(Token::BeginArray) => return reader.finish().map(|()| Opening::Array),
            _ => return reader.finish().map(|()| Opening::Other),
        }
        while let Some(key) = next_key(reader)? {
            if key == "jsonrpc" {
                self.versioned =
                    matches!(next_scalar(reader)?, Some(Token::String(version)) if version == "2.0");
            } else if key == "id" {
                self.id = Some(match next_scalar(reader)? {
                    Some(Token::Number(number)) => integer(number).map(Id::from),
                    Some(Token::String(text)) => Some(Id::from(&*text.decode())),
                    _ => None,
                });
                self.id_span = self.id.iter().flatten().next().map(|_| Span::new(reader.token_range()));
            } else if key == "method" {
                self.method = Some(read_name(reader)?);
            } else if key == "params" {
                self.params = Some(Payload::read(reader)?);
            } else if key == "result" {
                self.result = Some(Payload::read(reader)?);
            } else if key == "error" {
                self.error = Some(Payload::read(reader)?);
            } else {
                reader.skip()?;
            }
        }
        reader.finish()?;
        Ok(Opening::Object)
    }

    /// Decides what kind of message this is, or that it is none.
    fn finish(self) -> Result<Envelope, MessageError> {
        let read_id = self.id.clone().flatten();
        self.decide().map_err(|rule| MessageError::new(Flaw::Shape(rule), read_id))
    }

    fn decide(self) -> Result<Envelope, &'static str> {
        if !self.versioned {
            return Err("\"jsonrpc\" must be \"2.0\"");
        }
        let (kind, id, method, payload) = match (self.method, self.params, self.result, self.error) {
            (Some(method), params, None, None) => {
                if method.span().is_none() {
                    return Err("\"method\" must be a string");
                }
                let (kind, id) = match self.id {
                    None => (Kind::Notification, None),
                    Some(Some(id)) => (Kind::Request, Some(id)),
                    Some(None) => return Err("\"id\" of a request must be a string or an integer"),
                };
                let payload = match params {
                    None => None,
                    Some(Payload(Some(object))) => Some(object),
                    Some(Payload(None)) => return Err("\"params\" must be an object"),
                };
                (kind, id, method, payload)
            }
            (None, None, Some(Payload(result)), None) => match (self.id.flatten(), result) {
                (Some(id), Some(result)) => (Kind::Result, Some(id), Name::default(), Some(result)),
                (None, _) => return Err("a result must carry the \"id\" of its request"),
                (_, None) => return Err("\"result\" must be an object"),
            },
            (None, None, None, Some(Payload(error))) => match error {
                Some((span, members)) if members.code.is_some() => {
                    (Kind::Error, self.id.flatten(), Name::default(), Some((span, members)))
                }
                _ => return Err("\"error\" must be an object with an integer \"code\""),
            },
            (None, ..) => return Err("a message must have one of \"method\", \"result\" and \"error\""),
            (Some(_), ..) => {
                return Err("a message with a \"method\" must not have a \"result\" or \"error\"");
            }
        };
        let id_span = self.id_span.filter(|_| id.is_some());
        let (payload, members) =
            payload.map_or_else(Default::default, |(span, members)| (Some(span), members));
        Ok(Envelope { kind, id, id_span, method, payload, members: members.of(kind) })
    }
}

/// The next key of the object that is open; none at its end.
fn next_key<'a>(reader: &mut Reader<'a>) -> Result<Option<Text<'a>>, json::Error> {
    Ok(match reader.next()? {
        Some(Token::Key(key)) => Some(key),
        _ => None,
    })
}

/// Goes into the object that comes next and says where it starts, or over the value if it is none.
fn enter_object(reader: &mut Reader<'_>) -> Result<Option<usize>, json::Error> {
    let token = reader.next()?;
    let start = reader.token_range().start;
    match token {
        Some(Token::BeginObject) => return Ok(Some(start)),
        Some(Token::BeginArray) => reader.leave()?,
        _ => {}
    }
    Ok(None)
}

/// The value that comes next if it is a scalar; none, and the reader behind it, if it is not.
fn next_scalar<'a>(reader: &mut Reader<'a>) -> Result<Option<Token<'a>>, json::Error> {
    let token = reader.next()?;
    if matches!(token, Some(Token::BeginObject | Token::BeginArray)) {
        reader.leave()?;
        return Ok(None);
    }
    Ok(token)
}

fn read_name(reader: &mut Reader<'_>) -> Result<Name, json::Error> {
    Ok(match next_scalar(reader)? {
        Some(Token::String(text)) => Name::new(text),
        _ => Name::default(),
    })
}

fn read_integer(reader: &mut Reader<'_>) -> Result<Option<i64>, json::Error> {
    Ok(match next_scalar(reader)? {
        Some(Token::Number(number)) => integer(number),
        _ => None,
    })
}

/// A number that every parser reads as the same integer. `-0` is one to some, and a fraction to others.
fn integer(number: &str) -> Option<i64> {
    number.parse().ok().filter(|_| number != "-0")
}
