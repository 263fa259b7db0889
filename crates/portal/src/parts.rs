//! Small looks into JSON that a [`Message`](portcullis_mcp_jsonrpc::Message) has checked already.

use std::ops::Range;

use portcullis_core::json::{self, Reader, Text, Token};

/// The member of the object at `object`, if it is there.
pub(crate) fn member(doc: &[u8], object: Range<usize>, name: &str) -> Option<Range<usize>> {
    json::members_within(doc, object)
        .map_while(Result::ok)
        .find(|one| one.key() == name)
        .map(|one| one.range())
}

/// The string at `range`, if it is one.
pub(crate) fn string(doc: &[u8], range: Range<usize>) -> Option<Text<'_>> {
    match Reader::within(doc, range).and_then(|mut reader| reader.next()) {
        Ok(Some(Token::String(text))) => Some(text),
        _ => None,
    }
}

/// Whether a value is an object.
pub(crate) fn is_object(value: &[u8]) -> bool {
    value.first() == Some(&b'{')
}
