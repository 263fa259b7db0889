//! Framing of server-sent events, as a state machine without I/O.
//!
//! An MCP server answers a request with one JSON object or with a `text/event-stream`: notifications first, the
//! response last, each as the `data` of one event. This module finds the events in a stream of chunks
//! ([`Decoder`]) and writes them ([`write_event`], [`event_chunks`]), following the
//! [WHATWG event stream format](https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream).
//! It knows nothing of JSON: the bytes of `data` are passed on as they came.
//!
//! ```
//! use bytes::{Bytes, BytesMut};
//! use portcullis_mcp_jsonrpc::sse::{Decoder, write_event};
//!
//! let mut wire = BytesMut::new();
//! write_event(&mut wire, br#"{"jsonrpc":"2.0","method":"notifications/progress"}"#);
//! write_event(&mut wire, br#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
//!
//! let mut decoder = Decoder::new();
//! decoder.push(wire.freeze());
//! let mut seen = Vec::new();
//! while let Some(event) = decoder.next()? {
//!     seen.push(event.data);
//! }
//! assert_eq!(seen.len(), 2);
//! assert_eq!(seen[1], Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"result":{}}"#));
//! # Ok::<(), portcullis_mcp_jsonrpc::sse::SseError>(())
//! ```
//!
//! # What it costs
//!
//! An event that lies inside one chunk and has a single `data` line is a slice of that chunk: no copy, no
//! allocation. (The slice keeps the chunk alive; copy it if you keep it for long.) Every other event is copied
//! once into a buffer of its own. Each byte is scanned once, however the stream was cut into chunks, and at most
//! [`Decoder::max_event`] bytes of an unfinished event are held.

mod block;
mod decode;
mod encode;
mod error;
mod line;

pub use self::decode::{DEFAULT_MAX_EVENT, Decoder, Ending, Event};
pub use self::encode::{EventChunks, KEEP_ALIVE, event_chunks, write_event};
pub use self::error::SseError;
