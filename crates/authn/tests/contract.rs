//! The promises of every message-level layer, kept by `PermitLayer`.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may panic")]

use portcullis_authn::{PermitLayer, Scopes};
use portcullis_core::{Kind, Principal};
use portcullis_mcp_jsonrpc::code;
use portcullis_testkit::Ask;
use portcullis_testkit::contract::{self, BadConfig, Case, Contract, Refuse};
use tower_layer::Layer;

#[test]
fn permit_keeps_the_contract() {
    let scopes = Scopes::new()
        .base(["mcp"])
        .and_then(|scopes| scopes.tool("github_*", ["repo"]))
        .expect("the scopes are well-formed");
    let layer = PermitLayer::new(scopes);
    let alice = || Principal::new(Kind::User, "alice").with_scope("mcp");
    contract::check(&Contract {
        layer: "authn",
        wrap: |inner| layer.layer(inner),
        allow: Ask::tool("echo").principal(alice()),
        refuse: Case::Test(Refuse::new(Ask::tool("github_merge").principal(alice()), code::FORBIDDEN)),
        inner_error: Case::Test(()),
        readiness: Case::Test(()),
        missing_principal: Case::Test(code::UNAUTHENTICATED),
        limit: Case::Skip("counts nothing"),
        bad_config: Case::Test(vec![
            BadConfig::new("two scopes", || Ok(Scopes::new().base(["two scopes"]).map(drop)?)),
            BadConfig::new("git*hub", || Ok(Scopes::new().tool("git*hub", ["repo"]).map(drop)?)),
            BadConfig::new("offline_access", || Ok(Scopes::new().base(["offline_access"]).map(drop)?)),
            BadConfig::new("echo", || Ok(Scopes::new().tool("echo", [""; 0]).map(drop)?)),
        ]),
    });
}
