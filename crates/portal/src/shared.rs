//! What all clones of a portal share.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use portcullis_seal::KeyRing;

use crate::backend::Backend;
use crate::builder::Server;
use crate::health::Health;
use crate::merge::Merges;
use crate::shelf::ShelfLimits;
use crate::state::States;
use crate::watch::Watches;
use crate::{Collision, Namespace};

/// What a portal was told.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) namespace: Namespace,
    pub(crate) collision: Collision,
    pub(crate) page_size: Option<usize>,
    pub(crate) limits: Limits,
    pub(crate) seed: u64,
    pub(crate) keys: Option<KeyRing>,
    pub(crate) state_lifetime: Duration,
}

impl Settings {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            namespace: Namespace::default(),
            collision: Collision::default(),
            page_size: None,
            limits: Limits::default(),
            seed: RandomState::new().hash_one(0),
            keys: None,
            state_lifetime: Duration::from_secs(3_600),
        }
    }
}

/// How much is read, kept and waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) list_timeout: Duration,
    pub(crate) max_items: usize,
    pub(crate) max_pages: usize,
    pub(crate) max_list_bytes: usize,
    pub(crate) max_stale: Duration,
    pub(crate) max_principals: usize,
    pub(crate) max_bytes: usize,
    pub(crate) miss_interval: Duration,
    pub(crate) listen_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            list_timeout: Duration::from_secs(10),
            max_items: 10_000,
            max_pages: 256,
            max_list_bytes: 32 << 20,
            max_stale: Duration::from_secs(600),
            max_principals: 1_024,
            max_bytes: 64 << 20,
            miss_interval: Duration::from_secs(5),
            listen_timeout: Duration::from_secs(1),
        }
    }
}

impl Limits {
    pub(crate) fn shelf(&self) -> ShelfLimits {
        ShelfLimits {
            max_classes: self.max_principals,
            max_bytes: self.max_bytes,
            timeout: self.list_timeout,
            pause: self.miss_interval,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) backends: Vec<Arc<Backend>>,
    pub(crate) merges: Merges,
    pub(crate) watches: Watches,
}

impl Shared {
    pub(crate) fn new(settings: Settings, keys: KeyRing, servers: Vec<Server>) -> Self {
        let states = Arc::new(States::new(keys, settings.name.clone(), settings.state_lifetime));
        let names_tasks = servers.len() > 1 || settings.namespace != Namespace::Never;
        let backend =
            |server| Arc::new(Backend::new(server, settings.limits, Arc::clone(&states), names_tasks));
        let backends: Vec<_> = servers.into_iter().map(backend).collect();
        let watches = Watches::new(backends.len());
        Self { settings, backends, merges: Merges::default(), watches }
    }

    /// The only server, if there is no other.
    pub(crate) fn only(&self) -> Option<&Arc<Backend>> {
        match &*self.backends {
            [only] => Some(only),
            _ => None,
        }
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&Arc<Backend>> {
        self.backends.iter().find(|backend| backend.id() == id)
    }

    /// Whether the portal stands in front of one server and changes none of its names, so that what it does not know
    /// itself may pass.
    pub(crate) fn is_transparent(&self) -> bool {
        self.backends.len() == 1 && self.settings.namespace == Namespace::Never
    }

    pub(crate) fn health(&self) -> Health {
        Health::new(self.backends.iter().map(|backend| backend.health()).collect())
    }
}
