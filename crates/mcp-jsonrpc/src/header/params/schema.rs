//! From a schema to the paths of its annotated properties.
//!
//! The walk goes through all of the schema, since an annotation in a place where it must not be makes the tool
//! invalid. How deep it recurses is bounded by the reader.

use http::HeaderName;
use portcullis_core::json::{Reader, Text, Token};

use super::error::{Flaw, InvalidHeaderParams};
use super::{HeaderParams, MAX_HEADER_PARAMS, Node};
use crate::header::MCP_PARAM_PREFIX;
use crate::header::media::is_token;

const ANNOTATION: &str = "x-mcp-header";

/// The longest name an annotation may give: no server takes header names without limit.
const MAX_NAME: usize = 256;

type Result<T> = std::result::Result<T, InvalidHeaderParams>;

/// What the value of a keyword is.
enum Keyword {
    Annotation,
    Type,
    /// Schemas by name, on the way.
    Properties,
    /// Schemas by name, off the way.
    Definitions,
    /// Data that is not a schema, so what looks like an annotation is none.
    Data,
    /// A schema, or schemas, or nothing of interest. Keywords we do not know could be any of these.
    Other,
}

fn keyword(key: Text<'_>) -> Keyword {
    match &*key.decode() {
        ANNOTATION => Keyword::Annotation,
        "type" => Keyword::Type,
        "properties" => Keyword::Properties,
        "$defs" | "definitions" | "dependentSchemas" | "patternProperties" => Keyword::Definitions,
        "const" | "default" | "enum" | "examples" => Keyword::Data,
        _ => Keyword::Other,
    }
}

/// Whether a schema is reached from the root through `properties` alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Property,
    Elsewhere,
}

pub(super) fn read(schema: &[u8]) -> Result<HeaderParams> {
    let mut walk = Walk { reader: Reader::new(schema)?, path: Vec::new(), names: Vec::new() };
    if !matches!(walk.reader.next()?, Some(Token::BeginObject)) {
        return Err(InvalidHeaderParams::new(Flaw::NotAnObject, &[]));
    }
    let found = walk.schema(Place::Root)?;
    walk.reader.finish()?;
    Ok(HeaderParams { names: walk.names, root: found.children })
}

struct Walk<'a> {
    reader: Reader<'a>,
    /// The keys from the root to here, for error texts.
    path: Vec<Text<'a>>,
    names: Vec<HeaderName>,
}

/// What a schema asks for.
#[derive(Default)]
struct Found {
    header: Option<usize>,
    children: Vec<Node>,
}

impl<'a> Walk<'a> {
    /// Reads a schema whose `{` was read, up to its `}`.
    fn schema(&mut self, place: Place) -> Result<Found> {
        let mut found = Found::default();
        let mut mirrorable = false;
        while let Some(Token::Key(key)) = self.reader.next()? {
            self.path.push(key);
            match keyword(key) {
                Keyword::Annotation => found.header = Some(self.annotation(place)?),
                Keyword::Type => {
                    let start = self.reader.next()?;
                    mirrorable = matches!(start, Some(Token::String(name)) if is_mirrorable(name));
                    self.rest(start)?;
                }
                Keyword::Properties if place != Place::Elsewhere => {
                    found.children = self.map(Place::Property)?;
                }
                Keyword::Properties | Keyword::Definitions => {
                    self.map(Place::Elsewhere)?;
                }
                Keyword::Data => self.reader.skip()?,
                Keyword::Other => {
                    let start = self.reader.next()?;
                    self.rest(start)?;
                }
            }
            self.path.pop();
        }
        if found.header.is_some() && !mirrorable {
            return Err(self.flaw(Flaw::Type));
        }
        Ok(found)
    }

    /// Reads an object whose members are schemas: its keys are names, not keywords.
    fn map(&mut self, place: Place) -> Result<Vec<Node>> {
        let start = self.reader.next()?;
        if !matches!(start, Some(Token::BeginObject)) {
            self.rest(start)?;
            return Ok(Vec::new());
        }
        let mut nodes = Vec::new();
        while let Some(Token::Key(key)) = self.reader.next()? {
            self.path.push(key);
            let start = self.reader.next()?;
            if matches!(start, Some(Token::BeginObject)) {
                let Found { header, children } = self.schema(place)?;
                if header.is_some() || !children.is_empty() {
                    nodes.push(Node { key: key.decode().into(), header, children });
                }
            } else {
                self.rest(start)?;
            }
            self.path.pop();
        }
        Ok(nodes)
    }

    /// Reads the rest of a value that began with `start`, and refuses annotations anywhere in it.
    fn rest(&mut self, start: Option<Token<'a>>) -> Result<()> {
        match start {
            Some(Token::BeginObject) => {
                self.schema(Place::Elsewhere)?;
            }
            Some(Token::BeginArray) => {
                while let Some(token) = self.reader.next()? {
                    if matches!(token, Token::EndArray) {
                        break;
                    }
                    self.rest(Some(token))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads the value of an annotation; gives the index of its header.
    fn annotation(&mut self, place: Place) -> Result<usize> {
        if place != Place::Property {
            return Err(self.flaw(Flaw::Place));
        }
        let Some(Token::String(name)) = self.reader.next()? else { return Err(self.flaw(Flaw::Name)) };
        let name = name.decode();
        if !is_token(&name) || name.len() > MAX_NAME {
            return Err(self.flaw(Flaw::Name));
        }
        let name = format!("{MCP_PARAM_PREFIX}{name}");
        let name = HeaderName::try_from(name).map_err(|_| self.flaw(Flaw::Name))?;
        // `HeaderName` is in lower case, so this compares as headers compare.
        if self.names.contains(&name) {
            return Err(self.flaw(Flaw::Repeated));
        }
        if self.names.len() == MAX_HEADER_PARAMS {
            return Err(self.flaw(Flaw::TooMany));
        }
        self.names.push(name);
        Ok(self.names.len() - 1)
    }

    fn flaw(&self, flaw: Flaw) -> InvalidHeaderParams {
        InvalidHeaderParams::new(flaw, &self.path)
    }
}

/// The spec names these three. A list of types, even with one of them and `null`, is none of them.
fn is_mirrorable(name: Text<'_>) -> bool {
    matches!(&*name.decode(), "string" | "integer" | "boolean")
}
