#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use portcullis_authn::{Audience, BoxFuture, Credential, Denial, Resource, Verified, Verifier};
use portcullis_core::{Kind, Principal};

use super::*;

/// Vouches for everybody, until what it said is to be forgotten and it does not answer any more.
#[derive(Clone, Debug, Default)]
struct Issuer {
    silent: Arc<AtomicU64>,
}

impl Verifier for Issuer {
    fn recognizes(&self, credential: &Credential) -> bool {
        credential.token().is_some()
    }

    fn verify<'a>(
        &'a self,
        _: &'a Credential,
        _: &'a Audience,
        _: SystemTime,
    ) -> BoxFuture<'a, Result<Verified, Denial>> {
        let verdict = match self.generation() {
            0 => Ok(Verified::new(Principal::new(Kind::User, "alice"))),
            _ => Err(Denial::unavailable(Duration::from_secs(1), "silent")),
        };
        Box::pin(std::future::ready(verdict))
    }

    fn generation(&self) -> u64 {
        self.silent.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_nobody_vouches_for_is_not_good_for_ever() {
    let issuer = Issuer::default();
    let resource = Resource::new("https://mcp.example.com/mcp").unwrap();
    let authn = AuthnLayer::builder(resource).verifier(issuer.clone()).build().unwrap();
    let token = Secret::new("opaque");
    assert!(identify(&authn, &token).await.is_ok());
    let mut expired = Box::pin(expired(&authn, &token));
    // The portal must not stop while the issuer's word is still good, however long that is.
    assert!(tokio::time::timeout(Duration::from_secs(600), &mut expired).await.is_err());

    issuer.silent.store(1, Ordering::Relaxed);
    // A moment's silence is bridged.
    assert!(tokio::time::timeout(Duration::from_secs(20), &mut expired).await.is_err());
    let over = tokio::time::timeout(Duration::from_secs(20), &mut expired).await;
    assert_eq!(over, Ok(StatusCode::SERVICE_UNAVAILABLE));
}
