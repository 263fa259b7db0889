//! A control that is configured is in force: each one refuses a request made for it, or nothing is served.
//!
//! The usual failure of gateways is a setting that nobody reads. So before a configuration is served, at start and at
//! each reload, requests that its controls must refuse are sent through the very stack that was built from it. A layer
//! that is missing, stands at the wrong place or was given something else than the file says lets its probe pass, and
//! the configuration is refused with the control's name.
//!
//! Whoever adds a layer adds its probes: a function from configuration to [`Probe`]s, and its line in [`SOURCES`].
//! What takes time to show (the timeouts) has no probe; tests hold those.

mod connection;
mod controls;
mod identity;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::convert::Infallible;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use portcullis_core::{Body, Kind, Principal, json};
use tower::ServiceExt;
use tower_service::Service;

pub(crate) use self::connection::prove_connections;
use crate::config::{Limits, Portal};

/// Every layer that has controls, and the probes of each.
const SOURCES: [fn(&Portal, &Limits) -> Vec<Probe>; 5] =
    [controls::hosts, controls::limits, controls::protocol, controls::namespace, controls::sessions];

/// How long a refusal may take. It needs no server, so it takes microseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// A refusal has a few hundred bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// A request that a control must refuse, and how.
#[derive(Debug)]
pub(crate) struct Probe {
    control: Cow<'static, str>,
    request: Request<Body>,
    status: StatusCode,
    code: Option<i64>,
}

impl Probe {
    /// `control` must answer `request` with this status and this JSON-RPC error code.
    pub(crate) fn refused(
        control: impl Into<Cow<'static, str>>,
        request: Request<Body>,
        status: StatusCode,
        code: i64,
    ) -> Self {
        Self { control: control.into(), request, status, code: Some(code) }
    }

    /// As [`refused`](Self::refused), by a control that knows nothing of JSON-RPC.
    pub(crate) fn refused_by_http(
        control: impl Into<Cow<'static, str>>,
        request: Request<Body>,
        status: StatusCode,
    ) -> Self {
        Self { control: control.into(), request, status, code: None }
    }
}

/// All probes that a portal's configuration calls for, behind its entrance. Their caller is one who may do everything.
pub(crate) fn probes(portal: &Portal, limits: &Limits) -> Vec<Probe> {
    let mut probes: Vec<_> = SOURCES.iter().flat_map(|source| source(portal, limits)).collect();
    if let Some(authn) = &portal.authn {
        let scopes = authn.scopes.all().map(str::to_owned);
        let anybody = Principal::new(Kind::Service, "self-test");
        let caller = scopes.fold(anybody, Principal::with_scope);
        for probe in &mut probes {
            probe.request.extensions_mut().insert(caller.clone());
        }
        probes.extend(identity::permit(portal));
    }
    probes
}

/// The probes of a portal's entrance.
pub(crate) fn entrance(portal: &Portal) -> Vec<Probe> {
    identity::entrance(portal)
}

/// Sends the probes through a stack, one after the other.
///
/// # Errors
///
/// The first control whose probe was not refused as it must be.
pub(crate) async fn prove<S>(portal: &str, stack: &S, probes: Vec<Probe>) -> Result<(), NotInForce>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    for Probe { control, request, status, code } in probes {
        let seen = match tokio::time::timeout(PATIENCE, answer(stack.clone(), request)).await {
            Ok(seen) if seen == (status, code) => continue,
            Ok((status, code)) => told(status, code),
            Err(_) => format!("nothing for {PATIENCE:?}"),
        };
        let expected = told(status, code);
        let place = format!("portal {portal:?}");
        return Err(NotInForce { place, control: control.into_owned(), expected, seen });
    }
    Ok(())
}

fn told(status: StatusCode, code: Option<i64>) -> String {
    match code {
        Some(code) => format!("status {status} and code {code}"),
        None => format!("status {status}"),
    }
}

async fn answer<S>(stack: S, request: Request<Body>) -> (StatusCode, Option<i64>)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let Ok(response) = stack.oneshot(request).await;
    let (head, body) = response.into_parts();
    let Ok(body) = Limited::new(body, MAX_ANSWER).collect().await else { return (head.status, None) };
    (head.status, code(&body.to_bytes()))
}

/// The code of a JSON-RPC error.
fn code(answer: &[u8]) -> Option<i64> {
    let place = json::find(answer, &["error", "code"]).ok()??;
    json::from_slice(answer.get(place)?).ok()
}

/// A control that does not do what it is configured for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotInForce {
    place: String,
    control: String,
    expected: String,
    seen: String,
}

impl NotInForce {
    /// The control, by its key in the configuration where it has one.
    #[must_use]
    pub fn control(&self) -> &str {
        &self.control
    }
}

impl std::fmt::Display for NotInForce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { place, control, expected, seen } = self;
        write!(
            f,
            "{place}: {control} is not in force: a request made to be refused got {seen} instead of {expected}"
        )
    }
}

impl std::error::Error for NotInForce {}
