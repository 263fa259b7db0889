//! Whose token goes where, when each caller has one.
//!
//! A token is looked up by the digest of what it was had for - the caller's own token, and who they were found to be -
//! and by nothing else, so it cannot be somebody else's.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{Extensions, HeaderValue};
use portcullis_core::{Principal, SubjectToken};
use portcullis_mcp_jsonrpc::{Failure, FailureKind};
use quick_cache::sync::Cache;
use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN};

use super::cell::Cell;

/// On whose behalf a request goes out.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(super) principal: Principal,
    pub(super) subject: SubjectToken,
}

impl Caller {
    /// The caller of a call, as layers outside have verified it.
    pub(crate) fn of(extensions: &Extensions) -> Result<Self, Failure> {
        let principal = extensions.get::<Principal>().ok_or_else(|| nobody("no principal"))?.clone();
        let subject =
            extensions.get::<SubjectToken>().ok_or_else(|| nobody("no token of the caller's"))?.clone();
        Ok(Self { principal, subject })
    }

    fn digest(&self) -> Digest {
        let mut context = Context::new(&SHA256);
        let mut add = |text: &str| {
            context.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(text.as_bytes());
        };
        add(self.subject.secret().expose());
        let principal = &self.principal;
        add(principal.kind().as_str());
        add(principal.issuer().unwrap_or_default());
        add(principal.subject());
        for actor in principal.actors() {
            add(actor.issuer().unwrap_or_default());
            add(actor.subject());
        }
        let mut digest = [0; SHA256_OUTPUT_LEN];
        digest.copy_from_slice(context.finish().as_ref());
        Digest(digest)
    }
}

/// What is missing. It is the gateway that is at fault, or its operator, so the client is not asked to sign in.
fn nobody(what: &str) -> Failure {
    let text = format!("the server is reached on behalf of callers, and there is {what}");
    Failure::new(FailureKind::Reject).with_source(text)
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Digest([u8; SHA256_OUTPUT_LEN]);

/// The tokens of the callers that came last.
pub(crate) struct Callers {
    cells: Cache<Digest, Arc<Cell<HeaderValue>>>,
    owners: Cache<Who, Arc<Owner>>,
}

impl Callers {
    pub(super) fn new(most: usize) -> Self {
        Self { cells: Cache::new(most), owners: Cache::new(most) }
    }

    /// Where the token of a caller is held.
    pub(super) fn cell(&self, caller: &Caller) -> Arc<Cell<HeaderValue>> {
        let digest = caller.digest();
        match self.cells.get(&digest) {
            Some(cell) => cell,
            None => {
                let made = self
                    .cells
                    .get_or_insert_with(&digest, || Ok::<_, std::convert::Infallible>(Arc::default()));
                made.unwrap_or_default()
            }
        }
    }

    /// Remembers with what a principal came last, for what a session says of its own accord.
    pub(crate) fn note(&self, caller: &Caller) {
        let who = Who(caller.principal.clone());
        if let Some(owner) = self.owners.get(&who) {
            owner.subject.store(Arc::new(caller.subject.clone()));
            return;
        }
        let subject = ArcSwap::from_pointee(caller.subject.clone());
        self.owners.insert(who, Arc::new(Owner { principal: caller.principal.clone(), subject }));
    }

    /// Who a session of this principal's would belong to.
    pub(crate) fn owner(&self, principal: Option<&Principal>) -> Result<Arc<Owner>, Failure> {
        let principal = principal.ok_or_else(|| nobody("no principal"))?;
        self.owners.get(&Who(principal.clone())).ok_or_else(|| nobody("no token of the caller's"))
    }
}

/// Two principals are one only if everything known about them is equal, as it is for sessions.
#[derive(PartialEq, Eq)]
struct Who(Principal);

impl Hash for Who {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0.kind(), self.0.issuer(), self.0.subject(), self.0.actors()).hash(state);
    }
}

/// Who a session belongs to, and with what they came last.
pub(crate) struct Owner {
    principal: Principal,
    subject: ArcSwap<SubjectToken>,
}

impl Owner {
    /// On whose behalf a message goes out: the call's caller, or the owner for what concerns the session.
    ///
    /// Sessions are kept apart by principal, so the two are one. Should they ever not be, nothing goes out.
    pub(crate) fn caller(&self, extensions: &Extensions) -> Result<Caller, Failure> {
        let principal = self.principal.clone();
        match (extensions.get::<Principal>(), extensions.get::<SubjectToken>()) {
            (Some(other), _) if *other != self.principal => {
                let text = "the session belongs to another principal";
                Err(Failure::new(FailureKind::Internal).with_source(text))
            }
            (Some(_), Some(subject)) => Ok(Caller { principal, subject: subject.clone() }),
            (_, _) => Ok(Caller { principal, subject: SubjectToken::clone(&self.subject.load()) }),
        }
    }
}
