//! From a result of 2026-07-28 to one of 2025.

#[cfg(test)]
mod tests;

use std::ops::Range;

use portcullis_core::json::{self, Reader, Token};
use portcullis_mcp_jsonrpc::{Kind, Message, Part};

use super::{Cut, SERVER_INFO, cut};

/// What only 2026-07-28 has in results.
const MODERN: [&str; 3] = ["resultType", "ttlMs", "cacheScope"];

/// The answer to a request of this method, as a legacy client knows it. All other bytes stay what they are.
///
/// Two things that 2026-07-28 allows and that make older clients reject the whole result go too: structured content that
/// is no object, and schemas of such content.
pub(in crate::front) fn legacy(message: Message, method: &str) -> Message {
    if message.kind() != Kind::Result {
        return message;
    }
    let Some(result) = message.range_of(Part::Result) else { return message };
    // A message is known to be sound, so neither reading it nor what is left of it can fail.
    match cuts(message.text(), result, method) {
        Ok(ranges) if !ranges.is_empty() => {
            Message::parse(cut::without(message.text(), &ranges)).unwrap_or(message)
        }
        _ => message,
    }
}

fn cuts(text: &[u8], result: Range<usize>, method: &str) -> Result<Vec<Range<usize>>, json::Error> {
    let mut reader = Reader::within(text, result)?;
    let mut members = Cut::default();
    reader.next()?;
    while let Some(Token::Key(key)) = reader.next()? {
        let start = key.range().start - 1;
        let mut inner = Vec::new();
        let keep = if key == "_meta" {
            let kept;
            (kept, inner) = named(&mut reader, &[SERVER_INFO])?;
            kept > 0 || inner.is_empty()
        } else if key == "tools" && method == "tools/list" {
            inner = tools(&mut reader)?;
            true
        } else if key == "structuredContent" && method == "tools/call" {
            is_object(&mut reader)?
        } else {
            reader.skip()?;
            !MODERN.iter().any(|name| key == *name)
        };
        members.member(start, reader.position(), keep);
        if keep {
            members.within(inner);
        }
    }
    Ok(members.finish())
}

/// What to take out of the object that comes next to be rid of the members of these names, and how many others there
/// are. Nothing, if it is no object.
pub(super) fn named(
    reader: &mut Reader<'_>,
    names: &[&str],
) -> Result<(usize, Vec<Range<usize>>), json::Error> {
    match reader.next()? {
        Some(Token::BeginObject) => {}
        Some(Token::BeginArray) => {
            reader.leave()?;
            return Ok((0, Vec::new()));
        }
        _ => return Ok((0, Vec::new())),
    }
    let mut members = Cut::default();
    while let Some(Token::Key(key)) = reader.next()? {
        let start = key.range().start - 1;
        reader.skip()?;
        members.member(start, reader.position(), !names.iter().any(|name| key == *name));
    }
    Ok((members.kept(), members.finish()))
}

/// Goes over the value that comes next.
fn is_object(reader: &mut Reader<'_>) -> Result<bool, json::Error> {
    let token = reader.next()?;
    if matches!(token, Some(Token::BeginObject | Token::BeginArray)) {
        reader.leave()?;
    }
    Ok(matches!(token, Some(Token::BeginObject)))
}

fn tools(reader: &mut Reader<'_>) -> Result<Vec<Range<usize>>, json::Error> {
    let mut ranges = Vec::new();
    match reader.next()? {
        Some(Token::BeginArray) => {}
        Some(Token::BeginObject) => {
            reader.leave()?;
            return Ok(ranges);
        }
        _ => return Ok(ranges),
    }
    loop {
        match reader.next()? {
            Some(Token::BeginObject) => ranges.extend(tool(reader)?),
            Some(Token::BeginArray) => reader.leave()?,
            Some(Token::EndArray) | None => return Ok(ranges),
            Some(_) => {}
        }
    }
}

fn tool(reader: &mut Reader<'_>) -> Result<Vec<Range<usize>>, json::Error> {
    let mut members = Cut::default();
    while let Some(Token::Key(key)) = reader.next()? {
        let start = key.range().start - 1;
        let keep = if key == "outputSchema" {
            describes_object(reader)?
        } else {
            reader.skip()?;
            true
        };
        members.member(start, reader.position(), keep);
    }
    Ok(members.finish())
}

/// Whether the schema that comes next says `"type": "object"`, as all of 2025 demands of it.
fn describes_object(reader: &mut Reader<'_>) -> Result<bool, json::Error> {
    match reader.next()? {
        Some(Token::BeginObject) => {}
        Some(Token::BeginArray) => {
            reader.leave()?;
            return Ok(false);
        }
        _ => return Ok(false),
    }
    let mut object = false;
    while let Some(Token::Key(key)) = reader.next()? {
        if key == "type" {
            match reader.next()? {
                Some(Token::String(name)) => object = name == "object",
                Some(Token::BeginObject | Token::BeginArray) => reader.leave()?,
                _ => {}
            }
        } else {
            reader.skip()?;
        }
    }
    Ok(object)
}
