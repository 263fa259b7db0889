//! JSON written in the one way in which it can be written: clients repeat a call's arguments, but not always the
//! order of their members or the spelling of their strings.
//!
//! | value | its form |
//! |---|---|
//! | object | `o`, its members by name, each the form of its name and that of its value, `e` |
//! | array | `a`, the forms of its elements, `e` |
//! | string | `s`, its length, the decoded text |
//! | number | `n`, its length, its text: `1.0` is not `1`, since no two parsers agree on numbers |
//! | `true`, `false`, `null` | `t`, `f`, `0` |
//!
//! A form says where it ends, so different values have different forms.

use std::borrow::Cow;
use std::ops::Range;

use portcullis_core::json::{Error, Reader, Token};

/// The form of a document.
pub(super) fn of(doc: &[u8]) -> Result<Vec<u8>, Error> {
    let (mut reader, mut rope) = (Reader::new(doc)?, Rope::default());
    let Some(token) = reader.next()? else { return Ok(Vec::new()) };
    let all = rope.value(&mut reader, token)?;
    reader.finish()?;
    Ok(rope.written(all))
}

/// Forms as they are read, and the order in which they will stand. Sorting members moves no bytes, so that deep
/// documents take no longer than flat ones.
#[derive(Default)]
struct Rope {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

struct Piece {
    range: Range<usize>,
    next: Option<usize>,
}

/// Pieces that stand one after the other.
#[derive(Clone, Copy)]
struct Chain {
    first: usize,
    last: usize,
}

impl Rope {
    /// The form of the value that begins with `token`. Calls itself no deeper than the reader allows.
    fn value<'a>(&mut self, reader: &mut Reader<'a>, token: Token<'a>) -> Result<Chain, Error> {
        Ok(match token {
            Token::String(text) => self.text(b's', &text.decode()),
            Token::Number(text) => self.text(b'n', text),
            Token::Bool(true) => self.piece(b"t"),
            Token::Bool(false) => self.piece(b"f"),
            Token::Null => self.piece(b"0"),
            Token::BeginArray => {
                let mut chain = self.piece(b"a");
                while let Some(token) = reader.next()? {
                    if matches!(token, Token::EndArray) {
                        break;
                    }
                    let element = self.value(reader, token)?;
                    self.join(&mut chain, element);
                }
                self.ended(chain)
            }
            Token::BeginObject => {
                let mut members: Vec<(Cow<'a, str>, Chain)> = Vec::new();
                while let Some(Token::Key(key)) = reader.next()? {
                    let name = key.decode();
                    let mut member = self.text(b's', &name);
                    if let Some(token) = reader.next()? {
                        let value = self.value(reader, token)?;
                        self.join(&mut member, value);
                    }
                    members.push((name, member));
                }
                members.sort_unstable_by(|one, other| one.0.cmp(&other.0));
                let mut chain = self.piece(b"o");
                members.into_iter().for_each(|(_, member)| self.join(&mut chain, member));
                self.ended(chain)
            }
            // No value begins with one of these.
            Token::Key(_) | Token::EndArray | Token::EndObject => self.piece(b""),
        })
    }

    fn ended(&mut self, mut chain: Chain) -> Chain {
        let end = self.piece(b"e");
        self.join(&mut chain, end);
        chain
    }

    fn text(&mut self, tag: u8, text: &str) -> Chain {
        let start = self.bytes.len();
        self.bytes.push(tag);
        self.bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
        self.since(start)
    }

    fn piece(&mut self, bytes: &[u8]) -> Chain {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.since(start)
    }

    fn since(&mut self, start: usize) -> Chain {
        self.pieces.push(Piece { range: start..self.bytes.len(), next: None });
        let place = self.pieces.len() - 1;
        Chain { first: place, last: place }
    }

    /// Puts `tail` behind `chain`.
    fn join(&mut self, chain: &mut Chain, tail: Chain) {
        let newest = tail.first == tail.last && tail.last + 1 == self.pieces.len();
        let (start, end) =
            self.pieces.get(tail.first).map_or((0, 0), |tail| (tail.range.start, tail.range.end));
        let Some(last) = self.pieces.get_mut(chain.last) else { return };
        if newest && last.range.end == start {
            // Most values stand as they were read, and need no piece of their own.
            last.range.end = end;
            self.pieces.pop();
        } else {
            last.next = Some(tail.first);
            chain.last = tail.last;
        }
    }

    fn written(&self, chain: Chain) -> Vec<u8> {
        let mut written = Vec::with_capacity(self.bytes.len());
        let mut next = Some(chain.first);
        while let Some(piece) = next.and_then(|place| self.pieces.get(place)) {
            written.extend_from_slice(self.bytes.get(piece.range.clone()).unwrap_or_default());
            next = piece.next;
        }
        written
    }
}
