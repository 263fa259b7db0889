mod server;

use std::time::Duration;

use portcullis_seal::{Key, KeyRing};

pub use self::server::Server;
use crate::shared::{Settings, Shared};
use crate::{BuildError, Collision, Namespace, Portal, names};

/// Collects what a [`Portal`] is made of; begun by [`Portal::builder`].
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    settings: Settings,
    servers: Vec<Server>,
}

impl Builder {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { settings: Settings::new(name.into()), servers: Vec::new() }
    }

    /// When names carry their server's id. Default: [`Namespace::Always`].
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        self.settings.namespace = namespace;
        self
    }

    /// What becomes of a name that two servers have under [`Namespace::Never`]. Default: [`Collision::Refuse`].
    pub fn collision(mut self, collision: Collision) -> Self {
        self.settings.collision = collision;
        self
    }

    /// The version that the portal gives for itself. Default: that of this crate.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.settings.version = version.into();
        self
    }

    /// How many items one page of a list holds. Default: all of them, because clients are known to read the first
    /// page only, or to give up after some dozens.
    pub fn page_size(mut self, items: usize) -> Self {
        self.settings.page_size = Some(items);
        self
    }

    /// How long one server may take to give a whole list, or its description. Default: 10 s.
    pub fn list_timeout(mut self, timeout: Duration) -> Self {
        self.settings.limits.list_timeout = timeout;
        self
    }

    /// How many items are read of one list of one server; the rest is left out and reported. Default: 10,000.
    pub fn max_list_items(mut self, items: usize) -> Self {
        self.settings.limits.max_items = items;
        self
    }

    /// How many pages are read of one list of one server; the rest is left out and reported. Default: 256.
    pub fn max_list_pages(mut self, pages: usize) -> Self {
        self.settings.limits.max_pages = pages;
        self
    }

    /// How many bytes are read of one list of one server; the rest is left out and reported. Default: 32 MiB.
    pub fn max_list_bytes(mut self, bytes: usize) -> Self {
        self.settings.limits.max_list_bytes = bytes;
        self
    }

    /// How long past its end a list is still served while its server fails. Default: 10 minutes.
    pub fn max_stale(mut self, age: Duration) -> Self {
        self.settings.limits.max_stale = age;
        self
    }

    /// For how many callers the private lists of one kind and server are kept. Default: 1,024.
    pub fn max_principals(mut self, principals: usize) -> Self {
        self.settings.limits.max_principals = principals;
        self
    }

    /// How many bytes of private lists of one kind and server are kept. Default: 64 MiB.
    pub fn max_cached_bytes(mut self, bytes: usize) -> Self {
        self.settings.limits.max_bytes = bytes;
        self
    }

    /// How often an unknown name may have the lists read again. Default: every 5 s.
    pub fn miss_interval(mut self, interval: Duration) -> Self {
        self.settings.limits.miss_interval = interval;
        self
    }

    /// How long `subscriptions/listen` waits for the slowest of many servers to acknowledge. Default: 1 s.
    ///
    /// A server that is later than that is tried again while the client listens.
    pub fn listen_timeout(mut self, timeout: Duration) -> Self {
        self.settings.limits.listen_timeout = timeout;
        self
    }

    /// The keys with which the state is sealed that servers hand to clients (`requestState`). Default: one that is made
    /// when the portal is built, so that no other replica and no restarted one can open what it sealed.
    ///
    /// ```
    /// use portcullis_portal::Portal;
    /// use portcullis_seal::{Key, KeyRing};
    ///
    /// // From a secret store, the same on every replica.
    /// let key = Key::generate()?;
    /// let builder = Portal::builder("acme").keys(KeyRing::new(vec![key])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn keys(mut self, keys: KeyRing) -> Self {
        self.settings.keys = Some(keys);
        self
    }

    /// How long a client may take to come back with a server's state: the time that a person has to answer. Default:
    /// one hour.
    pub fn state_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.state_lifetime = lifetime;
        self
    }

    /// Seeds the jitter of reconnections. Default: by chance.
    pub fn jitter_seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// Adds a server. The order of servers is the order of lists, and decides who comes first.
    pub fn server(mut self, server: Server) -> Self {
        self.servers.push(server);
        self
    }

    /// Checks everything and builds the portal. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// No servers, two of one id, a bad name, or a limit of zero; or no random numbers, if a key is to be made.
    pub fn build(self) -> Result<Portal, BuildError> {
        let Self { mut settings, servers } = self;
        let name = &settings.name;
        if name.is_empty() || name.chars().count() > 128 || name.contains(char::is_control) {
            return Err(BuildError::Name { name: name.clone() });
        }
        if servers.is_empty() {
            return Err(BuildError::NoServers);
        }
        settings.check()?;
        for (at, server) in servers.iter().enumerate() {
            let same = |other: &Server| other.id().eq_ignore_ascii_case(server.id());
            if servers.iter().take(at).any(same) {
                return Err(BuildError::Duplicate { id: server.id().to_owned() });
            }
            server.check()?;
        }
        let keys = match settings.keys.take() {
            Some(keys) => keys,
            None => new_keys().ok_or(BuildError::Random)?,
        };
        Ok(Portal::new(Shared::new(settings, keys, servers)))
    }
}

fn new_keys() -> Option<KeyRing> {
    KeyRing::new(vec![Key::generate().ok()?]).ok()
}

/// Refuses a limit that lets nothing pass.
fn not_zero(setting: &'static str, server: Option<&str>, is_zero: bool) -> Result<(), BuildError> {
    match is_zero {
        true => Err(BuildError::Zero { setting, server: server.map(str::to_owned) }),
        false => Ok(()),
    }
}

impl Settings {
    fn check(&self) -> Result<(), BuildError> {
        let limits = &self.limits;
        let table = [
            ("page_size", self.page_size == Some(0)),
            ("list_timeout", limits.list_timeout.is_zero()),
            ("max_list_items", limits.max_items == 0),
            ("max_list_pages", limits.max_pages == 0),
            ("max_list_bytes", limits.max_list_bytes == 0),
            ("max_principals", limits.max_principals == 0),
            ("max_cached_bytes", limits.max_bytes == 0),
            ("listen_timeout", limits.listen_timeout.is_zero()),
            ("state_lifetime", self.state_lifetime.is_zero()),
        ];
        table.into_iter().try_for_each(|(setting, is_zero)| not_zero(setting, None, is_zero))
    }
}

fn check_id(id: &str) -> Result<(), BuildError> {
    names::check_id(id)
}
