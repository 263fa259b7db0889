//! Small changes to JSON objects, in places of the text they stand in.

use std::ops::Range;

use bytes::Bytes;
use portcullis_core::json::{self, Member, Splice};
use portcullis_mcp_jsonrpc::{Failure, FailureKind, Message};

/// Which bytes to take out of an object so that some of its members are gone.
#[derive(Debug, Default)]
pub(super) struct Cut {
    /// In ascending order, none of them empty.
    pub(super) ranges: Vec<Range<usize>>,
    /// Whether members remain.
    pub(super) remains: bool,
}

/// Plans to take those members out of the object at `object` that `drop` says.
pub(super) fn cut<'a>(
    doc: &'a [u8],
    object: Range<usize>,
    mut drop: impl FnMut(&Member<'a>) -> bool,
) -> Result<Cut, json::Error> {
    let mut cut = Cut::default();
    // Members before the first that remains take the comma behind them along, all others the one before.
    let mut leading = None;
    let mut last = object.start;
    for member in json::members_within(doc, object) {
        let member = member?;
        let (start, end) = (member.key().range().start.saturating_sub(1), member.range().end);
        match (drop(&member), cut.remains) {
            (true, false) => leading = leading.or(Some(start)),
            (true, true) => cut.ranges.push(last..end),
            (false, remains) => {
                cut.ranges.extend(leading.take().filter(|_| !remains).map(|from| from..start));
                cut.remains = true;
            }
        }
        last = end;
    }
    cut.ranges.extend(leading.map(|from| from..last));
    Ok(cut)
}

/// A copy of the object `doc` without some of its members.
pub(super) fn without(doc: &[u8], drop: impl FnMut(&Member<'_>) -> bool) -> Option<Bytes> {
    let cut = cut(doc, 0..doc.len(), drop).ok()?;
    let mut splice = Splice::new(doc);
    for range in cut.ranges {
        splice.remove(range);
    }
    splice.finish().ok()
}

/// The value of a direct member of the object `doc`.
pub(super) fn member<'a>(doc: &'a [u8], name: &str) -> Option<&'a [u8]> {
    json::members(doc).filter_map(Result::ok).find(|member| member.key() == name).map(|member| member.value())
}

/// The text of a direct member that is a string.
pub(super) fn text(doc: &[u8], name: &str) -> Option<String> {
    json::from_slice(member(doc, name)?).ok()
}

/// Whether a value is an object.
pub(super) fn is_object(value: &[u8]) -> bool {
    value.first() == Some(&b'{')
}

/// The message that a splice makes.
pub(super) fn message(splice: &Splice<'_>) -> Result<Message, Failure> {
    let text = splice.finish().map_err(|error| Failure::new(FailureKind::Internal).with_source(error))?;
    Message::parse(text).map_err(|error| Failure::new(FailureKind::Garbage).with_source(error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn takes_members_out_wherever_they_stand() {
        for (doc, kept) in [
            (r#"{}"#, r#"{}"#),
            (r#"{"x1":1}"#, r#"{}"#),
            (r#"{ "x1" : 1 , "a" : 2 }"#, r#"{ "a" : 2 }"#),
            (r#"{"a":1,"x1":{"x":1},"b":[2]}"#, r#"{"a":1,"b":[2]}"#),
            (r#"{"a":1,"x1":1,"x2":"s"}"#, r#"{"a":1}"#),
            (r#"{"x1":1,"x2":2,"a":1,"x3":3,"b":2,"x4":4}"#, r#"{"a":1,"b":2}"#),
            (r#"{"x1":1,"x2":"}"}"#, r#"{}"#),
        ] {
            let cut = without(doc.as_bytes(), |member| member.key().decode().starts_with('x')).unwrap();
            assert_eq!(cut, kept, "{doc}");
        }
        assert!(without(b"[]", |_| true).is_none());
    }
}
