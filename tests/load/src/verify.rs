//! Whether a reply is the one that was asked for.
//!
//! The first reply is parsed and checked in full. Those after it must carry their own id and come to the same length,
//! which costs next to nothing to see: all ids have ten digits.

use memchr::memmem;
use serde_json::Value;

use crate::request::Shape;

/// How much the length of a reply may differ from the first: peers number their events.
const SLACK: u64 = 64;

/// Checks replies to calls of one shape, one after the other.
///
/// A clone takes over what the first reply looked like.
#[derive(Clone, Debug)]
pub(crate) struct Verifier {
    shape: Shape,
    /// Length of the first reply, once it was checked.
    expected: Option<u64>,
    /// All of the first reply; afterwards the end of the last piece, in case an id is cut in two.
    kept: Vec<u8>,
    needle: Vec<u8>,
    found: bool,
    length: u64,
}

impl Verifier {
    pub(crate) fn new(shape: Shape) -> Self {
        Self { shape, expected: None, kept: Vec::new(), needle: Vec::new(), found: false, length: 0 }
    }

    /// Begins the reply to `id`.
    pub(crate) fn begin(&mut self, id: u64) {
        use std::io::Write;
        self.needle.clear();
        // Writing to a Vec cannot fail.
        let _ = write!(self.needle, "\"id\":{id}");
        self.kept.clear();
        self.found = false;
        self.length = 0;
    }

    /// Takes the next piece of the reply.
    pub(crate) fn piece(&mut self, piece: &[u8]) {
        self.length += piece.len() as u64;
        if self.expected.is_none() {
            self.kept.extend_from_slice(piece);
            return;
        }
        if self.found {
            return;
        }
        // An id cut in two is found where the end of the last piece meets the start of this one.
        let overlap = self.needle.len().saturating_sub(1);
        self.kept.extend_from_slice(piece.get(..overlap).unwrap_or(piece));
        self.found = [&self.kept, piece].iter().any(|text| memmem::find(text, &self.needle).is_some());
        if piece.len() > overlap {
            self.kept.clear();
            self.kept.extend_from_slice(piece.get(piece.len() - overlap..).unwrap_or_default());
        } else {
            self.kept.drain(..self.kept.len().saturating_sub(overlap));
        }
    }

    /// Ends the reply to `id`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn end(&mut self, id: u64) -> Result<(), String> {
        let Some(expected) = self.expected else {
            check(&self.kept, id, self.shape)?;
            self.expected = Some(self.length);
            self.kept = Vec::new();
            return Ok(());
        };
        if !self.found {
            return Err(format!("the reply to {id} does not carry its id"));
        }
        if self.length.abs_diff(expected) > SLACK {
            return Err(format!("a reply of {} bytes after one of {expected}", self.length));
        }
        Ok(())
    }
}

/// Checks a whole reply, JSON or SSE.
fn check(body: &[u8], id: u64, shape: Shape) -> Result<(), String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let mut messages = messages(text)?;
    let response = messages.pop().ok_or("an empty reply")?;
    if response.get("id").and_then(Value::as_u64) != Some(id) {
        return Err(format!("not the reply to {id}: {response:.200}"));
    }
    let text = response.pointer("/result/content/0/text").and_then(Value::as_str);
    let text = text.ok_or_else(|| format!("no text in the result: {response:.200}"))?;
    // As it stands on the wire: quoted, with escapes.
    let length = serde_json::to_string(text).map_or(0, |quoted| quoted.len() - 2);
    if length != shape.bytes {
        return Err(format!("{length} bytes of text instead of {}", shape.bytes));
    }
    if messages.len() != shape.notifications {
        return Err(format!("{} notifications instead of {}", messages.len(), shape.notifications));
    }
    for (step, message) in (1_u64..).zip(messages) {
        let params = message.get("params");
        let number = |name| params.and_then(|params| params.get(name)).and_then(Value::as_f64);
        // Peers may write 1 as 1.0.
        if number("progressToken") != Some(id as f64) || number("progress") != Some(step as f64) {
            return Err(format!("not notification {step} of {id}: {message}"));
        }
    }
    Ok(())
}

fn messages(text: &str) -> Result<Vec<Value>, String> {
    let parse = |text: &str| serde_json::from_str(text).map_err(|error| format!("{error}: {text:.200}"));
    if text.starts_with('{') {
        return Ok(vec![parse(text)?]);
    }
    // Nobody here splits a message over several data lines. Empty ones are how servers of the legacy era start.
    let data = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim_start);
    data.filter(|data| !data.is_empty()).map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { bytes: 3, notifications: 0, paced: false, delay_ms: 0 };

    fn reply(id: u64, text: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#)
    }

    fn feed(verifier: &mut Verifier, id: u64, body: &str, size: usize) -> Result<(), String> {
        verifier.begin(id);
        body.as_bytes().chunks(size).for_each(|piece| verifier.piece(piece));
        verifier.end(id)
    }

    #[test]
    fn good_replies_pass_however_they_are_cut() {
        for size in 1..100 {
            let mut verifier = Verifier::new(SHAPE);
            for id in 1_000_000_000..1_000_000_003 {
                feed(&mut verifier, id, &reply(id, "abc"), size).unwrap();
            }
        }
    }

    #[test]
    fn a_first_reply_must_be_right() {
        for (body, what) in [
            (reply(2_000_000_000, "abc"), "another id"),
            (reply(1_000_000_000, "ab"), "a shorter text"),
            (String::new(), "nothing"),
            ("{".to_owned(), "half a message"),
        ] {
            assert!(feed(&mut Verifier::new(SHAPE), 1_000_000_000, &body, 64).is_err(), "{what}");
        }
    }

    #[test]
    fn a_later_reply_must_have_its_id_and_the_length() {
        let mut verifier = Verifier::new(SHAPE);
        feed(&mut verifier, 1_000_000_000, &reply(1_000_000_000, "abc"), 64).unwrap();
        assert!(feed(&mut verifier, 1_000_000_001, &reply(1_000_000_000, "abc"), 64).is_err());
        let long = reply(1_000_000_001, &"x".repeat(100));
        assert!(feed(&mut verifier, 1_000_000_001, &long, 64).is_err());
    }

    #[test]
    fn a_stream_must_have_all_its_notifications_in_order() {
        let id = 1_000_000_000;
        let shape = Shape { notifications: 2, ..SHAPE };
        let progress = |step| {
            format!(
                "data: {{\"method\":\"notifications/progress\",\"params\":{{\"progressToken\":{id},\"progress\":{step}}}}}\n\n"
            )
        };
        let last = format!("event: message\ndata: {}\n\n", reply(id, "abc"));
        let check = |body: String| feed(&mut Verifier::new(shape), id, &body, 64);
        assert_eq!(check([progress(1), progress(2), last.clone()].concat()), Ok(()));
        assert!(check([progress(1), last.clone()].concat()).is_err());
        assert!(check([progress(2), progress(1), last].concat()).is_err());
    }
}
