//! The layer that `writing-a-layer.md` builds, whole and run. `.ci/quotes` holds the page's code against this file.

mod decide {
    use portcullis_core::json::{self, Walker};
    use portcullis_core::{Document, Reason, Refusal};

    /// Refuses a message whose content says the marker, in a string or in the name of a member.
    pub(crate) fn judge(marker: &str, message: &impl Document) -> Result<(), Refusal> {
        match place_of(marker, message) {
            Ok(None) => Ok(()),
            Ok(Some(place)) => Err(Refusal::new(Reason::Forbid, "This content must not leave its place.")
                .with_detail(format!("the marker stands at {place}"))),
            Err(error) => Err(Refusal::new(Reason::Malform, "The message is not valid JSON.")
                .with_detail(error.to_string())),
        }
    }

    fn place_of(marker: &str, message: &impl Document) -> Result<Option<String>, json::Error> {
        let content = message.content();
        if content.is_empty() {
            return Ok(None);
        }
        let mut scratch = String::new();
        let mut walker = Walker::within(message.bytes(), content)?.with_keys();
        while let Some(found) = walker.next()? {
            if found.text().decode_in(&mut scratch).contains(marker) {
                return Ok(Some(found.path().to_string()));
            }
        }
        Ok(None)
    }
}

mod layer {
    use std::sync::Arc;

    use tower_layer::Layer;

    use super::service::Canary;

    /// Refuses calls and replies that carry a marker.
    #[derive(Clone, Debug)]
    #[must_use]
    pub struct CanaryLayer {
        marker: Arc<str>,
    }

    impl CanaryLayer {
        /// # Errors
        ///
        /// A marker shorter than eight bytes: it would be met by chance.
        pub fn new(marker: &str) -> Result<Self, ShortMarker> {
            if marker.len() < 8 {
                return Err(ShortMarker { marker: marker.to_owned() });
            }
            Ok(Self { marker: marker.into() })
        }
    }

    impl<S> Layer<S> for CanaryLayer {
        type Service = Canary<S>;

        fn layer(&self, inner: S) -> Canary<S> {
            Canary::new(inner, Arc::clone(&self.marker))
        }
    }

    /// A marker that would be met by chance.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ShortMarker {
        marker: String,
    }

    impl std::fmt::Display for ShortMarker {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "the marker {:?} is shorter than 8 bytes", self.marker)
        }
    }

    impl std::error::Error for ShortMarker {}
}

mod service {
    use std::sync::Arc;
    use std::task::{Context, Poll};

    use portcullis_core::{Answer, Inquiry, Trail, Verdict};
    use tower_service::Service;

    use super::decide::judge;
    use super::future::ResponseFuture;

    /// The service that [`CanaryLayer`](super::CanaryLayer) makes.
    #[derive(Clone, Debug)]
    pub struct Canary<S> {
        inner: S,
        marker: Arc<str>,
    }

    impl<S> Canary<S> {
        pub(crate) fn new(inner: S, marker: Arc<str>) -> Self {
            Self { inner, marker }
        }
    }

    impl<S, C> Service<C> for Canary<S>
    where
        C: Inquiry,
        S: Service<C, Response = C::Answer>,
    {
        type Response = C::Answer;
        type Error = S::Error;
        type Future = ResponseFuture<S::Future, C::Answer>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            self.inner.poll_ready(cx)
        }

        fn call(&mut self, mut call: C) -> Self::Future {
            let trail = Trail::enter(call.extensions_mut());
            let reply_to = call.reply_to("canary");
            if let Err(refusal) = judge(&self.marker, &call) {
                return ResponseFuture::refuse(C::Answer::refuse(&reply_to, refusal));
            }
            trail.record("canary", Verdict::Allow);
            ResponseFuture::pass(self.inner.call(call), reply_to, Arc::clone(&self.marker))
        }
    }
}

mod future {
    use std::future::{Future, Ready, ready};
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, ready};

    use pin_project_lite::pin_project;
    use portcullis_core::{Answer, Step};

    use super::decide::judge;

    pin_project! {
        /// The answer that [`Canary`](super::Canary) gives.
        pub struct ResponseFuture<F, A: Answer> {
            #[pin]
            state: State<F, A>,
        }
    }

    pin_project! {
        #[project = Projection]
        enum State<F, A: Answer> {
            Refuse { #[pin] answer: Ready<A> },
            Pass { #[pin] inner: F, reply_to: A::ReplyTo, marker: Arc<str> },
        }
    }

    impl<F, A: Answer> std::fmt::Debug for ResponseFuture<F, A> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("ResponseFuture").finish_non_exhaustive()
        }
    }

    impl<F, A: Answer> ResponseFuture<F, A> {
        pub(crate) fn refuse(answer: A) -> Self {
            Self { state: State::Refuse { answer: ready(answer) } }
        }

        pub(crate) fn pass(inner: F, reply_to: A::ReplyTo, marker: Arc<str>) -> Self {
            Self { state: State::Pass { inner, reply_to, marker } }
        }
    }

    impl<F, A, E> Future for ResponseFuture<F, A>
    where
        F: Future<Output = Result<A, E>>,
        A: Answer,
    {
        type Output = Result<A, E>;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            match self.project().state.project() {
                Projection::Refuse { answer } => answer.poll(cx).map(Ok),
                Projection::Pass { inner, reply_to, marker } => {
                    let answer = ready!(inner.poll(cx))?;
                    let marker = Arc::clone(marker);
                    Poll::Ready(Ok(answer.inspect(reply_to.clone(), move |message| {
                        match judge(&marker, &message) {
                            Ok(()) => Step::Forward(message),
                            Err(refusal) => Step::Refuse(refusal),
                        }
                    })))
                }
            }
        }
    }
}

pub use future::ResponseFuture;
pub use layer::{CanaryLayer, ShortMarker};
pub use service::Canary;

#[cfg(test)]
mod tests {
    use portcullis_core::Trail;
    use portcullis_mcp_jsonrpc::code::FORBIDDEN;
    use portcullis_mcp_jsonrpc::{Fragment, Message};
    use portcullis_testkit::contract::{self, BadConfig, Case, Contract, Refuse};
    use portcullis_testkit::{Act, Ask, Scripted, read};
    use tower::{Layer, ServiceExt};

    use super::CanaryLayer;
    use super::decide::judge;

    const MARKER: &str = "kestrel-4417";

    #[test]
    fn the_marker_is_found_wherever_it_stands() {
        let cases = [
            ("nowhere", r#"{"a":"kestrel","b":["-4417",1,null]}"#, None),
            ("in a value", r#"{"a":"kestrel-4417"}"#, Some("/a")),
            ("inside a value", r#"{"a":{"b":["x","<kestrel-4417>"]}}"#, Some("/a/b/1")),
            ("spelled with an escape", r#"{"a":"\u006bestrel-4417"}"#, Some("/a")),
            ("in the name of a member", r#"{"kestrel-4417":1}"#, Some("/kestrel-4417")),
        ];
        for (name, params, place) in cases {
            let message = Message::from_notification("x", &Fragment::parse(params).unwrap());
            let detail =
                judge(MARKER, &message).err().and_then(|refusal| refusal.detail().map(str::to_owned));
            assert_eq!(detail, place.map(|place| format!("the marker stands at {place}")), "{name}");
        }
    }

    #[test]
    fn it_keeps_the_contract_of_all_layers() {
        let asks = Ask::tool("echo").arguments(r#"{"text":"kestrel-4417"}"#);
        contract::check(&Contract {
            layer: "canary",
            wrap: |inner| CanaryLayer::new(MARKER).unwrap().layer(inner),
            allow: Ask::tool("echo"),
            refuse: Case::Test(Refuse::new(asks, FORBIDDEN)),
            inner_error: Case::Test(()),
            readiness: Case::Test(()),
            missing_principal: Case::Skip("asks nobody who they are"),
            limit: Case::Skip("holds nothing that could grow"),
            bad_config: Case::Test(vec![BadConfig::new("the", || Ok(CanaryLayer::new("the").map(drop)?))]),
        });
    }

    #[tokio::test]
    async fn a_reply_ends_where_the_marker_stands() {
        let says = Act::stream()
            .notify(r#"{"message":"one"}"#)
            .notify(r#"{"message":"kestrel-4417"}"#)
            .then_result(r#"{"content":[]}"#);
        let stack = CanaryLayer::new(MARKER).unwrap().layer(Scripted::always(says));
        let mut call = Ask::tool("echo").id(7).call();
        let trail = Trail::enter(call.extensions_mut());

        let messages = read::reply(stack.oneshot(call).await.unwrap()).await;
        assert_eq!(messages.len(), 2, "one notification, then the refusal");
        assert_eq!(messages[1].id(), Some(&7.into()));
        assert_eq!(messages[1].error_code(), Some(FORBIDDEN));
        assert!(trail.refusal().is_some());
    }
}
