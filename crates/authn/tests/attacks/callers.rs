//! Callers who come in crowds or go away, and verifiers that break.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use http::StatusCode;
use portcullis_authn::{
    Audience, BoxFuture, Credential, Denial, ServiceEntry, ServiceTokens, StoredSecret, Verified, Verifier,
};
use tokio::sync::Semaphore;

use crate::support::alice;
use crate::world::*;

/// Answers when it is let.
#[derive(Debug)]
struct Slow {
    asked: AtomicUsize,
    gone: Arc<AtomicUsize>,
    go: Semaphore,
}

impl Slow {
    fn new() -> Arc<Self> {
        Arc::new(Self { asked: AtomicUsize::new(0), gone: Arc::default(), go: Semaphore::new(0) })
    }
}

/// Counts the questions that are over, also those that were dropped.
struct Over(Arc<AtomicUsize>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Verifier for Slow {
    fn recognizes(&self, _: &Credential) -> bool {
        true
    }

    fn verify<'a>(
        &'a self,
        credential: &'a Credential,
        _: &'a Audience,
        _: SystemTime,
    ) -> BoxFuture<'a, Result<Verified, Denial>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            let _over = Over(Arc::clone(&self.gone));
            assert_ne!(credential.token(), Some("poison"), "this verifier has a bug");
            let _permit = self.go.acquire().await.unwrap();
            Ok(alice())
        })
    }
}

fn portal(slow: &Arc<Slow>) -> Arc<Portal> {
    Arc::new(Portal::new(settings().shared_verifier(Arc::clone(slow) as Arc<dyn Verifier>)))
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_leaves_nothing_behind() {
    let slow = Slow::new();
    let portal = portal(&slow);
    for _ in 0..3 {
        let gone = {
            let portal = Arc::clone(&portal);
            tokio::spawn(async move { portal.send(bearer("token")).await })
        };
        while slow.asked.load(Ordering::Relaxed) == slow.gone.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
    }
    assert_eq!(slow.gone.load(Ordering::Relaxed), 3, "the question ends with who asked it");
    slow.go.add_permits(1);
    portal.admits(bearer("token")).await;
}

#[tokio::test]
async fn a_crowd_with_one_token() {
    const CROWD: usize = 10_000;
    let slow = Slow::new();
    let portal = portal(&slow);
    slow.go.add_permits(1);
    let all = (0..CROWD).map(|_| portal.send(bearer("token")));
    let answers = futures_util::future::join_all(all).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
    assert!(slow.asked.load(Ordering::Relaxed) <= CROWD);
    assert_eq!(slow.go.available_permits(), 1);
}

#[tokio::test]
async fn a_verifier_that_panics_breaks_one_request() {
    let slow = Slow::new();
    slow.go.add_permits(1);
    let portal = portal(&slow);
    for _ in 0..3 {
        let broken = {
            let portal = Arc::clone(&portal);
            tokio::spawn(async move { portal.stops(bearer("poison")).await })
        };
        assert!(broken.await.unwrap_err().is_panic());
        portal.admits(bearer("token")).await;
    }
    assert_eq!(slow.asked.load(Ordering::Relaxed), 4, "and is not believed for it");
}

#[tokio::test(start_paused = true)]
async fn a_verifier_that_never_answers() {
    let slow = Slow::new();
    let portal = portal(&slow);
    let begun = tokio::time::Instant::now();
    let all = (0..1000).map(|number| {
        let portal = Arc::clone(&portal);
        async move { portal.stops(bearer(&format!("token-{number}"))).await.status }
    });
    let answers = futures_util::future::join_all(all).await;
    assert!(answers.iter().all(|status| *status == StatusCode::SERVICE_UNAVAILABLE));
    assert!(begun.elapsed() <= std::time::Duration::from_secs(11), "{:?}", begun.elapsed());
    assert_eq!(slow.gone.load(Ordering::Relaxed), 1000, "nothing of it goes on");
}

#[tokio::test]
async fn guessed_service_secret() {
    let secret = portcullis_authn::ServiceSecret::generate().unwrap();
    let other = portcullis_authn::ServiceSecret::generate().unwrap();
    let entry = ServiceEntry::new("nightly", StoredSecret::parse(secret.stored()).unwrap()).scope("mcp");
    let portal = Portal::new(settings().verifier(ServiceTokens::new([entry]).unwrap()));
    let request = |id: &str, secret: &str| {
        http::Request::post("/mcp")
            .header("portcullis-client-id", id)
            .header("portcullis-client-secret", secret)
    };
    assert_eq!(portal.admits(request("nightly", secret.secret().expose())).await.subject(), "nightly");
    let wrong = portal.stops(request("nightly", other.secret().expose())).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    for (id, secret) in [
        ("daily", secret.secret().expose()),
        ("nightly", secret.stored()),
        ("nightly", ""),
        ("Nightly", secret.secret().expose()),
    ] {
        assert_eq!(portal.stops(request(id, secret)).await, wrong, "{id} {secret}");
    }
    // The same bytes, split elsewhere.
    let text = secret.secret().expose();
    assert_eq!(portal.stops(request(&format!("nightly{}", &text[..1]), &text[1..])).await, wrong);
}
