//! One message or several: the body of a POST, or a line.

use bytes::Bytes;
use portcullis_core::json;
use portcullis_mcp_jsonrpc::{Message, MessageError};

/// What a client sent at once.
#[derive(Debug)]
pub(crate) enum Sent {
    /// A message.
    One(Message),
    /// A JSON array of messages, as revisions up to 2025-03-26 allow. It is not empty.
    Batch(Vec<Message>),
}

/// Why it is neither.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// What should be a message is none.
    Message(MessageError),
    /// The array is empty.
    Empty,
    /// The array has more messages than this.
    TooMany(usize),
}

impl From<MessageError> for Unreadable {
    fn from(error: MessageError) -> Self {
        Self::Message(error)
    }
}

/// Reads a message, or an array of at most `max` of them. One that is wrong makes all of them wrong.
pub(crate) fn read(text: Bytes, max: usize) -> Result<Sent, Unreadable> {
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'[') {
        return Ok(Sent::One(Message::parse(text)?));
    }
    let mut messages = Vec::new();
    for element in json::elements(&text) {
        // Text that is no JSON is refused in the words that it would be refused in without the array.
        let Ok(element) = element else { return Ok(Sent::One(Message::parse(text.clone())?)) };
        if messages.len() == max {
            return Err(Unreadable::TooMany(max));
        }
        messages.push(Message::parse(text.slice(element.range()))?);
    }
    if messages.is_empty() { Err(Unreadable::Empty) } else { Ok(Sent::Batch(messages)) }
}

/// The answers to a batch: a JSON array.
pub(crate) fn write(answers: &[Message]) -> Bytes {
    let mut text =
        Vec::with_capacity(answers.iter().map(|answer| answer.text().len() + 1).sum::<usize>() + 1);
    for answer in answers {
        text.push(if text.is_empty() { b'[' } else { b',' });
        text.extend_from_slice(answer.text());
    }
    text.push(b']');
    text.into()
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Message(error) => error.fmt(f),
            Self::Empty => f.write_str("A batch must hold a message."),
            Self::TooMany(max) => write!(f, "A batch must not hold more than {max} messages."),
        }
    }
}
