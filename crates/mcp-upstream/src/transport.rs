//! The HTTP service under the codec: it sends what the codec has written, and adds the injected headers.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Extensions, HeaderMap, Request, Response, StatusCode};
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::Failure;
use tower_service::Service;

use crate::body::Watched;
use crate::circuit::Breaker;
use crate::client::Client;
use crate::credentials::Injector;
use crate::exchange::{Exchange, Pass};
use crate::retry::Budget;
use crate::timeout::Limits;

/// What every call to one server shares.
pub(crate) struct Core {
    pub(crate) client: Client,
    pub(crate) headers: HeaderMap,
    pub(crate) credentials: Option<Injector>,
    pub(crate) limits: Limits,
    pub(crate) budget: Arc<Budget>,
    pub(crate) breaker: Arc<Breaker>,
}

/// The text of a request, to send it once more with other credentials; travels in the request's extensions.
#[derive(Clone)]
pub(crate) struct Text(pub(crate) Bytes);

/// What the HTTP service must know of a call; it travels in the request's extensions.
#[derive(Clone, Debug, Default)]
pub(crate) enum Nature {
    /// It may have an effect.
    #[default]
    Act,
    /// It may be asked twice, in these words.
    Read(Bytes),
    /// Its answer is a stream without an end.
    Listen,
    /// It may have an effect, and whoever waits for it also knows for how long.
    Session,
}

#[derive(Clone)]
pub(crate) struct Transport {
    pub(crate) core: Arc<Core>,
    /// Who wants to know what becomes of the next request, if somebody does.
    pub(crate) witness: Option<Arc<Witness>>,
}

impl Transport {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core, witness: None }
    }
}

/// What the codec does not tell of an exchange, and what is needed to make the call in another way.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    status: AtomicU16,
    extensions: OnceLock<Extensions>,
}

impl Witness {
    /// The status of the response; none if there was no response.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        StatusCode::from_u16(self.status.load(Ordering::Acquire)).ok()
    }

    pub(crate) fn saw(&self, status: StatusCode) {
        self.status.store(status.as_u16(), Ordering::Release);
    }

    /// What layers had attached to the call.
    pub(crate) fn extensions(&self) -> Extensions {
        self.extensions.get().cloned().unwrap_or_default()
    }
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Watched>;
    type Error = Failure;
    type Future = Exchange;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Exchange {
        let nature = request.extensions_mut().remove().unwrap_or_default();
        let text = request.extensions_mut().remove();
        let pass = self.core.credentials.as_ref().map(|credentials| {
            let holder = credentials.holder(request.extensions())?;
            Ok::<_, Failure>(Box::new(Pass::new(holder, credentials.header().clone(), text)))
        });
        // They are the client's. Nothing in them is for the server, and an HTTP library may act on what it finds there.
        let extensions = std::mem::take(request.extensions_mut());
        let witness = self.witness.take();
        if let Some(witness) = &witness {
            let _ = witness.extensions.set(extensions);
        }
        let headers = request.headers_mut();
        headers.reserve(self.core.headers.len());
        for (name, value) in &self.core.headers {
            headers.insert(name.clone(), value.clone());
        }
        Exchange::start(Arc::clone(&self.core), request, nature, witness, pass)
    }
}
