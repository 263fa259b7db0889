mod breaker;
mod machine;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use self::breaker::{Breaker, Permit};
use http::StatusCode;

/// When to stop calling a server that does not answer, and for how long.
///
/// Failures *in a row* open the circuit: a connection that could not be made or that broke, an answer that was no HTTP, time
/// that ran out, a status of 500 or above. Calls then fail at once with
/// [`FailureKind::Unreachable`](portcullis_mcp_jsonrpc::FailureKind::Unreachable) and without a packet sent. After a while
/// one call is let through as a probe, the others still fail at once; if the server answers it the circuit closes, if not it
/// stays open for as long again.
///
/// A server that says no is alive: errors of JSON-RPC, every status below 500, and 500s that carry JSON (servers answer
/// so when a handler failed) never count. Nor does a call that its client has given up.
///
/// ```
/// use std::time::Duration;
/// use portcullis_mcp_upstream::{Circuit, HttpUpstream};
///
/// let strict = Circuit::new(3, Duration::from_secs(30));
/// assert!(HttpUpstream::builder("http://127.0.0.1:3000/mcp")?.circuit(strict).build().is_ok());
///
/// let always_open = Circuit::new(0, Duration::from_secs(30));
/// assert!(HttpUpstream::builder("http://127.0.0.1:3000/mcp")?.circuit(always_open).build().is_err());
/// # Ok::<(), portcullis_mcp_upstream::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Circuit {
    /// How many failures in a row open the circuit; none is enough if there is no number.
    pub(crate) failures: Option<u32>,
    pub(crate) open_for: Duration,
}

impl Circuit {
    /// A circuit that opens after this many failures in a row, for this long.
    pub const fn new(failures: u32, open_for: Duration) -> Self {
        Self { failures: Some(failures), open_for }
    }

    /// A circuit that never opens: every call goes to the server, whatever became of the last ones. Failures are still
    /// counted for [`Health`](crate::Health).
    pub const fn always_closed() -> Self {
        Self { failures: None, open_for: Duration::ZERO }
    }
}

impl Default for Circuit {
    /// Five failures open the circuit for ten seconds.
    fn default() -> Self {
        Self::new(5, Duration::from_secs(10))
    }
}

/// Whether a response speaks for a server, or a proxy in front of it, that is in trouble.
pub(crate) fn is_trouble(status: StatusCode, is_json: bool) -> bool {
    match status {
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => true,
        // A handler that failed, told in the server's own words.
        status => status.is_server_error() && !is_json,
    }
}
