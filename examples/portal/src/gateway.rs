//! Everything that one configuration amounts to, built and proven; and the place where the current one is found.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use portcullis_authn::{AuthnLayer, Networks};
use portcullis_core::BoxError;
use portcullis_seal::{Key, KeyError, KeyRing, RingError};
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config, Limits, Sessions};
use crate::identity::{Identity, Issuers};
use crate::leaf::{Leaf, LeafError};
use crate::proof::{self, NotInForce};
use crate::route::Routes;
use crate::serve::Http;
use crate::stack::{self, Stack};

/// The portals of one configuration.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) routes: Routes<Arc<Running>>,
    pub(crate) http: Arc<Http>,
    pub(crate) config: Config,
    issuers: Issuers,
}

/// One portal that runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) config: config::Portal,
    pub(crate) stack: Stack,
    pub(crate) leaf: Leaf,
    pub(crate) authn: Option<AuthnLayer>,
    limits: Limits,
    sessions: Sessions,
    networks: Networks,
    issuers: Vec<config::Issuer>,
    /// Ends the subscriptions that clients have here.
    end: CancellationToken,
}

impl Gateway {
    /// Builds all portals and proves their controls. A portal that is the same as in `before` is taken over as it runs,
    /// with its connections and caches. Subscriptions end with `drain`; `spare` seals where the configuration has no keys.
    pub(crate) async fn build(
        config: Config,
        before: Option<&Self>,
        spare: &KeyRing,
        drain: &CancellationToken,
    ) -> Result<Self, BuildError> {
        let keys = match config.sessions.keys.as_slice() {
            [] => spare.clone(),
            keys => KeyRing::new(keys.to_vec()).map_err(BuildError::Keys)?,
        };
        let http = Http::new(&config.limits);
        proof::prove_connections(&http, &config.limits).await?;
        let issuers = Issuers::build(&config.issuers, before.map(|before| &before.issuers));
        let issuers = issuers.map_err(BuildError::Issuer)?;
        let mut routes = Routes::new();
        for portal in &config.portals {
            let same = |running: &&Arc<Running>| {
                running.config == *portal
                    && running.limits == config.limits
                    && running.sessions == config.sessions
                    && running.networks == config.networks
                    && running.issuers == config.issuers
            };
            let running = match before.and_then(|before| before.routes.iter().find(same)) {
                Some(running) => Arc::clone(running),
                None => Arc::new(Running::build(portal, &config, &issuers, &keys, drain)?),
            };
            proof::prove(&portal.id, &running.stack, proof::entrance(portal)).await?;
            let probes = proof::probes(portal, &config.limits);
            proof::prove(&portal.id, stack::inside(&running.stack), probes).await?;
            for path in aliases(portal, &config.portals) {
                routes.add_alias(portal.host.clone(), path, Arc::clone(&running));
            }
            routes.add(portal.host.clone(), portal.path.clone(), running);
        }
        Ok(Self { routes, http: Arc::new(http), config, issuers })
    }

    /// Ends the subscriptions at portals that `next` does not have: nobody would tell those clients anything any more.
    fn retire(&self, next: &Self) {
        for running in self.routes.iter() {
            if !next.routes.iter().any(|other| Arc::ptr_eq(running, other)) {
                running.end.cancel();
            }
        }
    }
}

impl Running {
    fn build(
        portal: &config::Portal,
        config: &Config,
        issuers: &Issuers,
        keys: &KeyRing,
        drain: &CancellationToken,
    ) -> Result<Self, BuildError> {
        let end = drain.child_token();
        let (limits, sessions) = (config.limits.clone(), config.sessions.clone());
        let identity = Identity::build(portal, config, issuers)
            .map_err(|error| BuildError::Identity(portal.id.clone(), error))?;
        let authn = identity.authn.clone();
        let (stack, leaf) = stack::build(portal, &limits, &sessions, keys, identity, &end)?;
        let (networks, issuers) = (config.networks.clone(), config.issuers.clone());
        Ok(Self { config: portal.clone(), stack, leaf, authn, limits, sessions, networks, issuers, end })
    }
}

/// Where a portal is found besides its own path: what tells clients how to get a token, and where tokens are exchanged.
/// What is at the root of a host can only be one portal's.
fn aliases(portal: &config::Portal, all: &[config::Portal]) -> Vec<String> {
    let Some(authn) = &portal.authn else { return Vec::new() };
    let [own, root] = authn.resource.metadata_paths();
    let mut paths = vec![own.to_owned()];
    let alone = all.iter().filter(|other| other.authn.is_some() && other.host == portal.host).count() == 1;
    if alone && own != root {
        paths.push(root.to_owned());
    }
    paths.extend(authn.exchange.iter().map(|exchange| exchange.path.clone()));
    paths
}

/// The configuration in force, which a reload replaces in one step.
#[derive(Debug)]
pub(crate) struct Live {
    gateway: ArcSwap<Gateway>,
    /// Made at the start, so that sessions outlive a reload where the configuration has no keys.
    spare: KeyRing,
    drain: CancellationToken,
    applied: AtomicU64,
    failed: AtomicU64,
}

impl Live {
    pub(crate) async fn start(config: Config, drain: CancellationToken) -> Result<Self, BuildError> {
        let spare = spare_keys()?;
        let gateway = Gateway::build(config, None, &spare, &drain).await?;
        if gateway.config.sessions.keys.is_empty() {
            tracing::warn!(
                "sessions.keys is not set: clients of 2025 lose their sessions when this process ends"
            );
        }
        for portal in gateway.config.portals.iter().filter(|portal| portal.authn.is_none()) {
            if gateway.config.listens_to_others() {
                tracing::warn!(
                    portal = portal.id,
                    "without [portal.authn] everybody who can connect is let in"
                );
            }
        }
        let (applied, failed) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Self { gateway: ArcSwap::from_pointee(gateway), spare, drain, applied, failed })
    }

    /// What is in force now. Must not be held across an await; see [`arc_swap::Guard`].
    pub(crate) fn gateway(&self) -> arc_swap::Guard<Arc<Gateway>> {
        self.gateway.load()
    }

    /// Puts another configuration in force, or says why not and leaves everything as it is. Calls under way finish
    /// where they began.
    pub(crate) async fn replace(&self, config: Config) -> Result<(), BuildError> {
        let before = self.gateway.load_full();
        let next = Gateway::build(config, Some(&before), &self.spare, &self.drain).await?;
        self.gateway.store(Arc::new(next));
        before.retire(&self.gateway());
        Ok(())
    }

    /// Counts a reload.
    pub(crate) fn count_reload(&self, applied: bool) {
        let counter = if applied { &self.applied } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// How many reloads were applied, and how many failed.
    pub(crate) fn reloads(&self) -> (u64, u64) {
        (self.applied.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }
}

/// Keys of a moment.
///
/// # Errors
///
/// If the operating system has no random numbers.
pub(crate) fn spare_keys() -> Result<KeyRing, BuildError> {
    let key = Key::generate().map_err(BuildError::Random)?;
    KeyRing::new(vec![key]).map_err(BuildError::Keys)
}

/// A configuration that reads well and still does not work.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// A part could not be built.
    Leaf(LeafError),
    /// An issuer's file or address is not fit.
    Issuer(BoxError),
    /// What a portal asks of its callers does not fit together.
    Identity(String, BoxError),
    /// A control does not do what it is configured for.
    Proof(NotInForce),
    /// The keys make no ring.
    Keys(RingError),
    /// No key could be made.
    Random(KeyError),
}

impl std::fmt::Display for BuildError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Leaf(error) => error.fmt(f),
            Self::Issuer(error) => error.fmt(f),
            Self::Identity(portal, error) => write!(f, "portal {portal:?}: {error}"),
            Self::Proof(error) => error.fmt(f),
            Self::Keys(error) => write!(f, "sessions.keys: {error}"),
            Self::Random(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Leaf(error) => Some(error),
            Self::Issuer(error) => Some(&**error),
            Self::Identity(_, error) => Some(&**error),
            Self::Proof(error) => Some(error),
            Self::Keys(error) => Some(error),
            Self::Random(error) => Some(error),
        }
    }
}

impl From<LeafError> for BuildError {
    fn from(error: LeafError) -> Self {
        Self::Leaf(error)
    }
}

impl From<NotInForce> for BuildError {
    fn from(error: NotInForce) -> Self {
        Self::Proof(error)
    }
}
