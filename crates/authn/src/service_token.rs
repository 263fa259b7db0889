//! Services that show a name and a secret.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use portcullis_core::Secret;
use portcullis_fetch::{WatchError, Watched};
use tokio::sync::Semaphore;

use crate::{Audience, BoxFuture, Credential, Denial, Verified, Verifier};

mod entry;
mod error;
mod file;
mod secret;
#[cfg(test)]
mod tests;

pub use entry::ServiceEntry;
pub use error::ServiceTokenError;
pub use secret::{ServiceSecret, StoredSecret};

use entry::Service;
use error::Fault;
use secret::Stored;

/// What a caller may be called, and what its secret may be, in bytes. Longer ones are refused unseen.
const MAX_ID: usize = 128;
const MAX_SECRET: usize = 1024;

/// How large a file of services may be, and how many it may hold.
const MAX_FILE: u64 = 4 << 20;
const MAX_ENTRIES: usize = 10_000;

/// Judges the names and secrets of services: machines for which no authorization server issues tokens.
///
/// What is stored about a secret (see [`StoredSecret`]) does not tell the secret. Names that are not known cost as much
/// time as names that are, so that nobody can find out by the clock which exist.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use portcullis_authn::{ServiceEntry, ServiceSecret, ServiceTokens, StoredSecret};
///
/// // For the service; and for the configuration.
/// let secret = ServiceSecret::generate()?;
/// println!("{}", secret.stored());
///
/// let entry = ServiceEntry::new("nightly", StoredSecret::parse(secret.stored())?).group("jobs").scope("tools:call");
/// let services = ServiceTokens::new([entry])?;
/// # let _ = services;
/// # Ok(())
/// # }
/// ```
///
/// # Files
///
/// [`open`](Self::open) reads a JSON file, which may change while it is in use:
///
/// ```json
/// [
///   {
///     "id": "nightly",
///     "secret": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
///     "kind": "service",
///     "groups": ["jobs"],
///     "scopes": ["tools:call"],
///     "attributes": {"team": "data"},
///     "expires": 1830297600
///   }
/// ]
/// ```
///
/// All but `id` and `secret` may be left out; `expires` counts seconds since 1970. A file without entries is sound: it is
/// how the last service is withdrawn.
///
/// # Cost
///
/// A SHA-256 takes a microsecond. An argon2id takes tens of milliseconds and megabytes by design, so few are computed at
/// once, off the runtime's threads, few wait, and who comes on top of that is asked to come again. Unknown names cost the
/// same work, so an attacker who sends them can keep services with argon2id secrets waiting: prefer random secrets.
#[must_use]
pub struct ServiceTokens {
    services: Services,
    /// Picks the service that stands in for one that is not known: always the same one for the same name.
    stand_in: RandomState,
    slow: Slow,
}

enum Services {
    Fixed(Known),
    File(Watched<Known>),
}

/// The slow checks: all that are waiting or running, and those that run.
struct Slow {
    all: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl ServiceTokens {
    /// Knows these services.
    ///
    /// # Errors
    ///
    /// If there are none, or two of one name, or a name that cannot be sent in a header.
    pub fn new(entries: impl IntoIterator<Item = ServiceEntry>) -> Result<Self, ServiceTokenError> {
        let known = Known::new(entries)?;
        if known.list.is_empty() {
            return Err(ServiceTokenError::new("", Fault::NoEntries));
        }
        Ok(Self::of(Services::Fixed(known)))
    }

    /// Knows the services that a file lists. It is read again by [`reload`](Self::reload), or all by itself after
    /// [`watch`](Self::watch).
    ///
    /// # Errors
    ///
    /// If it cannot be read, is larger than 4 MiB, or holds anything else than described above.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, WatchError> {
        let file = Watched::open(path, MAX_FILE, |bytes| Ok(Known::new(file::read(bytes)?)?))?;
        Ok(Self::of(Services::File(file)))
    }

    fn of(services: Services) -> Self {
        Self { services, stand_in: RandomState::new(), slow: Slow::new(2, 64) }
    }

    /// How many argon2id secrets are checked at once, each of which may take 64 MiB, and how many more may wait.
    /// Default: 2 and 64.
    ///
    /// # Errors
    ///
    /// If none is checked, or there are more than a million.
    pub fn max_concurrent(mut self, at_once: usize, waiting: usize) -> Result<Self, ServiceTokenError> {
        if at_once == 0 || at_once > 1_000_000 || waiting > 1_000_000 {
            let given = format!("{at_once}, {waiting}");
            return Err(ServiceTokenError::new(&given, Fault::Concurrency));
        }
        self.slow = Slow::new(at_once, waiting);
        Ok(self)
    }

    /// Looks at the file twice a second from now on. Does nothing for services that were not read from a file.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn watch(&self) {
        if let Services::File(file) = &self.services {
            file.watch();
        }
    }

    /// Reads the file again. Does nothing for services that were not read from a file.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open); what was read before stays in force.
    pub fn reload(&self) -> Result<(), WatchError> {
        match &self.services {
            Services::File(file) => file.reload(),
            Services::Fixed(_) => Ok(()),
        }
    }

    fn known(&self) -> Known {
        match &self.services {
            Services::Fixed(known) => known.clone(),
            Services::File(file) => Known::clone(&file.current()),
        }
    }

    async fn judge(&self, id: &str, secret: &Secret, now: SystemTime) -> Result<Verified, Denial> {
        if id.len() > MAX_ID || secret.expose().len() > MAX_SECRET || secret.expose().is_empty() {
            return Err(Denial::invalid(
                "the name or the secret of a service is too long, or there is no secret",
            ));
        }
        let known = self.known();
        let found = known.by_id.get(id).copied();
        let stand_in = || self.stand_in.hash_one(id) as usize % known.list.len().max(1);
        let Some(service) = known.list.get(found.unwrap_or_else(stand_in)) else {
            return Err(Denial::invalid("no service is known"));
        };
        let holds = match service.secret.stored() {
            Stored::Sha256(digest) => digest.is_of(secret),
            Stored::Argon2(hash) => self.slow.check(hash.clone(), secret.clone()).await?,
        };
        // Not before now: the answer must take its time whatever it is.
        if found.is_none() {
            return Err(Denial::invalid("no service of that name"));
        }
        let subject = service.principal.subject();
        if !holds {
            return Err(Denial::invalid(format!("not the secret of the service {subject:?}")));
        }
        let verified = Verified::new(service.principal.clone());
        match service.expires {
            Some(end) if end <= now => {
                Err(Denial::invalid(format!("the secret of the service {subject:?} has expired")))
            }
            Some(end) => Ok(verified.expires(end)),
            None => Ok(verified),
        }
    }
}

impl Verifier for ServiceTokens {
    fn recognizes(&self, credential: &Credential) -> bool {
        matches!(credential, Credential::ServiceToken { .. })
    }

    fn verify<'a>(
        &'a self,
        credential: &'a Credential,
        _: &'a Audience,
        now: SystemTime,
    ) -> BoxFuture<'a, Result<Verified, Denial>> {
        Box::pin(async move {
            match credential {
                Credential::ServiceToken { id, secret } => self.judge(id, secret, now).await,
                _ => Err(Denial::invalid("not the name and secret of a service")),
            }
        })
    }

    fn generation(&self) -> u64 {
        match &self.services {
            Services::Fixed(_) => 0,
            Services::File(file) => file.generation(),
        }
    }
}

/// What is stored about secrets stays out of logs.
impl std::fmt::Debug for ServiceTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceTokens").field("services", &self.known().list.len()).finish_non_exhaustive()
    }
}

/// The services in force.
#[derive(Clone)]
struct Known {
    list: Arc<[Service]>,
    by_id: Arc<HashMap<Box<str>, usize>>,
}

impl Known {
    fn new(entries: impl IntoIterator<Item = ServiceEntry>) -> Result<Self, ServiceTokenError> {
        let mut list = Vec::new();
        let mut by_id = HashMap::new();
        for entry in entries {
            let service = entry.check()?;
            let id = service.principal.subject();
            if list.len() == MAX_ENTRIES {
                return Err(ServiceTokenError::new(id, Fault::TooMany));
            }
            if by_id.insert(id.into(), list.len()).is_some() {
                return Err(ServiceTokenError::new(id, Fault::Twice));
            }
            list.push(service);
        }
        Ok(Self { list: list.into(), by_id: Arc::new(by_id) })
    }
}

impl Slow {
    fn new(at_once: usize, waiting: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(at_once.saturating_add(waiting))),
            running: Arc::new(Semaphore::new(at_once)),
        }
    }

    /// The permits go along with the work, which goes on when nobody waits for it any longer.
    async fn check(&self, hash: secret::Argon2id, secret: Secret) -> Result<bool, Denial> {
        let busy =
            || Denial::unavailable(Duration::from_secs(1), "too many secrets of services to be checked");
        let place = Arc::clone(&self.all).try_acquire_owned().map_err(|_| busy())?;
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(|_| busy())?;
        let work = tokio::task::spawn_blocking(move || {
            let holds = hash.is_of(&secret);
            drop((turn, place));
            holds
        });
        work.await.map_err(|_| busy())
    }
}
