use portcullis_mcp_jsonrpc::guard::HostGuard;
use portcullis_mcp_jsonrpc::{Call, DecodeLayer, Failure, FailureKind, Fragment, Reply};
use tokio_util::sync::CancellationToken;
use tower_layer::Layer;

use super::*;
use crate::config::Config;
use crate::gateway::spare_keys;
use crate::identity::Identity;
use crate::serve::Http;
use crate::stack;

const CONFIG: &str = r#"
limits.max_body = "64KiB"

[[portal]]
id = "acme"
allowed_hosts = ["mcp.example.com"]
allowed_origins = ["https://app.example.com"]

[[portal.server]]
id = "github"
url = "http://127.0.0.1:1/mcp"
"#;

fn config(text: &str) -> Config {
    Config::parse("test", text).unwrap()
}

async fn prove_it<S>(config: &Config, stack: &S) -> Result<(), String>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    let portal = &config.portals[0];
    let proven = prove(&portal.id, stack, probes(portal, &config.limits)).await;
    proven.map_err(|error| error.control().to_owned())
}

/// Answers everything, as a layer's absence does.
fn anything() -> impl Service<Call, Response = Reply, Error = Failure, Future: Send> + Clone + Send + 'static
{
    tower::service_fn(async |call: Call| match call.id() {
        Some(id) => Ok(Reply::result(id, &Fragment::empty())),
        None => Err(Failure::new(FailureKind::Internal)),
    })
}

#[tokio::test]
async fn the_stack_passes_its_proof() {
    for text in [
        CONFIG.to_owned(),
        CONFIG.replace("allowed_hosts = [\"mcp.example.com\"]", "host = 'mcp.example.com'"),
        CONFIG.replace("allowed_hosts = [\"mcp.example.com\"]", "danger_allow_any_host = true"),
        CONFIG.replace("allowed_origins = [\"https://app.example.com\"]", "danger_allow_any_origin = true"),
        CONFIG.replace("id = \"acme\"", "id = \"acme\"\nnamespace = 'never'"),
        CONFIG.replace("mcp.example.com", "mcp.example.com:8443"),
        CONFIG.replace("64KiB", "1GiB"),
    ] {
        let config = config(&text);
        let (keys, end) = (spare_keys().unwrap(), CancellationToken::new());
        let (stack, _) = stack::build(
            &config.portals[0],
            &config.limits,
            &config.sessions,
            &keys,
            Identity::default(),
            &end,
        )
        .unwrap();
        prove_it(&config, &stack).await.unwrap();
        prove_connections(&Http::new(&config.limits), &config.limits).await.unwrap();
    }
}

#[tokio::test]
async fn a_stack_without_its_guard_fails() {
    let config = config(CONFIG);
    // The setting is read and checked, and nobody hands it on: the defaults of the layer answer.
    let stack = DecodeLayer::new().max_body(config.limits.max_body).layer(anything());
    assert_eq!(prove_it(&config, &stack).await, Err("allowed_hosts".to_owned()));

    let open = HostGuard::new().danger_allow_any_host();
    let stack = DecodeLayer::new().hosts(open).max_body(config.limits.max_body).layer(anything());
    assert_eq!(prove_it(&config, &stack).await, Err("host check".to_owned()));

    let open = config.portals[0].hosts.guard.clone().danger_allow_any_origin();
    let stack = DecodeLayer::new().hosts(open).max_body(config.limits.max_body).layer(anything());
    assert_eq!(prove_it(&config, &stack).await, Err("origin check".to_owned()));
}

#[tokio::test]
async fn a_stack_without_its_limit_fails() {
    let config = config(CONFIG);
    let hosts = config.portals[0].hosts.guard.clone();
    let stack = DecodeLayer::new().hosts(hosts).layer(anything());
    assert_eq!(prove_it(&config, &stack).await, Err("limits.max_body".to_owned()));
}

#[tokio::test]
async fn a_stack_without_its_namespace_fails() {
    let config = config(CONFIG);
    let hosts = config.portals[0].hosts.guard.clone();
    let stack = DecodeLayer::new().hosts(hosts).max_body(config.limits.max_body).layer(anything());
    assert_eq!(prove_it(&config, &stack).await, Err("namespace".to_owned()));
}

#[tokio::test]
async fn a_stack_without_its_sessions_fails() {
    let config = config(&CONFIG.replace("id = \"acme\"", "id = \"acme\"\nnamespace = 'never'"));
    let hosts = config.portals[0].hosts.guard.clone();
    let stack = DecodeLayer::new().hosts(hosts).max_body(config.limits.max_body).layer(anything());
    assert_eq!(prove_it(&config, &stack).await, Err("sessions.keys".to_owned()));
}

#[tokio::test]
async fn a_stack_without_its_decoder_fails() {
    let config = config(CONFIG);
    let stack = tower::service_fn(async |_: Request<Body>| Ok(Response::new(Body::from("{}"))));
    assert_eq!(prove_it(&config, &stack).await, Err("host check".to_owned()));
}

#[tokio::test]
async fn every_probe_can_fail() {
    let config = config(CONFIG);
    let portal = &config.portals[0];
    let stack = tower::service_fn(async |_: Request<Body>| Ok(Response::new(Body::from("{}"))));
    for probe in probes(portal, &config.limits) {
        let control = probe.control.clone();
        let failed = prove(&portal.id, &stack, vec![probe]).await.unwrap_err();
        assert_eq!(failed.control(), control);
        assert!(
            failed.to_string().contains(&format!("portal \"acme\": {control} is not in force")),
            "{failed}"
        );
    }
}

#[tokio::test]
async fn a_connection_without_its_limit_fails() {
    let config = config(CONFIG);
    let mut larger = config.limits.clone();
    larger.max_header_size *= 2;
    let failed = prove_connections(&Http::new(&larger), &config.limits).await.unwrap_err();
    assert_eq!(failed.control(), "limits.max_header_size");
}

#[tokio::test(start_paused = true)]
async fn a_control_that_never_answers_fails() {
    let config = config(CONFIG);
    let stack = tower::service_fn(|_: Request<Body>| std::future::pending());
    assert_eq!(prove_it(&config, &stack).await, Err("host check".to_owned()));
}
