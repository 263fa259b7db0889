use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::body::ResponseBody;
use crate::challenge::Rejection;
use crate::gate::{Gate, Opened};
use crate::verdicts::Admission;
use crate::watch::Watch;
use crate::{BoxFuture, Denial};

type Verdict = BoxFuture<'static, Result<Arc<Admission>, Denial>>;

pin_project! {
    /// The answer to a request: the layer's own, or what the inner service says once the caller is known.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, Q, F> {
        #[pin]
        state: State<S, Q, F>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<S, Q, F> {
        Answer { response: Option<Response<Bytes>> },
        Ask { verdict: Verdict, held: Option<(Q, S)>, gate: Arc<Gate> },
        Inner { #[pin] future: F, gate: Arc<Gate>, watch: Option<Opened> },
    }
}

impl<S, Q, F> ResponseFuture<S, Q, F> {
    pub(crate) fn answer(response: Response<Bytes>) -> Self {
        Self { state: State::Answer { response: Some(response) } }
    }

    pub(crate) fn inner(future: F, gate: Arc<Gate>, watch: Option<Opened>) -> Self {
        Self { state: State::Inner { future, gate, watch } }
    }

    pub(crate) fn ask(verdict: Verdict, request: Q, ready: S, gate: Arc<Gate>) -> Self {
        Self { state: State::Ask { verdict, held: Some((request, ready)), gate } }
    }
}

impl<S, B, R> Future for ResponseFuture<S, Request<B>, S::Future>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut this = self.as_mut().project();
            let next = match this.state.as_mut().project() {
                Projected::Answer { response } => {
                    // Polled again after it was ready, which nobody may: there is nothing left to say.
                    let Some(response) = response.take() else { return Poll::Pending };
                    return Poll::Ready(Ok(response.map(ResponseBody::own)));
                }
                Projected::Inner { future, gate, watch } => {
                    let mut response = ready!(future.poll(cx))?;
                    gate.challenge(&mut response);
                    let watch = watch.take().filter(|_| is_event_stream(&response));
                    let watch = watch.map(|Opened { admission, question }| {
                        Watch::new(Arc::clone(gate), admission, question)
                    });
                    return Poll::Ready(Ok(response.map(|body| match watch {
                        Some(watch) => ResponseBody::watched(body, watch),
                        None => ResponseBody::inner(body),
                    })));
                }
                Projected::Ask { verdict, held, gate } => {
                    let verdict = ready!(verdict.as_mut().poll(cx));
                    let Some((mut request, mut service)) = held.take() else { return Poll::Pending };
                    let admission =
                        verdict.map_err(|denial| Rejection::from(&denial)).and_then(|admission| {
                            gate.check(&request, &admission)?;
                            Ok(admission)
                        });
                    match admission {
                        Err(rejection) => State::Answer { response: Some(gate.answer(&request, &rejection)) },
                        Ok(admission) => {
                            let watch = gate.admit(&mut request, admission);
                            let gate = Arc::clone(gate);
                            State::Inner { future: service.call(request), gate, watch }
                        }
                    }
                }
            };
            this.state.set(next);
        }
    }
}

fn is_event_stream<B>(response: &Response<B>) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
}

impl<S, Q, F> std::fmt::Debug for ResponseFuture<S, Q, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
