//! What bounds a session.

use std::time::Duration;

use super::Level;

/// How much one session may hold and how long it may wait.
///
/// A legacy session has a memory, which the protocol behind the front has not; everything in that memory has a bound here.
///
/// ```
/// use portcullis_mcp_legacy::front::Limits;
///
/// let mut limits = Limits::default();
/// limits.input_timeout = std::time::Duration::from_secs(60);
/// assert_eq!(limits.rounds, 16);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// How often one request may be answered with `input_required` before it is given up. A server that asks for ever
    /// would keep the client's user busy for ever.
    pub rounds: u32,
    /// How many inputs a server may ask for in one round.
    pub inputs: usize,
    /// How long the client has to give the inputs of one round. People answer some of them.
    pub input_timeout: Duration,
    /// How many requests to the client may wait for an answer at a time.
    pub pending_inputs: usize,
    /// How many of the client's requests may be under way at a time.
    pub requests: usize,
    /// How many resources a client may subscribe to.
    pub subscriptions: usize,
    /// How long the URI of a subscribed resource may be, in bytes.
    pub uri_bytes: usize,
    /// How long the answer to `resources/subscribe` is held back until the subscription is in force.
    pub subscribe_wait: Duration,
    /// How long `tasks/result` waits for the end of a task.
    pub task_wait: Duration,
    /// The longest pause between two tries: to open a stream of changes, to ask again for what is not ready.
    pub longest_pause: Duration,
    /// From which level on log messages are asked for on behalf of a client that never sent `logging/setLevel`; none
    /// asks for no messages.
    ///
    /// Up to 2025-11-25 the server decides what such a client gets, and servers send; 2026-07-28 sends nothing unasked.
    pub unasked_logs: Option<Level>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rounds: 16,
            inputs: 16,
            input_timeout: Duration::from_secs(600),
            pending_inputs: 64,
            requests: 1024,
            subscriptions: 256,
            uri_bytes: 4096,
            subscribe_wait: Duration::from_secs(1),
            task_wait: Duration::from_secs(3600),
            longest_pause: Duration::from_secs(30),
            unasked_logs: Some(Level::Info),
        }
    }
}
