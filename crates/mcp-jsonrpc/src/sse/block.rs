//! What the lines since the last blank line have said.

use std::mem;
use std::ops::Range;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use super::decode::Event;

#[derive(Debug, Default)]
pub(super) struct Block {
    data: Data,
    pub(super) event: Option<Bytes>,
    pub(super) id: Option<Bytes>,
    pub(super) retry: Option<Duration>,
}

#[derive(Debug, Default)]
enum Data {
    #[default]
    None,
    /// A single line so far: a slice of the chunk it came in.
    One(Bytes),
    /// Several lines, joined.
    Many(BytesMut),
}

impl Block {
    /// Adds the line that stands at `range` of `source`.
    pub(super) fn add_data(&mut self, source: &Bytes, range: Range<usize>) {
        match &mut self.data {
            Data::None => self.data = Data::One(source.slice(range)),
            Data::One(first) => {
                // A line that was assembled already is not copied again: nobody else holds its buffer.
                let first = mem::take(first).try_into_mut();
                let mut joined = first.unwrap_or_else(|shared| BytesMut::from(&*shared));
                join(&mut joined, source.get(range).unwrap_or_default());
                self.data = Data::Many(joined);
            }
            Data::Many(joined) => join(joined, source.get(range).unwrap_or_default()),
        }
    }

    /// The event that a blank line makes of the block; the next block starts empty.
    ///
    /// `None` if there was no `data` line. One that is empty makes an event all the same.
    #[inline]
    pub(super) fn end(&mut self) -> Option<Event> {
        let event = self.event.take().filter(|name| !name.is_empty());
        let id = self.id.take();
        let retry = self.retry.take();
        let data = match mem::take(&mut self.data) {
            Data::None => return None,
            Data::One(line) => line,
            Data::Many(joined) => joined.freeze(),
        };
        Some(Event { data, event, id, retry })
    }

    /// Whether an event is under way, which is lost if the stream ends here.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.data, Data::None) || self.event.is_some() || self.id.is_some()
    }

    /// How many bytes of values it holds.
    pub(super) fn len(&self) -> usize {
        let data = match &self.data {
            Data::None => 0,
            Data::One(line) => line.len(),
            Data::Many(joined) => joined.len(),
        };
        data + self.event.as_ref().map_or(0, Bytes::len) + self.id.as_ref().map_or(0, Bytes::len)
    }
}

fn join(joined: &mut BytesMut, line: &[u8]) {
    joined.reserve(line.len() + 1);
    joined.put_u8(b'\n');
    joined.put_slice(line);
}
