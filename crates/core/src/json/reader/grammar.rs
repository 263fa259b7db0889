//! The grammar of RFC 8259, one token at a time.

use super::super::error::{Error, Reason};
use super::super::keys::Duplicate;
use super::super::text::Text;
use super::super::{escape, scan};
use super::{Reader, State};

/// A token without its content, which is where the reader stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Step {
    BeginObject,
    EndObject,
    BeginArray,
    EndArray,
    Key { escapes: bool },
    String { escapes: bool },
    Number,
    True,
    False,
    Null,
    End,
}

/// After so many short escapes near to each other, a literal is read in blocks, which take longer to get going.
const MANY: u32 = 3;
/// Escapes with more plain bytes between them are not near.
const NEAR: usize = 128;

impl Reader<'_> {
    /// Goes over whitespace; the token that follows starts there.
    #[inline(always)]
    fn peek(&mut self) -> Option<u8> {
        self.at = scan::whitespace(self.text.as_bytes(), self.at);
        self.start = self.at;
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline(always)]
    pub(in super::super) fn step(&mut self) -> Result<Step, Error> {
        let mut byte = self.peek();
        match self.state {
            State::AfterMember => match byte {
                Some(b',') => {
                    self.at += 1;
                    return match self.peek() {
                        Some(b'"') => self.key(),
                        other => Err(self.wrong(other, Reason::KeyExpected)),
                    };
                }
                Some(b'}') => return self.end_object(),
                _ => return Err(self.wrong(byte, Reason::CommaOrEndExpected)),
            },
            State::Colon => match byte {
                Some(b':') => {
                    self.at += 1;
                    byte = self.peek();
                }
                _ => return Err(self.wrong(byte, Reason::ColonExpected)),
            },
            State::AfterElement => match byte {
                Some(b',') => {
                    self.at += 1;
                    byte = self.peek();
                }
                Some(b']') => return Ok(self.end_array()),
                _ => return Err(self.wrong(byte, Reason::CommaOrEndExpected)),
            },
            State::FirstMember => match byte {
                Some(b'"') => return self.key(),
                Some(b'}') => return self.end_object(),
                _ => return Err(self.wrong(byte, Reason::KeyExpected)),
            },
            State::FirstElement => {
                if byte == Some(b']') {
                    return Ok(self.end_array());
                }
            }
            State::Value => {}
            State::Done => match byte {
                None => return Ok(Step::End),
                Some(_) => return Err(self.fail(Reason::TrailingData, self.at)),
            },
            State::Failed => return Err(self.failed.unwrap_or(Error::new(Reason::NotAtValue, 0))),
        }
        self.value(byte)
    }

    #[inline(always)]
    fn value(&mut self, byte: Option<u8>) -> Result<Step, Error> {
        let step = match byte {
            Some(b'"') => Step::String { escapes: self.string()? },
            Some(b'{') => {
                self.open(true)?;
                self.keys.open();
                return Ok(Step::BeginObject);
            }
            Some(b'[') => {
                self.open(false)?;
                return Ok(Step::BeginArray);
            }
            Some(b'-' | b'0'..=b'9') => match scan::number(self.text.as_bytes(), self.at) {
                Some(end) => {
                    self.at = end;
                    Step::Number
                }
                None => return Err(self.fail(Reason::Number, self.at)),
            },
            Some(b't') => self.word("true", Step::True)?,
            Some(b'f') => self.word("false", Step::False)?,
            Some(b'n') => self.word("null", Step::Null)?,
            _ => return Err(self.wrong(byte, Reason::ValueExpected)),
        };
        self.state = self.after;
        Ok(step)
    }

    #[inline(always)]
    fn key(&mut self) -> Result<Step, Error> {
        let escapes = self.string()?;
        let added = if escapes {
            let name = self.text.get(self.start + 1..self.at - 1).unwrap_or_default();
            self.keys.add_escaped(self.text, Text::new(name, self.start + 1, true))
        } else {
            self.keys.add(self.text, self.start + 1, self.at - self.start - 2)
        };
        added.map_err(|duplicate| self.duplicate(duplicate))?;
        self.state = State::Colon;
        Ok(Step::Key { escapes })
    }

    /// Reads the literal whose quote is here; says whether it holds escapes.
    #[inline(always)]
    fn string(&mut self) -> Result<bool, Error> {
        let bytes = self.text.as_bytes();
        let at = scan::plain(bytes, self.at + 1);
        if bytes.get(at) == Some(&b'"') {
            self.at = at + 1;
            return Ok(false);
        }
        self.rest_of_string(at)
    }

    /// Reads a literal from `at` on, where its plain start ends; says whether it holds escapes.
    ///
    /// Apart, so that literals without escapes cost as little as they do.
    #[inline(never)]
    fn rest_of_string(&mut self, mut at: usize) -> Result<bool, Error> {
        let bytes = self.text.as_bytes();
        let mut near = 0;
        loop {
            let escape = at;
            match bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(true);
                }
                Some(b'\\') => at = escape::check(bytes, at).map_err(|error| self.fail_with(error))?,
                Some(_) => return Err(self.fail(Reason::ControlCharacter, at)),
                None => return Err(self.fail(Reason::EndOfDocument, at)),
            }
            near = if at == escape + 2 { near + 1 } else { 0 };
            if near == MANY {
                near = 0;
                at = scan::escapes(bytes, at);
            } else {
                let end = scan::plain(bytes, at);
                if end - at > NEAR {
                    near = 0;
                }
                at = end;
            }
        }
    }

    #[inline(always)]
    fn word(&mut self, word: &str, step: Step) -> Result<Step, Error> {
        let end = self.at + word.len();
        if self.text.as_bytes().get(self.at..end) != Some(word.as_bytes()) {
            return Err(self.fail(Reason::Literal, self.at));
        }
        self.at = end;
        Ok(step)
    }

    #[inline(always)]
    fn open(&mut self, object: bool) -> Result<(), Error> {
        if self.depth >= self.max_depth {
            return Err(self.fail(Reason::TooDeep, self.at));
        }
        self.at += 1;
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(object);
        (self.state, self.after) = match object {
            true => (State::FirstMember, State::AfterMember),
            false => (State::FirstElement, State::AfterElement),
        };
        Ok(())
    }

    #[inline(always)]
    fn end_object(&mut self) -> Result<Step, Error> {
        self.keys.close(self.text).map_err(|duplicate| self.duplicate(duplicate))?;
        self.close();
        Ok(Step::EndObject)
    }

    #[inline(always)]
    fn end_array(&mut self) -> Step {
        self.close();
        Step::EndArray
    }

    #[inline(always)]
    fn close(&mut self) {
        self.at += 1;
        self.depth -= 1;
        self.objects >>= 1;
        self.after = match (self.depth, self.objects & 1) {
            (0, _) => State::Done,
            (_, 0) => State::AfterElement,
            _ => State::AfterMember,
        };
        self.state = self.after;
    }

    /// A byte that does not fit, or the end.
    #[cold]
    fn wrong(&mut self, byte: Option<u8>, reason: Reason) -> Error {
        let reason = match byte {
            None => Reason::EndOfDocument,
            Some(0xEF) if self.at == 0 && self.text.starts_with('\u{FEFF}') => Reason::ByteOrderMark,
            Some(_) => reason,
        };
        self.fail(reason, self.at)
    }

    #[cold]
    fn duplicate(&mut self, duplicate: Duplicate) -> Error {
        // Points at the opening quote.
        self.fail(Reason::DuplicateKey, duplicate.at - 1)
    }

    #[cold]
    pub(super) fn fail(&mut self, reason: Reason, at: usize) -> Error {
        self.fail_with(Error::new(reason, at))
    }

    #[cold]
    fn fail_with(&mut self, error: Error) -> Error {
        let error = error.moved(self.base);
        self.state = State::Failed;
        self.failed = Some(error);
        error
    }
}
