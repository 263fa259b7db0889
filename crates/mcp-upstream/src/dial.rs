//! Makes connections, in time, and tries again.
//!
//! Nothing of a call has been sent while its connection is being made, so *here* trying again is safe for every call, and
//! needs no copy of the request.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use portcullis_core::BoxError;
use tower_service::Service;

use crate::failure;
use crate::retry::{Budget, Effect, Loss};
use crate::timeout::Stage;

#[derive(Clone, Debug)]
pub(crate) struct Dial<C> {
    connector: C,
    timeout: Duration,
    budget: Arc<Budget>,
}

impl<C> Dial<C> {
    pub(crate) fn new(connector: C, timeout: Duration, budget: Arc<Budget>) -> Self {
        Self { connector, timeout, budget }
    }
}

impl<C> Service<Uri> for Dial<C>
where
    C: Service<Uri, Error = BoxError> + Clone + Send + 'static,
    C::Response: Send,
    C::Future: Send,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let clone = self.connector.clone();
        let mut connector = std::mem::replace(&mut self.connector, clone);
        let Self { timeout, ref budget, .. } = *self;
        let budget = Arc::clone(budget);
        Box::pin(async move {
            let mut retry = 0;
            loop {
                let error = match tokio::time::timeout(timeout, connector.call(uri.clone())).await {
                    Ok(Ok(connection)) => return Ok(connection),
                    Ok(Err(error)) => error,
                    Err(_) => Stage::Connect.into(),
                };
                let Some(wait) = budget.spend(loss(&*error), Effect::Any, retry) else { return Err(error) };
                tokio::time::sleep(wait).await;
                retry += 1;
                std::future::poll_fn(|cx| connector.poll_ready(cx)).await?;
            }
        })
    }
}

/// How a connection was lost before it was made.
fn loss(error: &(dyn std::error::Error + 'static)) -> Loss {
    let chain = || std::iter::successors(Some(error), |error| error.source());
    if failure::is_late(error) {
        return Loss::Late;
    }
    match chain().find_map(|error| error.downcast_ref::<rustls::Error>()) {
        Some(_) => Loss::Untrusted,
        // An I/O error that wraps another has that as its inner error, not as its source.
        None if chain().filter_map(|error| error.downcast_ref::<std::io::Error>()).any(holds_tls_error) => {
            Loss::Untrusted
        }
        None => Loss::Unconnected,
    }
}

fn holds_tls_error(error: &std::io::Error) -> bool {
    let Some(inner) = error.get_ref() else { return false };
    inner.is::<rustls::Error>() || inner.downcast_ref::<std::io::Error>().is_some_and(holds_tls_error)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use tokio::time::Instant;

    use super::*;
    use crate::retry::{Random, Retries};

    type Step = Result<&'static str, fn() -> BoxError>;

    /// Plays one step per call and then never answers.
    #[derive(Clone)]
    struct Script(Arc<Mutex<Vec<Step>>>);

    impl Service<Uri> for Script {
        type Response = &'static str;
        type Error = BoxError;
        type Future = Pin<Box<dyn Future<Output = Result<&'static str, BoxError>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Uri) -> Self::Future {
            match self.0.lock().unwrap().pop() {
                Some(step) => Box::pin(std::future::ready(step.map_err(|error| error()))),
                None => Box::pin(std::future::pending()),
            }
        }
    }

    fn refused() -> BoxError {
        io::Error::from(io::ErrorKind::ConnectionRefused).into()
    }

    fn late() -> BoxError {
        io::Error::from(io::ErrorKind::TimedOut).into()
    }

    fn untrusted() -> BoxError {
        let inner = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        io::Error::other(io::Error::new(io::ErrorKind::InvalidData, inner)).into()
    }

    #[tokio::test(start_paused = true)]
    async fn tries_again_as_often_as_allowed_and_never_against_a_bad_certificate() {
        type Row = (&'static str, Vec<Step>, Result<&'static str, &'static str>, u128);
        let table: [Row; 7] = [
            ("at once", vec![Ok("up")], Ok("up"), 0),
            ("at the third", vec![Err(refused), Err(refused), Ok("up")], Ok("up"), 25 + 50),
            ("not at the fourth", vec![Err(refused); 4], Err("connection refused"), 25 + 50),
            ("a bad certificate", vec![Err(untrusted), Ok("up")], Err("invalid peer certificate"), 0),
            ("no answer by the system's clock", vec![Err(late), Ok("up")], Err("timed out"), 0),
            ("no answer", vec![], Err("connect_timeout"), 5_000),
            ("no answer later", vec![Err(refused)], Err("connect_timeout"), 5_025),
        ];
        for (name, mut steps, wanted, millis) in table {
            steps.reverse();
            let budget = Budget::new(Retries::new(2), Random(Arc::new(|| 0)));
            let script = Script(Arc::new(Mutex::new(steps)));
            let mut dial = Dial::new(script, Duration::from_secs(5), Arc::new(budget));
            let start = Instant::now();
            let outcome = dial.call(Uri::from_static("http://localhost/")).await;
            match (outcome, wanted) {
                (Ok(got), Ok(wanted)) => assert_eq!(got, wanted, "{name}"),
                (Err(error), Err(wanted)) => assert!(error.to_string().contains(wanted), "{name}: {error}"),
                (outcome, _) => panic!("{name}: {outcome:?}"),
            }
            assert_eq!(start.elapsed().as_millis(), millis, "{name}");
        }
    }
}
