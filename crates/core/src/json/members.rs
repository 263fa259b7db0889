//! The members of an object, the elements of an array, and the member at the end of a path.

use std::iter::FusedIterator;
use std::ops::Range;

use super::error::{Error, Reason};
use super::reader::{Reader, Token};
use super::text::Text;

/// One member of an object.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    key: Text<'a>,
    value: &'a [u8],
    start: usize,
}

impl<'a> Member<'a> {
    /// The name.
    pub const fn key(&self) -> Text<'a> {
        self.key
    }

    /// The value, as a document of its own.
    pub const fn value(&self) -> &'a [u8] {
        self.value
    }

    /// Where the value stands in the document.
    pub const fn range(&self) -> Range<usize> {
        self.start..self.start + self.value.len()
    }
}

/// One element of an array.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    value: &'a [u8],
    start: usize,
}

impl<'a> Element<'a> {
    /// The value, as a document of its own.
    pub const fn value(&self) -> &'a [u8] {
        self.value
    }

    /// Where the value stands in the document.
    pub const fn range(&self) -> Range<usize> {
        self.start..self.start + self.value.len()
    }
}

/// The direct members of the object that `doc` is.
///
/// The iterator ends after the first error. Values are checked as they are passed over, but nothing is certain about
/// the whole before it ended well: an object may name a member twice, and the error comes last. Collect first, or use
/// it on documents that were checked.
///
/// ```
/// use portcullis_core::json;
///
/// let arguments = br#"{"city": "Paris", "days": [1, 2]}"#;
/// for member in json::members(arguments) {
///     let member = member?;
///     if member.key() == "days" {
///         assert_eq!(member.value(), b"[1, 2]");
///         assert_eq!(&arguments[member.range()], b"[1, 2]");
///     }
/// }
/// # Ok::<(), json::Error>(())
/// ```
pub fn members(doc: &[u8]) -> Members<'_> {
    members_within(doc, 0..doc.len())
}

/// The direct members of the object at `range` of `doc`; ranges count from the start of `doc`.
pub fn members_within(doc: &[u8], range: Range<usize>) -> Members<'_> {
    Members(Items::new(doc, range))
}

/// The elements of the array that `doc` is, as [`members`] has it for objects.
///
/// ```
/// use portcullis_core::json;
///
/// let values: Result<Vec<_>, _> = json::elements(b"[1, {}]").map(|element| Ok(element?.value())).collect();
/// assert_eq!(values?, [&b"1"[..], b"{}"]);
/// # Ok::<(), json::Error>(())
/// ```
pub fn elements(doc: &[u8]) -> Elements<'_> {
    elements_within(doc, 0..doc.len())
}

/// The elements of the array at `range` of `doc`; ranges count from the start of `doc`.
pub fn elements_within(doc: &[u8], range: Range<usize>) -> Elements<'_> {
    Elements(Items::new(doc, range))
}

/// Iterator over the members of an object; see [`members`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Members<'a>(Items<'a>);

/// Iterator over the elements of an array; see [`elements`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Elements<'a>(Items<'a>);

#[derive(Clone, Debug)]
struct Items<'a> {
    doc: &'a [u8],
    state: Progress<'a>,
}

#[derive(Clone, Debug)]
enum Progress<'a> {
    Unopened(Range<usize>),
    Open(Reader<'a>),
    Over,
}

impl<'a> Items<'a> {
    const fn new(doc: &'a [u8], range: Range<usize>) -> Self {
        Self { doc, state: Progress::Unopened(range) }
    }

    /// Runs `next`, once the container is open, until it says that there is no more or fails.
    fn advance<T>(
        &mut self,
        begin: fn(Token<'a>) -> Result<(), Reason>,
        next: fn(&'a [u8], &mut Reader<'a>) -> Result<Option<T>, Error>,
    ) -> Option<Result<T, Error>> {
        if let Progress::Unopened(range) = &self.state {
            match open(self.doc, range.clone(), begin) {
                Ok(reader) => self.state = Progress::Open(reader),
                Err(error) => {
                    self.state = Progress::Over;
                    return Some(Err(error));
                }
            }
        }
        let Progress::Open(reader) = &mut self.state else { return None };
        let item = next(self.doc, reader).transpose();
        if !matches!(item, Some(Ok(_))) {
            self.state = Progress::Over;
        }
        item
    }
}

fn open<'a>(
    doc: &'a [u8],
    range: Range<usize>,
    begin: fn(Token<'a>) -> Result<(), Reason>,
) -> Result<Reader<'a>, Error> {
    let mut reader = Reader::within(doc, range)?;
    if let Some(token) = reader.next()? {
        begin(token).map_err(|reason| Error::new(reason, reader.token_range().start))?;
    }
    Ok(reader)
}

fn value<'a>(doc: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    doc.get(range.clone()).unwrap_or_default()
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<Member<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let begin = |token| match token {
            Token::BeginObject => Ok(()),
            _ => Err(Reason::NotObject),
        };
        self.0.advance(begin, |doc, reader| {
            let Some(Token::Key(key)) = reader.next()? else {
                reader.finish()?;
                return Ok(None);
            };
            reader.skip()?;
            let range = reader.token_range();
            Ok(Some(Member { key, value: value(doc, &range), start: range.start }))
        })
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let begin = |token| match token {
            Token::BeginArray => Ok(()),
            _ => Err(Reason::NotArray),
        };
        self.0.advance(begin, |doc, reader| {
            match reader.next()? {
                Some(Token::EndArray) | None => {
                    reader.finish()?;
                    return Ok(None);
                }
                Some(Token::BeginArray | Token::BeginObject) => {
                    let start = reader.token_range().start;
                    reader.leave()?;
                    let range = start..reader.position();
                    return Ok(Some(Element { value: value(doc, &range), start }));
                }
                Some(_) => {}
            }
            let range = reader.token_range();
            Ok(Some(Element { value: value(doc, &range), start: range.start }))
        })
    }
}

impl FusedIterator for Members<'_> {}
impl FusedIterator for Elements<'_> {}

/// Where in `doc` the value stands that a path of member names leads to; `None` if there is none.
///
/// Reads the whole document: there is no second member of the same name further on that another reader would take.
///
/// # Errors
///
/// If the document breaks a rule of [`Reader`], before or after the member.
///
/// ```
/// use portcullis_core::json;
///
/// let doc = br#"{"params": {"_meta": {"progressToken": 7}}}"#;
/// let range = json::find(doc, &["params", "_meta", "progressToken"])?.unwrap();
/// assert_eq!(&doc[range], b"7");
/// assert_eq!(json::find(doc, &["params", "name"])?, None);
/// # Ok::<(), json::Error>(())
/// ```
pub fn find(doc: &[u8], path: &[&str]) -> Result<Option<Range<usize>>, Error> {
    let mut reader = Reader::new(doc)?;
    let found = descend(&mut reader, path)?;
    reader.finish()?;
    Ok(found)
}

fn descend(reader: &mut Reader<'_>, path: &[&str]) -> Result<Option<Range<usize>>, Error> {
    for name in path {
        let Some(Token::BeginObject) = reader.next()? else { return Ok(None) };
        loop {
            match reader.next()? {
                Some(Token::Key(key)) if key == *name => break,
                Some(Token::Key(_)) => reader.skip()?,
                _ => return Ok(None),
            }
        }
    }
    reader.skip()?;
    Ok(Some(reader.token_range()))
}

#[cfg(test)]
mod tests;
