use http::Extensions;

use crate::front::Limits;

/// How a client on a pair of byte streams is served; see [`serve`](super::serve).
///
/// ```
/// use portcullis_core::{Kind, Principal};
/// use portcullis_mcp_legacy::front::stdio::Settings;
///
/// let mut extensions = http::Extensions::new();
/// extensions.insert(Principal::new(Kind::User, "alice"));
/// let settings = Settings::new().extensions(extensions).max_line(1024 * 1024);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Settings {
    pub(super) limits: Limits,
    pub(super) extensions: Extensions,
    pub(super) max_line: usize,
    pub(super) max_calls: usize,
    pub(super) max_waiting: usize,
    pub(super) max_batch: usize,
}

impl Settings {
    /// How long a line may be, unless [`max_line`](Self::max_line) says otherwise: 4 MiB.
    pub const DEFAULT_MAX_LINE: usize = 4 * 1024 * 1024;

    /// The defaults, for a client of whom nothing is known.
    pub fn new() -> Self {
        Self {
            limits: Limits::default(),
            extensions: Extensions::new(),
            max_line: Self::DEFAULT_MAX_LINE,
            max_calls: 64,
            max_waiting: 1024,
            max_batch: 64,
        }
    }

    /// What bounds the session of a legacy client.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What every call carries, such as the principal that the process runs for.
    pub fn extensions(mut self, extensions: Extensions) -> Self {
        self.extensions = extensions;
        self
    }

    /// How many bytes a line may have. A longer one is passed over and answered with an error.
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes;
        self
    }

    /// How many calls are given to the service at one time; further ones wait. The default is 64. Streams of changes
    /// (`subscriptions/listen`) do not count, since they do not end.
    pub fn max_calls(mut self, count: usize) -> Self {
        self.max_calls = count;
        self
    }

    /// How many requests may be unanswered. The default is 1024. Further ones are answered with an error rather than left
    /// unread: the line after them may be what one of the others waits for.
    pub fn max_waiting(mut self, count: usize) -> Self {
        self.max_waiting = count;
        self
    }

    /// How many messages a batch may hold. The default is 64.
    pub fn max_batch(mut self, count: usize) -> Self {
        self.max_batch = count;
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}
