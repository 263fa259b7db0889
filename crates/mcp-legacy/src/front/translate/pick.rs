use std::ops::Range;

use portcullis_core::json;

/// Where the values of these members of the object stand, in one pass.
///
/// For parts of a [`Message`](portcullis_mcp_jsonrpc::Message), which are known to be sound.
pub(in crate::front) fn pick<const N: usize>(
    text: &[u8],
    object: Range<usize>,
    names: [&str; N],
) -> [Option<Range<usize>>; N] {
    let mut found = [const { None }; N];
    for member in json::members_within(text, object).map_while(Result::ok) {
        for (name, found) in names.iter().zip(&mut found) {
            if member.key() == *name {
                *found = Some(member.range());
            }
        }
    }
    found
}

/// The string that a value is.
pub(in crate::front) fn string(text: &[u8], range: Option<Range<usize>>) -> Option<String> {
    json::from_slice(text.get(range?)?).ok()
}
