//! One request and the head of its response.

mod pass;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header as names};
use portcullis_core::Body;
use portcullis_fetch::BoxFuture;
use portcullis_mcp_jsonrpc::{Failure, FailureKind, header};
use tokio::time::{Sleep, sleep};

pub(crate) use self::pass::Pass;
use crate::body::Watched;
use crate::circuit::{Permit, is_trouble};
use crate::client::{Frames, Lost, Sent};
use crate::credentials::{Got, Held, Trouble};
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
    is_read: bool,
    again: Option<Box<Again>>,
    pass: Option<Box<Pass>>,
    witness: Option<Arc<Witness>>,
}

enum State {
    /// Nothing is sent.
    Refuse(Option<Failure>),
    /// The request waits for its credential.
    Admit(Waiting, Option<Box<Request<Body>>>),
    Send(Sent),
    BackOff(Pin<Box<Sleep>>),
    /// The server has refused the credential, and another is on its way.
    Renew(Waiting, Option<Box<Response<Frames>>>),
}

type Waiting = BoxFuture<'static, Result<Held<HeaderValue>, Trouble>>;

/// What a request is made from once more.
struct Again {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    text: Bytes,
}

impl Again {
    fn request(&self) -> Request<Body> {
        let mut request = Request::new(Body::from(self.text.clone()));
        request.method_mut().clone_from(&self.method);
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
        pass: Option<Result<Box<Pass>, Failure>>,
    ) -> Self {
        let listens = matches!(nature, Nature::Listen);
        let is_limited = !matches!(nature, Nature::Listen | Nature::Session);
        let mut exchange = Self {
            core,
            state: State::Refuse(None),
            permit: None,
            deadline: Deadline::new(None),
            listens,
            retries: 0,
            is_read: false,
            again: None,
            pass: None,
            witness,
        };
        exchange.pass = match pass.transpose() {
            Ok(pass) => pass,
            Err(failure) => {
                exchange.state = State::Refuse(Some(failure));
                return exchange;
            }
        };
        exchange.permit = exchange.core.breaker.admit();
        if exchange.permit.is_none() {
            exchange.state = State::Refuse(Some(failure::of_open_circuit()));
            return exchange;
        }
        let (core, pass) = (&exchange.core, &mut exchange.pass);
        core.budget.earn();
        let text = match nature {
            Nature::Read(text) if !core.budget.is_off() => {
                exchange.is_read = true;
                Some(text)
            }
            Nature::Read(text) => pass.is_some().then_some(text),
            _ => pass.as_mut().and_then(|pass| pass.take_text()),
        };
        exchange.again = text.map(|text| {
            let (method, uri, headers) =
                (request.method().clone(), request.uri().clone(), request.headers().clone());
            Box::new(Again { method, uri, headers, text })
        });
        exchange.deadline = Deadline::new(core.limits.total.filter(|_| is_limited));
        exchange.deadline.enter(Stage::Head, Some(core.limits.head));
        exchange.admit(request);
        exchange
    }

    /// Sends the request, with its credential if it needs one, or has it wait for that.
    fn admit(&mut self, request: Request<Body>) {
        match self.pass.as_ref().map(|pass| pass.get()) {
            None => self.state = State::Send(self.core.client.request(request, self.listens)),
            Some(Got::Now(held)) => self.send(request, held),
            Some(Got::Wait(waiting)) => self.state = State::Admit(waiting, Some(Box::new(request))),
        }
    }

    fn send(&mut self, mut request: Request<Body>, held: Held<HeaderValue>) {
        if let Some(pass) = &mut self.pass {
            if let Some(again) = &mut self.again {
                again.headers.insert(pass.header().clone(), held.value.clone());
            }
            pass.show(held, request.headers_mut());
        }
        self.state = State::Send(self.core.client.request(request, self.listens));
    }

    /// The response, unless it is that the credential is not good and there may be a better one.
    fn consider(&mut self, response: Response<Frames>) -> Option<Result<Response<Watched>, Failure>> {
        if response.status() == StatusCode::UNAUTHORIZED
            && self.again.is_some()
            && let Some(renewed) = self.pass.as_mut().and_then(|pass| pass.renew())
        {
            // The server has done nothing, so the call may be made again, whatever it does.
            let waiting: Waiting = match renewed {
                Got::Now(held) => Box::pin(std::future::ready(Ok(held))),
                Got::Wait(waiting) => waiting,
            };
            self.state = State::Renew(waiting, Some(Box::new(response)));
            return None;
        }
        Some(self.respond(response))
    }

    /// Makes the call once more, if there is another credential for it.
    fn renewed(
        &mut self,
        held: Held<HeaderValue>,
        refused: Response<Frames>,
    ) -> Option<Result<Response<Watched>, Failure>> {
        let is_other = self.pass.as_ref().is_some_and(|pass| pass.shown() != Some(&held.value));
        match self.again.as_ref().filter(|_| is_other).map(|again| again.request()) {
            Some(request) => {
                self.send(request, held);
                None
            }
            None => Some(self.respond(refused)),
        }
    }

    /// The gateway has no credential, which says nothing of the server.
    fn locked_out(&mut self, trouble: &Trouble) -> Failure {
        self.permit = None;
        trouble.to_failure()
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
        let effect = if self.is_read { Effect::Read } else { Effect::Any };
        match self.core.budget.spend(loss, effect, self.retries) {
            Some(wait) if self.is_read => {
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
                State::Refuse(failure) => {
                    let over = || Failure::new(FailureKind::Internal);
                    return Poll::Ready(Err(failure.take().unwrap_or_else(over)));
                }
                State::Admit(waiting, request) => match waiting.as_mut().poll(cx) {
                    Poll::Ready(Ok(held)) => {
                        let request = request.take();
                        this.state = State::Refuse(None);
                        if let Some(request) = request {
                            this.send(*request, held);
                        }
                        continue;
                    }
                    Poll::Ready(Err(trouble)) => return Poll::Ready(Err(this.locked_out(&trouble))),
                    Poll::Pending => {}
                },
                State::Renew(waiting, refused) => match waiting.as_mut().poll(cx) {
                    Poll::Ready(Ok(held)) => {
                        let refused = refused.take();
                        this.state = State::Refuse(None);
                        match refused.and_then(|refused| this.renewed(held, *refused)) {
                            Some(response) => return Poll::Ready(response),
                            None => continue,
                        }
                    }
                    Poll::Ready(Err(trouble)) => return Poll::Ready(Err(this.locked_out(&trouble))),
                    Poll::Pending => {}
                },
                State::Send(sent) => match Pin::new(sent).poll(cx) {
                    Poll::Ready(Ok(response)) => match this.consider(response) {
                        Some(response) => return Poll::Ready(response),
                        None => continue,
                    },
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
                Poll::Ready(stage) => {
                    if matches!(this.state, State::Admit(..) | State::Renew(..)) {
                        // It is not the server that was waited for.
                        this.permit = None;
                    }
                    Poll::Ready(Err(this.fail(failure::of_stage(stage))))
                }
                Poll::Pending => Poll::Pending,
            };
        }
    }
}
