//! The arguments that are mirrored, read in one pass.

use std::borrow::Cow;

use portcullis_core::json::{Error, Reader, Token};

use super::{Node, integer};

/// A value at an annotated path. `null` counts as absent and has none.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    Integer(i64),
    Bool(bool),
    /// Not an integer, or beyond the safe range.
    OtherNumber,
    /// An object or an array.
    Structure,
}

/// The values of the `count` headers below `root`, by index.
///
/// All of `arguments` is checked, also what no header mirrors.
pub(super) fn values<'a>(
    root: &[Node],
    count: usize,
    arguments: &'a [u8],
) -> Result<Vec<Option<Value<'a>>>, Error> {
    let mut reader = Reader::new(arguments)?;
    let mut values = vec![None; count];
    if let Some(Token::BeginObject) = reader.next()? {
        object(root, &mut reader, &mut values)?;
    }
    reader.finish()?;
    Ok(values)
}

/// Reads the members of an object whose `{` was read, up to its `}`. As deep as the tree of nodes at most.
fn object<'a>(
    nodes: &[Node],
    reader: &mut Reader<'a>,
    values: &mut [Option<Value<'a>>],
) -> Result<(), Error> {
    while let Some(Token::Key(key)) = reader.next()? {
        let Some(node) = nodes.iter().find(|node| key == *node.key) else {
            reader.skip()?;
            continue;
        };
        let value = match reader.next()? {
            Some(Token::BeginObject) => {
                object(&node.children, reader, values)?;
                Some(Value::Structure)
            }
            Some(Token::BeginArray) => {
                reader.leave()?;
                Some(Value::Structure)
            }
            Some(Token::String(text)) => Some(Value::Text(text.decode())),
            Some(Token::Number(number)) => {
                Some(integer::parse(number).map_or(Value::OtherNumber, Value::Integer))
            }
            Some(Token::Bool(flag)) => Some(Value::Bool(flag)),
            _ => None,
        };
        if let Some(slot) = node.header.and_then(|index| values.get_mut(index)) {
            *slot = value;
        }
    }
    Ok(())
}
