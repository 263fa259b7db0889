use std::fmt::Debug;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use portcullis_core::BoxError;
use portcullis_fetch::{WatchError, Watched};

use super::ListError;

/// A list that is given once, or that a file holds.
#[derive(Clone, Debug)]
pub(super) enum Listed<T> {
    Given(Arc<T>),
    File(Watched<T>),
}

impl<T: FromStr<Err = ListError> + Send + Sync + 'static> Listed<T> {
    /// Room for some hundred thousand revocations.
    const MAX_BYTES: u64 = 16 << 20;

    pub(super) fn given(list: T) -> Self {
        Self::Given(Arc::new(list))
    }

    pub(super) fn open(path: impl Into<PathBuf>) -> Result<Self, WatchError> {
        let read = |bytes: &[u8]| -> Result<T, BoxError> { Ok(std::str::from_utf8(bytes)?.parse()?) };
        Watched::open(path, Self::MAX_BYTES, read).map(Self::File)
    }

    pub(super) fn current(&self) -> Arc<T> {
        match self {
            Self::Given(list) => Arc::clone(list),
            Self::File(file) => file.current(),
        }
    }

    pub(super) fn generation(&self) -> u64 {
        match self {
            Self::Given(_) => 0,
            Self::File(file) => file.generation(),
        }
    }

    pub(super) fn watch(&self) {
        if let Self::File(file) = self {
            file.watch();
        }
    }

    pub(super) fn reload(&self) -> Result<(), WatchError> {
        match self {
            Self::Given(_) => Ok(()),
            Self::File(file) => file.reload(),
        }
    }
}
