//! One request and the head of its response.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri, header as names};
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::{Failure, FailureKind, header};
use tokio::time::{Sleep, sleep};

use crate::body::Watched;
use crate::circuit::{Permit, is_trouble};
use crate::client::{Frames, Lost, Sent};
use crate::failure;
use crate::retry::Effect;
use crate::timeout::{Deadline, Stage};
use crate::transport::{Core, Nature, Witness};

/// Waits for the head of a response, on one timer, and asks again where that is safe.
pub(crate) struct Exchange {
    core: Arc<Core>,
    state: State,
    /// None if the call was refused, or is over.
    permit: Option<Permit>,
    deadline: Deadline,
    listens: bool,
    retries: u8,
    again: Option<Box<Again>>,
    witness: Option<Arc<Witness>>,
}

enum State {
    /// The circuit is open.
    Refuse,
    Send(Sent),
    BackOff(Pin<Box<Sleep>>),
}

/// What a read is made from once more.
struct Again {
    uri: Uri,
    headers: HeaderMap,
    text: Bytes,
}

impl Again {
    fn request(&self) -> Request<Body> {
        let mut request = Request::new(Body::from(self.text.clone()));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().clone_from(&self.headers);
        request
    }
}

impl Exchange {
    pub(crate) fn start(
        core: Arc<Core>,
        request: Request<Body>,
        nature: Nature,
        witness: Option<Arc<Witness>>,
    ) -> Self {
        let listens = matches!(nature, Nature::Listen);
        let is_limited = !matches!(nature, Nature::Listen | Nature::Session);
        let Some(permit) = core.breaker.admit() else {
            return Self {
                core,
                state: State::Refuse,
                permit: None,
                deadline: Deadline::new(None),
                listens,
                retries: 0,
                again: None,
                witness,
            };
        };
        core.budget.earn();
        let again = match nature {
            Nature::Read(text) if !core.budget.is_off() => {
                let (uri, headers) = (request.uri().clone(), request.headers().clone());
                Some(Box::new(Again { uri, headers, text }))
            }
            _ => None,
        };
        let mut deadline = Deadline::new(core.limits.total.filter(|_| is_limited));
        deadline.enter(Stage::Head, Some(core.limits.head));
        let state = State::Send(core.client.request(request, listens));
        Self { core, state, permit: Some(permit), deadline, listens, retries: 0, again, witness }
    }

    fn fail(&mut self, failure: Failure) -> Failure {
        if let Some(permit) = self.permit.take() {
            permit.fail(failure.kind());
        }
        failure
    }

    /// Starts to wait for the next attempt, or gives the attempts up.
    fn back_off(&mut self, error: &Lost) -> Result<(), Failure> {
        let (loss, failure) = failure::of_request(error);
        let effect = if self.again.is_some() { Effect::Read } else { Effect::Any };
        match self.core.budget.spend(loss, effect, self.retries) {
            Some(wait) if self.again.is_some() => {
                self.retries += 1;
                self.state = State::BackOff(Box::pin(sleep(wait)));
                Ok(())
            }
            _ => Err(self.fail(failure)),
        }
    }

    fn respond(&mut self, response: Response<Frames>) -> Result<Response<Watched>, Failure> {
        if let Some(witness) = &self.witness {
            witness.saw(response.status());
        }
        let is_json = response.headers().get(names::CONTENT_TYPE).is_some_and(header::is_json);
        let mut permit = self.permit.take();
        if let Some(permit) = &mut permit {
            permit.begin();
        }
        if is_trouble(response.status(), is_json) {
            permit.take().into_iter().for_each(|permit| permit.fail(FailureKind::Unreachable));
        } else if self.listens {
            // How a stream ends that has been open for hours says little about the server now.
            permit.take().into_iter().for_each(Permit::succeed);
        }
        let idle = if self.listens { self.core.limits.listen_idle } else { Some(self.core.limits.idle) };
        let deadline = std::mem::replace(&mut self.deadline, Deadline::new(None));
        let response = response.map(|body| Watched::new(body, deadline, idle, permit));
        match unwanted(response.status(), response.headers()) {
            Some(failure) => Err(failure),
            None => Ok(response),
        }
    }
}

/// The responses that are a failure here, whatever their body says.
fn unwanted(status: StatusCode, headers: &HeaderMap) -> Option<Failure> {
    if status.is_redirection() {
        // Whoever follows sends the gateway's secrets, and what the client asks, wherever the server says.
        let text = format!("HTTP status {status}; redirects are not followed");
        return Some(Failure::new(FailureKind::Garbage).with_source(text));
    }
    let kind = match status {
        StatusCode::TOO_MANY_REQUESTS => FailureKind::Overload,
        StatusCode::SERVICE_UNAVAILABLE => FailureKind::Unreachable,
        _ => return None,
    };
    let wait = headers.get(names::RETRY_AFTER)?;
    // Servers send seconds. A date is passed over: it would take a calendar, and a clock that agrees, to say the same.
    let text = match wait.to_str().ok().and_then(|text| text.parse::<u32>().ok()) {
        Some(seconds) => format!("HTTP status {status}; retry after {seconds} s"),
        None => format!("HTTP status {status}; retry later"),
    };
    Some(Failure::new(kind).with_source(text))
}

impl Future for Exchange {
    type Output = Result<Response<Watched>, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Refuse => return Poll::Ready(Err(failure::of_open_circuit())),
                State::Send(sent) => match Pin::new(sent).poll(cx) {
                    Poll::Ready(Ok(response)) => return Poll::Ready(this.respond(response)),
                    Poll::Ready(Err(error)) => match this.back_off(&error) {
                        Ok(()) => continue,
                        Err(failure) => return Poll::Ready(Err(failure)),
                    },
                    Poll::Pending => {}
                },
                State::BackOff(wait) => {
                    if let (Poll::Ready(()), Some(again)) = (wait.as_mut().poll(cx), &this.again) {
                        this.state = State::Send(this.core.client.request(again.request(), this.listens));
                        continue;
                    }
                }
            }
            return match this.deadline.poll(cx) {
                Poll::Ready(stage) => Poll::Ready(Err(this.fail(failure::of_stage(stage)))),
                Poll::Pending => Poll::Pending,
            };
        }
    }
}
