//! What probes and operators are told. No URL, no header and no error text is in it: anybody may ask.

use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header};
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::FailureKind;
use portcullis_mcp_upstream::{Era, HealthState};
use portcullis_portal::ServerHealth;
use serde_json::{Value, json};

use crate::gateway::{Live, Running};
use crate::leaf::Upstream;

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
        let (state, takes_calls, last) = state(server, upstream);
        json!({
            "id": server.id,
            "era": upstream.era().map(Era::as_str),
            "state": state,
            "healthy": server.is_healthy() && takes_calls,
            "lastFailure": last.map(|(kind, ago)| json!({
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

/// The state in a word, whether calls are sent at all, and the last failure.
fn state(
    server: &ServerHealth,
    upstream: &Upstream,
) -> (&'static str, bool, Option<(FailureKind, Duration)>) {
    match upstream {
        Upstream::Http(http) => {
            let connection = http.health();
            (connection.state().as_str(), connection.state().takes_calls(), connection.last_failure())
        }
        // A process has no connection to speak of: what the portal has seen is all there is to know.
        Upstream::Stdio(_) => {
            let state = match (server.failures_in_a_row, server.answers) {
                (0, 0) => HealthState::Unknown,
                (0, _) => HealthState::Up,
                _ => HealthState::Degraded,
            };
            (state.as_str(), true, server.last_failure.as_ref().map(|last| (last.kind, last.ago)))
        }
    }
}

fn page(status: StatusCode, json: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{json}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
