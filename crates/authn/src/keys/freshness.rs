use std::time::Duration;

/// The least of what a wait may be set to: an issuer is not asked more than once a second, whatever a setting says.
const LEAST: Duration = Duration::from_secs(1);

/// The most, which keeps sums of them far from overflow: a hundred years.
const MOST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// How keys that are fetched stay fresh.
///
/// ```
/// use std::time::Duration;
/// use portcullis_authn::Freshness;
///
/// // Withdrawn keys die within a minute, and nobody gets in on old keys for longer than an hour.
/// let strict = Freshness::new().max_age(Duration::from_secs(60)).grace(Duration::from_secs(3600));
/// assert_ne!(strict, Freshness::default());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Freshness {
    pub(super) max_age: Duration,
    pub(super) refetch_floor: Duration,
    pub(super) grace: Duration,
    pub(super) backoff: Duration,
    pub(super) timeout: Duration,
}

impl Freshness {
    /// What suits the large identity providers.
    pub fn new() -> Self {
        Self {
            max_age: Duration::from_secs(10 * 60),
            refetch_floor: Duration::from_secs(30),
            grace: Duration::from_secs(24 * 60 * 60),
            backoff: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
        }
    }

    /// How old keys become before they are fetched anew; ten minutes by default, at least a second. This is how long a key
    /// outlives its withdrawal: the old keys serve while the new ones are on their way, unless the issuer was not asked
    /// for twice as long, in which case whoever comes waits.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age.clamp(LEAST, MOST);
        self
    }

    /// How often a token with an unknown key may cause a fetch: once in this time, 30 seconds by default, at least one.
    /// In between such tokens are refused at once. Anybody can make up names of keys, so this is what protects the issuer.
    pub fn refetch_floor(mut self, floor: Duration) -> Self {
        self.refetch_floor = floor.clamp(LEAST, MOST);
        self
    }

    /// How long the last good keys serve beyond their maximum age while the issuer is down; 24 hours by default.
    ///
    /// A day bridges an outage of the issuer, during which nobody could get a new token anyway: most tokens expire
    /// within hours, and they do so with old keys as with new ones. What is risked is that a key which was stolen, and
    /// withdrawn during the outage, is believed for that day. Zero risks nothing and refuses everybody once the issuer has
    /// been down for the maximum age.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace.min(MOST);
        self
    }

    /// How long after a failed fetch the next one may start; five seconds by default, at least one. Who comes in between
    /// and cannot be served with old keys is told so at once.
    pub fn backoff(mut self, backoff: Duration) -> Self {
        self.backoff = backoff.clamp(LEAST, MOST);
        self
    }

    /// How long one fetch may take with all that belongs to it, such as finding out where the keys are; ten seconds by
    /// default, at least one. Each exchange is limited by the client, too.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.clamp(LEAST, MOST);
        self
    }
}

impl Default for Freshness {
    fn default() -> Self {
        Self::new()
    }
}
