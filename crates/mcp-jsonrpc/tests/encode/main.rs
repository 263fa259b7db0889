//! `EncodeLayer` from outside: calls in, HTTP requests out, and back.
#![expect(clippy::unwrap_used, reason = "what a test is made of must not fail")]

mod request;
mod response;

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::{Call, EncodeLayer, Failure, Reply};
use portcullis_testkit::ScriptedBody;
use tower::{Layer, ServiceExt};

/// Sends a call to a server that answers like this.
async fn send(layer: &EncodeLayer, call: Call, response: Response<ScriptedBody>) -> Result<Reply, Failure> {
    sent(layer, call, response).await.1
}

/// What the server got, too.
async fn sent(
    layer: &EncodeLayer,
    call: Call,
    response: Response<ScriptedBody>,
) -> (Option<Request<Body>>, Result<Reply, Failure>) {
    let got = Arc::new(Mutex::new(None));
    let answer = Arc::new(Mutex::new(Some(response)));
    let server = {
        let got = Arc::clone(&got);
        tower::service_fn(move |request: Request<Body>| {
            *got.lock().unwrap() = Some(request);
            let answer = answer.lock().unwrap().take();
            async { answer.ok_or("asked twice") }
        })
    };
    let reply = layer.layer(server).oneshot(call).await;
    let got = got.lock().unwrap().take();
    (got, reply)
}

fn response(status: u16, content_type: &str, body: ScriptedBody) -> Response<ScriptedBody> {
    Response::builder().status(status).header("content-type", content_type).body(body).unwrap()
}

fn json(text: &'static str) -> Response<ScriptedBody> {
    response(200, "application/json", ScriptedBody::new().frame(text))
}
