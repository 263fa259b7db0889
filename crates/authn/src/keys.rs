//! Where the keys of one issuer come from, and how they stay fresh.

mod decide;
mod error;
mod freshness;
mod refresh;
mod remote;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use portcullis_fetch::{Endpoint, Fetch, WatchError, Watched};

pub use error::KeysError;
pub use freshness::Freshness;

use crate::jwk::{Algorithm, Jwks, PublicKey};
use refresh::{MAX_BYTES, Origin};
use remote::Remote;

/// The keys that one issuer signs with: fixed, from a file, or fetched and kept fresh.
///
/// What is fetched is fetched when it is first needed, once for all who wait, and again when it is older than a
/// [maximum age](Freshness::max_age) or a token names a key that is not known. [`Freshness`] says how often, and for how
/// long the last good keys serve while the issuer is down. What cannot be used (an error, a page of HTML, too many bytes,
/// a set without a usable key or with two of one name) counts as no answer.
///
/// Clones share the keys.
///
/// ```
/// use portcullis_authn::{Algorithm, Jwks, Keys, KeysError};
///
/// # async fn find() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = Keys::fixed(Jwks::parse(br#"{"keys": [
///     {"kid": "2026", "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
/// ]}"#)?);
/// assert!(keys.find(Some("2026"), Algorithm::EdDsa).await.is_ok());
/// assert_eq!(keys.find(Some("2025"), Algorithm::EdDsa).await, Err(KeysError::Unknown));
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(find())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Keys {
    source: Source,
}

#[derive(Clone)]
enum Source {
    Fixed(Jwks),
    File(Watched<Jwks>),
    Remote(Arc<Remote>),
}

impl Keys {
    /// The keys that the issuer's [metadata](portcullis_fetch::discover) names.
    #[must_use]
    pub fn discover(issuer: Endpoint, fetch: Arc<dyn Fetch>) -> Self {
        Self::remote(Origin::Issuer(issuer), fetch)
    }

    /// The keys at a URL, for issuers without metadata.
    #[must_use]
    pub fn at(url: Endpoint, fetch: Arc<dyn Fetch>) -> Self {
        Self::remote(Origin::Url(url), fetch)
    }

    fn remote(origin: Origin, fetch: Arc<dyn Fetch>) -> Self {
        let remote = Remote::new(origin, fetch, Freshness::default());
        Self { source: Source::Remote(Arc::new(remote)) }
    }

    /// The keys in a file, a JSON Web Key Set of at most one mebibyte.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or the keys in it cannot be used.
    pub fn file(path: impl Into<PathBuf>) -> Result<Self, WatchError> {
        let file = Watched::open(path, MAX_BYTES as u64, |bytes| Ok(Jwks::parse(bytes)?))?;
        Ok(Self { source: Source::File(file) })
    }

    /// These keys, for as long as the process runs.
    #[must_use]
    pub fn fixed(keys: Jwks) -> Self {
        Self { source: Source::Fixed(keys) }
    }

    /// Sets how keys that are fetched stay fresh, and starts without any. It means nothing to others.
    #[must_use]
    pub fn freshness(self, freshness: Freshness) -> Self {
        match self.source {
            Source::Remote(remote) => {
                Self { source: Source::Remote(Arc::new(remote.with_freshness(freshness))) }
            }
            source => Self { source },
        }
    }

    /// The key for a signature, found as [`Jwks::find`] does.
    ///
    /// With the key in memory this neither waits nor allocates. Whoever drops the future while it waits does not stop
    /// the fetch that others wait for too.
    ///
    /// # Errors
    ///
    /// If the issuer has no such key, or nobody can tell now.
    ///
    /// # Panics
    ///
    /// If something must be fetched outside of a tokio runtime.
    pub async fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<PublicKey>, KeysError> {
        match &self.source {
            Source::Fixed(keys) => keys.find(kid, algorithm).ok_or(KeysError::Unknown),
            Source::File(file) => file.current().find(kid, algorithm).ok_or(KeysError::Unknown),
            Source::Remote(remote) => remote.find(kid, algorithm).await,
        }
    }

    /// A number that grows when a key known before was withdrawn or replaced, or is not believed any longer because its
    /// issuer has been down for too long. New keys do not count; of a file, every new content does.
    #[must_use]
    pub fn generation(&self) -> u64 {
        match &self.source {
            Source::Fixed(_) => 0,
            Source::File(file) => file.generation(),
            Source::Remote(remote) => remote.generation(),
        }
    }

    /// Reads the keys of a file again when it changes, from now on and until the last clone is dropped. Keys that are
    /// fetched are kept fresh anyway, from the first time they are needed.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn watch(&self) {
        match &self.source {
            Source::Fixed(_) => {}
            Source::File(file) => file.watch(),
            Source::Remote(remote) => remote.watch(),
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_tuple("Keys");
        match &self.source {
            Source::Fixed(keys) => shown.field(keys),
            Source::File(file) => shown.field(file),
            Source::Remote(remote) => shown.field(remote),
        };
        shown.finish()
    }
}

#[cfg(test)]
mod tests;
