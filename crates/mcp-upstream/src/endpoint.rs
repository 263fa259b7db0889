//! The requests of the session transports, which know more of HTTP than POST.

use std::pin::pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{Extensions, HeaderMap, HeaderValue, Method, Request, Response, Uri, header as names};
use http_body::Body as _;
use portcullis_core::{Body, Principal};
use portcullis_mcp_jsonrpc::{Failure, FailureKind, Message, header};
use tower_service::Service;

use crate::body::Watched;
use crate::credentials::{Injector, Owner};
use crate::retry::{Effect, effect};
use crate::transport::{Core, Nature, Text, Transport};

/// Where messages go, and how large what comes back may be.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) core: Arc<Core>,
    pub(crate) uri: Arc<Uri>,
    pub(crate) max_answer: usize,
    pub(crate) max_event: usize,
    /// Whose session it is, where each caller has credentials of their own.
    pub(crate) owner: Option<Arc<Owner>>,
}

impl Endpoint {
    /// The same server, for a session of this principal's.
    pub(crate) fn owned_by(&self, principal: Option<&Principal>) -> Result<Self, Failure> {
        let callers = self.core.credentials.as_ref().and_then(Injector::callers);
        let owner = callers.map(|callers| callers.owner(principal)).transpose()?;
        Ok(Self { owner, ..self.clone() })
    }

    /// The same server, at another path.
    pub(crate) fn at(&self, uri: Uri) -> Self {
        Self { uri: Arc::new(uri), ..self.clone() }
    }

    /// Sends a message, on behalf of the call that these extensions came with.
    pub(crate) async fn post(
        &self,
        message: Message,
        mut headers: HeaderMap,
        extensions: &Extensions,
    ) -> Result<Response<Watched>, Failure> {
        headers.insert(names::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(names::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        let nature = match message.method().map(effect) {
            Some(Effect::Read) => Nature::Read(message.text().clone()),
            _ => Nature::Session,
        };
        self.request(Method::POST, headers, message.into_text(), nature, extensions).await
    }

    /// Opens a stream that has no end.
    pub(crate) async fn listen(&self, headers: HeaderMap) -> Result<Response<Watched>, Failure> {
        self.get(headers, Nature::Listen).await
    }

    /// Takes up a stream that broke off.
    pub(crate) async fn resume(
        &self,
        mut headers: HeaderMap,
        after: HeaderValue,
        nature: Nature,
    ) -> Result<Response<Watched>, Failure> {
        headers.insert(header::LAST_EVENT_ID, after);
        self.get(headers, nature).await
    }

    async fn get(&self, mut headers: HeaderMap, nature: Nature) -> Result<Response<Watched>, Failure> {
        headers.insert(names::ACCEPT, HeaderValue::from_static("text/event-stream"));
        self.request(Method::GET, headers, Bytes::new(), nature, &Extensions::new()).await
    }

    /// Says that the session is over.
    pub(crate) async fn delete(&self, headers: HeaderMap) -> Result<Response<Watched>, Failure> {
        self.request(Method::DELETE, headers, Bytes::new(), Nature::Act, &Extensions::new()).await
    }

    async fn request(
        &self,
        method: Method,
        headers: HeaderMap,
        text: Bytes,
        nature: Nature,
        extensions: &Extensions,
    ) -> Result<Response<Watched>, Failure> {
        let mut request = Request::new(Body::from(text.clone()));
        if let Some(owner) = &self.owner {
            request.extensions_mut().insert(owner.caller(extensions)?);
        }
        if self.core.credentials.is_some() {
            request.extensions_mut().insert(Text(text));
        }
        *request.method_mut() = method;
        *request.uri_mut() = self.uri.as_ref().clone();
        *request.headers_mut() = headers;
        request.extensions_mut().insert(nature);
        Transport::new(Arc::clone(&self.core)).call(request).await
    }

    /// Reads a body whole.
    pub(crate) async fn collect(&self, body: Watched) -> Result<Bytes, Failure> {
        let oversize = || Failure::new(FailureKind::Oversize);
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > self.max_answer {
            return Err(oversize());
        }
        let mut body = pin!(body);
        let mut read = BytesMut::with_capacity(announced.min(64 * 1024));
        while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            let Ok(data) = frame?.into_data() else { continue };
            if read.len() + data.len() > self.max_answer {
                return Err(oversize());
            }
            read.extend_from_slice(&data);
        }
        Ok(read.freeze())
    }
}
