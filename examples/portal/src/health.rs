//! What probes and operators are told. No URL, no header and no error text is in it: anybody may ask.

use http::{HeaderValue, Response, StatusCode, header};
use portcullis_core::Body;
use serde_json::{Value, json};

use crate::gateway::{Live, Running};

/// `/healthz`: the process answers.
pub(crate) fn alive() -> Response<Body> {
    page(StatusCode::OK, &json!({ "status": "alive" }))
}

/// `/readyz`: whether to send traffic here. A server that is down is shown and changes nothing: the others are served.
pub(crate) fn ready(live: &Live) -> Response<Body> {
    let gateway = live.gateway();
    let portals: Vec<_> = gateway.routes.iter().map(|running| portal(running)).collect();
    let (applied, failed) = live.reloads();
    let ready = !live.is_draining();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    page(
        status,
        &json!({
            "status": if ready { "ready" } else { "draining" },
            "version": env!("CARGO_PKG_VERSION"),
            "reloads": { "applied": applied, "failed": failed },
            "portals": portals,
        }),
    )
}

fn portal(running: &Running) -> Value {
    let health = running.leaf.portal.health();
    let servers = health.servers().iter().zip(&running.leaf.upstreams).map(|(server, upstream)| {
        let connection = upstream.health();
        json!({
            "id": server.id,
            "state": connection.state().as_str(),
            "healthy": server.is_healthy() && connection.state().takes_calls(),
            "lastFailure": connection.last_failure().map(|(kind, ago)| json!({
                "kind": kind.as_str(),
                "secondsAgo": ago.as_secs(),
            })),
            "answers": server.answers,
            "failures": server.failures,
            "inFlight": server.in_flight,
            "waiting": server.waiting,
            "listeners": server.listeners,
            "tools": server.tools,
            "prompts": server.prompts,
            "resources": server.resources,
        })
    });
    json!({ "id": running.config.id, "servers": servers.collect::<Vec<_>>() })
}

fn page(status: StatusCode, json: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{json}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
