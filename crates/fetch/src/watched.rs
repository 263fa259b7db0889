use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use portcullis_core::BoxError;

#[cfg(test)]
mod tests;

/// What a file says, kept up to date.
///
/// A file that is changed is read again: by [`reload`](Self::reload) at once, or within a second of the change where
/// [`watch`](Self::watch) was called. What does not read well changes nothing: the last good content stays in force and
/// the log says why.
///
/// Clones share the content.
///
/// ```
/// use portcullis_fetch::Watched;
///
/// let path = std::env::temp_dir().join(format!("portcullis-watched-{}", std::process::id()));
/// std::fs::write(&path, "7")?;
/// let number = Watched::open(&path, 1024, |bytes| Ok(std::str::from_utf8(bytes)?.trim().parse::<u8>()?))?;
/// assert_eq!(*number.current(), 7);
///
/// std::fs::write(&path, "seven")?;
/// assert!(number.reload().is_err());
/// assert_eq!(*number.current(), 7);
///
/// std::fs::write(&path, "8")?;
/// number.reload()?;
/// assert_eq!((*number.current(), number.generation()), (8, 1));
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Watched<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    path: PathBuf,
    opened: Option<Stamp>,
    limit: u64,
    parse: Parse<T>,
    current: ArcSwap<T>,
    generation: AtomicU64,
}

type Parse<T> = Box<dyn Fn(&[u8]) -> Result<T, BoxError> + Send + Sync>;

/// How often a watched file is looked at.
const PERIOD: Duration = Duration::from_millis(500);

impl<T: Send + Sync + 'static> Watched<T> {
    /// Reads a file of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is larger, or `parse` refuses it.
    pub fn open(
        path: impl Into<PathBuf>,
        limit: u64,
        parse: impl Fn(&[u8]) -> Result<T, BoxError> + Send + Sync + 'static,
    ) -> Result<Self, WatchError> {
        let path = path.into();
        // Before the file is read: a change in between is then seen as one.
        let opened = stamp(&path);
        let first = read(&path, limit, &parse)?;
        let inner = Inner {
            path,
            opened,
            limit,
            parse: Box::new(parse),
            current: ArcSwap::from_pointee(first),
            generation: AtomicU64::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What is in force.
    #[must_use]
    pub fn current(&self) -> Arc<T> {
        self.inner.current.load_full()
    }

    /// How often the content was replaced.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.inner.generation.load(Ordering::Acquire)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Reads the file again.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open); the content in force stays.
    pub fn reload(&self) -> Result<(), WatchError> {
        self.inner.reload()
    }

    /// Looks at the file twice a second from now on, until the last clone is dropped.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn watch(&self) {
        let mut seen = self.inner.opened;
        let weak: Weak<Inner<T>> = Arc::downgrade(&self.inner);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(PERIOD).await;
                let Some(inner) = weak.upgrade() else { return };
                let look = move || {
                    let now = stamp(&inner.path);
                    if now != seen
                        && let Err(error) = inner.reload()
                    {
                        tracing::warn!(%error, "what was read before stays in force");
                    }
                    now
                };
                let Ok(now) = tokio::task::spawn_blocking(look).await else { return };
                seen = now;
            }
        });
    }
}

impl<T> Inner<T> {
    fn reload(&self) -> Result<(), WatchError> {
        let next = read(&self.path, self.limit, &self.parse)?;
        self.current.store(Arc::new(next));
        self.generation.fetch_add(1, Ordering::Release);
        Ok(())
    }
}

impl<T> Clone for Watched<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

/// The content may be secret.
impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

/// What changes when a file does: it is replaced (another inode), written (another time), or both within one tick.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    #[cfg(unix)]
    inode: u64,
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(Stamp {
        modified: metadata.modified().ok(),
        length: metadata.len(),
        #[cfg(unix)]
        inode: std::os::unix::fs::MetadataExt::ino(&metadata),
    })
}

fn read<T>(path: &Path, limit: u64, parse: impl Fn(&[u8]) -> Result<T, BoxError>) -> Result<T, WatchError> {
    let content = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > limit {
            true => Err(io::Error::other(format!("it is larger than {limit} bytes")).into()),
            false => parse(&bytes),
        }
    };
    content().map_err(|source| WatchError { path: path.to_owned(), source })
}

/// A file that could not be taken over.
#[derive(Debug)]
pub struct WatchError {
    path: PathBuf,
    source: BoxError,
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file {:?} cannot be used: {}", self.path, self.source)
    }
}

impl std::error::Error for WatchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}
