//! A client of 2025, reduced to what the tests need.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use portcullis_core::{Body, Principal};
use portcullis_mcp_jsonrpc::Message;
use portcullis_mcp_jsonrpc::sse::{Decoder, Event};
use portcullis_mcp_legacy::front::Front;
use portcullis_testkit::{Scripted, read};
use tower::ServiceExt as _;

#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) front: Front<Scripted>,
    pub(crate) session: Option<String>,
    pub(crate) version: Option<&'static str>,
    pub(crate) principal: Option<Principal>,
    pub(crate) accept: &'static str,
}

pub(crate) fn initialize(version: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{version}","capabilities":{{"elicitation":{{}},
            "roots":{{"listChanged":true}}}},"clientInfo":{{"name":"test","version":"1.0.0"}}}}}}"#
    )
}

pub(crate) fn call(id: u32) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"echo","arguments":{{}}}}}}"#
    )
}

impl Client {
    pub(crate) fn new(front: Front<Scripted>) -> Self {
        let accept = "application/json, text/event-stream";
        Self { front, session: None, version: None, principal: None, accept }
    }

    /// The same, who would rather have events.
    pub(crate) fn prefers_events(self) -> Self {
        Self { accept: "text/event-stream, application/json", ..self }
    }

    /// Opens a session.
    pub(crate) async fn connect(front: Front<Scripted>, version: &'static str) -> Self {
        Self::new(front).open(version).await
    }

    pub(crate) async fn open(mut self, version: &'static str) -> Self {
        let response = self.post(initialize(version)).await;
        assert_eq!(response.status(), StatusCode::OK);
        self.session = Some(response.headers()["mcp-session-id"].to_str().unwrap().to_owned());
        self.version = Some(version);
        let answered = self.post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
        assert_eq!(answered.status(), StatusCode::ACCEPTED);
        self
    }

    pub(crate) fn request(&self, method: &str) -> http::request::Builder {
        let mut request = Request::builder().method(method).uri("/mcp").header("host", "localhost");
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session);
        }
        if let Some(version) = self.version {
            request = request.header("mcp-protocol-version", version);
        }
        if let Some(principal) = &self.principal {
            request = request.extension(principal.clone());
        }
        request.header("accept", self.accept)
    }

    pub(crate) async fn send<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<portcullis_core::BoxError>,
    {
        let Ok(response) = self.front.clone().oneshot(request).await;
        response
    }

    pub(crate) async fn post(&self, text: impl Into<Bytes>) -> Response<Body> {
        let request = self.request("POST").header("content-type", "application/json");
        self.send(request.body(Body::from(text.into())).unwrap()).await
    }

    /// What a call is answered with, as JSON.
    pub(crate) async fn ask(&self, text: impl Into<Bytes>) -> Message {
        let response = self.post(text).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "application/json");
        read::message(response).await.1
    }

    /// The event stream of a call.
    pub(crate) async fn stream(&self, text: impl Into<Bytes>) -> Events {
        Events::of(self.post(text).await)
    }

    pub(crate) async fn get(&self, last: Option<&str>) -> Response<Body> {
        let mut request = self.request("GET");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn delete(&self) -> StatusCode {
        self.send(self.request("DELETE").body(Body::empty()).unwrap()).await.status()
    }
}

/// An event stream, read one event at a time.
pub(crate) struct Events {
    body: Body,
    decoder: Decoder,
    /// How many frames it took.
    pub(crate) frames: usize,
    /// The comments among them.
    pub(crate) comments: usize,
}

impl Events {
    pub(crate) fn of(response: Response<Body>) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        Self { body: response.into_body(), decoder: Decoder::new(), frames: 0, comments: 0 }
    }

    pub(crate) async fn event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.decoder.next().unwrap() {
                return Some(event);
            }
            let frame = self.body.frame().await?.unwrap().into_data().unwrap();
            self.frames += 1;
            self.comments += usize::from(frame.starts_with(b":"));
            self.decoder.push(frame);
        }
    }

    /// The next event's id and message; an empty event has none.
    pub(crate) async fn next(&mut self) -> Option<(String, Option<Message>)> {
        let event = self.event().await?;
        let id = String::from_utf8(event.id.expect("each event has an id").to_vec()).unwrap();
        let message = (!event.data.is_empty()).then(|| Message::parse(event.data).unwrap());
        Some((id, message))
    }

    /// The ids and messages of the events up to the end; empty ones are passed over.
    pub(crate) async fn rest(&mut self) -> Vec<(String, Message)> {
        let mut all = Vec::new();
        while let Some((id, message)) = self.next().await {
            all.extend(message.map(|message| (id, message)));
        }
        all
    }
}

/// Whether the future is still waiting when everything else that can be done has been done.
pub(crate) async fn waits<F: Future>(future: F) -> bool {
    tokio::time::timeout(std::time::Duration::from_millis(1), future).await.is_err()
}
