//! From a request to the credential that goes with it.

use std::sync::Arc;

use http::{Extensions, HeaderName, HeaderValue};
use portcullis_core::Secret;
use portcullis_fetch::BoxFuture;
use portcullis_mcp_jsonrpc::{Failure, FailureKind};

use super::callers::{Caller, Callers};
use super::cell::{Cell, Fresh, Got, Held};
use super::grant::Desk;
use super::secret_source::SecretSource;
use super::trouble::Trouble;

/// What adds a credential to every request to one server.
pub(crate) struct Injector {
    pub(super) header: HeaderName,
    pub(super) source: Source,
}

pub(super) enum Source {
    Secret { source: SecretSource, is_bearer: bool },
    Shared { desk: Arc<Desk>, cell: Arc<Cell<HeaderValue>> },
    PerCaller { desk: Arc<Desk>, callers: Box<Callers> },
}

impl Injector {
    pub(crate) fn header(&self) -> &HeaderName {
        &self.header
    }

    /// Those who have a token each, if they do.
    pub(crate) fn callers(&self) -> Option<&Callers> {
        match &self.source {
            Source::PerCaller { callers, .. } => Some(callers),
            Source::Secret { .. } | Source::Shared { .. } => None,
        }
    }

    /// Where the credential of a request is had, by what came with it.
    pub(crate) fn holder(&self, extensions: &Extensions) -> Result<Holder, Failure> {
        Ok(match &self.source {
            Source::Secret { source, is_bearer } => {
                Holder::Secret { source: source.clone(), is_bearer: *is_bearer }
            }
            Source::Shared { desk, cell } => {
                Holder::Token { cell: Arc::clone(cell), desk: Arc::clone(desk), caller: None }
            }
            Source::PerCaller { desk, callers } => {
                let caller = match extensions.get::<Caller>() {
                    Some(caller) => caller.clone(),
                    None => Caller::of(extensions)?,
                };
                Holder::Token { cell: callers.cell(&caller), desk: Arc::clone(desk), caller: Some(caller) }
            }
        })
    }
}

/// Where the credential of one request is had.
pub(crate) enum Holder {
    Secret { source: SecretSource, is_bearer: bool },
    Token { cell: Arc<Cell<HeaderValue>>, desk: Arc<Desk>, caller: Option<Caller> },
}

impl Holder {
    pub(crate) fn get(&self) -> Got<HeaderValue> {
        match self {
            Self::Secret { source, is_bearer } => written(source.get(), *is_bearer),
            Self::Token { cell, desk, caller } => cell.get(|| issue(desk, caller.as_ref())),
        }
    }

    /// The credential anew, after the server has refused the one that it was shown.
    pub(crate) fn renew(&self, generation: u64) -> Option<Got<HeaderValue>> {
        match self {
            Self::Secret { source, is_bearer } => {
                source.renew(generation).map(|renewed| written(renewed, *is_bearer))
            }
            Self::Token { cell, .. } => cell.reject(generation).then(|| self.get()),
        }
    }
}

fn issue(
    desk: &Arc<Desk>,
    caller: Option<&Caller>,
) -> BoxFuture<'static, Result<Fresh<HeaderValue>, Trouble>> {
    let (desk, subject) = (Arc::clone(desk), caller.map(|caller| caller.subject.clone()));
    Box::pin(async move {
        let issued = desk.issue(subject.as_ref().map(|subject| subject.secret())).await;
        if let Err(trouble) = &issued {
            tracing::warn!(%trouble, "no token could be had");
        }
        issued
    })
}

fn written(got: Got<Arc<Secret>>, is_bearer: bool) -> Got<HeaderValue> {
    match got {
        Got::Now(held) => match write(&held, is_bearer) {
            Ok(held) => Got::Now(held),
            Err(trouble) => Got::Wait(Box::pin(std::future::ready(Err(trouble)))),
        },
        Got::Wait(wait) => Got::Wait(Box::pin(async move { write(&wait.await?, is_bearer) })),
    }
}

fn write(held: &Held<Arc<Secret>>, is_bearer: bool) -> Result<Held<HeaderValue>, Trouble> {
    let text = held.value.expose();
    if is_bearer && text.contains(' ') {
        return Err(Trouble::new(FailureKind::Reject, "the secret holds white space, so it is no token"));
    }
    let value = match is_bearer {
        true => super::answer::bearer(&held.value),
        false => HeaderValue::from_str(text).ok(),
    };
    let flawed = || Trouble::new(FailureKind::Reject, "the secret cannot be sent in a header");
    let mut value = value.ok_or_else(flawed)?;
    value.set_sensitive(true);
    Ok(Held { value, generation: held.generation })
}
