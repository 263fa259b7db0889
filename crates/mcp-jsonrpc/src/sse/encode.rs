use bytes::{BufMut, Bytes, BytesMut};

/// A comment that says nothing but "still here".
///
/// The spec encourages servers to send one from time to time on quiet streams, so that nothing in between closes
/// the connection. The blank line ends no event; it is there for readers that look for `\n\n` only.
pub const KEEP_ALIVE: &[u8] = b":\n\n";

const PREFIX: &[u8] = b"data: ";
const SUFFIX: &[u8] = b"\n\n";

/// Appends one event that carries `data`.
///
/// A line break cannot stand inside a `data` line, so each line of `data` gets a `data` line of its own and the
/// reader joins them with LF. CR and CRLF thus arrive as LF. For JSON that changes nothing: outside strings a
/// line break is mere whitespace, and inside strings it is always escaped.
///
/// ```
/// use bytes::BytesMut;
/// use portcullis_mcp_jsonrpc::sse::write_event;
///
/// let mut wire = BytesMut::new();
/// write_event(&mut wire, b"{}");
/// write_event(&mut wire, b"{\r\n}");
/// assert_eq!(&wire[..], b"data: {}\n\ndata: {\ndata: }\n\n");
/// ```
pub fn write_event(into: &mut BytesMut, data: &[u8]) {
    into.reserve(PREFIX.len() + data.len() + SUFFIX.len());
    let mut rest = data;
    loop {
        into.put_slice(PREFIX);
        let Some(end) = memchr::memchr2(b'\r', b'\n', rest) else {
            into.put_slice(rest);
            break;
        };
        let (line, tail) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        into.put_slice(line);
        into.put_u8(b'\n');
        rest = match tail {
            [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
            [] => &[],
        };
    }
    into.put_slice(SUFFIX);
}

/// The same event as [`write_event`] writes, as chunks that share the payload instead of copying it.
///
/// Worth it for big payloads; for small ones one copy is cheaper than three writes. A payload with a line break
/// is copied once, into a single chunk.
///
/// ```
/// use bytes::Bytes;
/// use portcullis_mcp_jsonrpc::sse::event_chunks;
///
/// let payload = Bytes::from(vec![b'1'; 1 << 20]);
/// let chunks: Vec<Bytes> = event_chunks(payload.clone()).collect();
/// assert_eq!(chunks[0], "data: ");
/// assert_eq!(chunks[1].as_ptr(), payload.as_ptr(), "not copied");
/// assert_eq!(chunks[2], "\n\n");
/// ```
pub fn event_chunks(payload: Bytes) -> EventChunks {
    let chunks = if memchr::memchr2(b'\r', b'\n', &payload).is_some() {
        let mut whole = BytesMut::new();
        write_event(&mut whole, &payload);
        [Bytes::new(), whole.freeze(), Bytes::new()]
    } else {
        [Bytes::from_static(PREFIX), payload, Bytes::from_static(SUFFIX)]
    };
    EventChunks { chunks: chunks.into_iter() }
}

/// The chunks of one event, none of them empty: what [`event_chunks`] returns.
#[derive(Debug)]
#[must_use = "the chunks have to be sent"]
pub struct EventChunks {
    chunks: std::array::IntoIter<Bytes, 3>,
}

impl Iterator for EventChunks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        self.chunks.find(|chunk| !chunk.is_empty())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.chunks.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::{event_chunks, write_event};
    use bytes::{Bytes, BytesMut};

    #[test]
    fn events() {
        let cases: &[(&str, &str)] = &[
            ("", "data: \n\n"),
            ("{}", "data: {}\n\n"),
            (" {}", "data:  {}\n\n"),
            ("{\n}", "data: {\ndata: }\n\n"),
            ("{\r}", "data: {\ndata: }\n\n"),
            ("{\r\n}", "data: {\ndata: }\n\n"),
            ("{\n\r}", "data: {\ndata: \ndata: }\n\n"),
            ("{}\n", "data: {}\ndata: \n\n"),
            ("\n", "data: \ndata: \n\n"),
            ("\r\n\r\n", "data: \ndata: \ndata: \n\n"),
        ];
        for (data, want) in cases {
            let mut wire = BytesMut::new();
            write_event(&mut wire, data.as_bytes());
            assert_eq!(&wire[..], want.as_bytes(), "{data:?}");
            let chunks: Vec<Bytes> = event_chunks(Bytes::from_static(data.as_bytes())).collect();
            assert!(chunks.iter().all(|chunk| !chunk.is_empty()), "{data:?}");
            assert_eq!(chunks.concat(), want.as_bytes(), "{data:?}");
        }
    }
}
