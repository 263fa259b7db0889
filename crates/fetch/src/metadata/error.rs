use std::fmt;

use http::StatusCode;
use portcullis_core::json::FromSliceError;

use crate::{Endpoint, EndpointError, FetchError};

/// No usable metadata, and what is wrong with each place that was asked.
#[derive(Debug)]
pub struct DiscoverError {
    issuer: String,
    tries: Vec<Try>,
}

#[derive(Debug)]
pub(super) struct Try {
    place: String,
    flaw: Flaw,
}

#[derive(Debug)]
pub(super) enum Flaw {
    Fetch(FetchError),
    Status(StatusCode),
    Document(FromSliceError),
    Issuer(String),
    Endpoint(&'static str, EndpointError),
}

impl DiscoverError {
    pub(super) fn new(issuer: &Endpoint, tries: Vec<Try>) -> Self {
        Self { issuer: issuer.as_str().to_owned(), tries }
    }

    /// Whether the server did not answer, or not now, so that asking again later may help. Otherwise the issuer is not
    /// the one that was configured.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.tries.last().is_some_and(|last| last.flaw.is_transient())
    }
}

impl Try {
    pub(super) fn new(place: &Endpoint, flaw: Flaw) -> Self {
        Self { place: place.as_str().to_owned(), flaw }
    }
}

impl Flaw {
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Fetch(_) => true,
            Self::Status(status) => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Self::Document(_) | Self::Issuer(_) | Self::Endpoint(..) => false,
        }
    }
}

impl fmt::Display for DiscoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no usable metadata of the issuer {}", self.issuer)?;
        for (index, Try { place, flaw }) in self.tries.iter().enumerate() {
            f.write_str(if index == 0 { ": " } else { "; " })?;
            match flaw {
                Flaw::Fetch(error) => write!(f, "{place}: {error}")?,
                Flaw::Status(status) => write!(f, "{place} answered with status {}", status.as_u16())?,
                Flaw::Document(error) => write!(f, "{place} is no metadata: {error}")?,
                Flaw::Issuer(named) => {
                    // What the server says, but no more of it than a URL is long.
                    let named: String = named.chars().take(200).collect();
                    write!(f, "{place} is that of another issuer, {named:?}")?;
                }
                Flaw::Endpoint(name, error) => write!(f, "{place}: {name:?} {error}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for DiscoverError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.tries.last()?.flaw {
            // Its text is part of this one; the cause behind it is not.
            Flaw::Fetch(error) => error.source(),
            Flaw::Document(_) | Flaw::Issuer(_) | Flaw::Endpoint(..) | Flaw::Status(_) => None,
        }
    }
}
