//! Who is let in where, and to do what.

use http::StatusCode;
use serde_json::json;

use crate::{Client, Portal, Setup, authn, issuer};

#[tokio::test(flavor = "multi_thread")]
async fn one_portal_admits_finance_and_another_engineering_on_managed_devices() {
    let setup = Setup::new().await;
    let finance = authn("finance", "/finance", "['staff']", "require.any_group = ['finance']");
    let more = "require.any_group = ['engineering']\nrequire.attributes = { device = ['managed'] }";
    let engineering = authn("engineering", "/engineering", "['staff']", more);
    let file =
        setup.write(&[issuer("staff", &setup.issuer), finance, setup.server(), engineering, setup.server()]);
    let portal = Portal::start(&file).await;
    let client = Client::at(portal.address);

    let everything = json!({ "groups": ["finance", "engineering"], "device": "managed" });
    let cases = [
        ("finance, in finance", "/finance", json!({ "groups": ["finance"] }), 200),
        (
            "engineering, in finance",
            "/finance",
            json!({ "groups": ["engineering"], "device": "managed" }),
            403,
        ),
        ("nobody's, in finance", "/finance", json!({}), 403),
        (
            "engineering, managed",
            "/engineering",
            json!({ "groups": ["engineering"], "device": "managed" }),
            200,
        ),
        (
            "engineering, own device",
            "/engineering",
            json!({ "groups": ["engineering"], "device": "own" }),
            403,
        ),
        ("engineering, no device", "/engineering", json!({ "groups": ["engineering"] }), 403),
        (
            "finance, in engineering",
            "/engineering",
            json!({ "groups": ["finance"], "device": "managed" }),
            403,
        ),
    ];
    for (name, path, claims, expected) in cases {
        let token = setup.issuer.token("alice", &format!("https://localhost{path}"), &claims);
        assert_eq!(client.on(path).with(token).status("up_read").await, expected, "{name}");
    }
    // Whoever may do everything still needs a token for the portal asked: none is good at the other.
    for (here, there) in [("/finance", "/engineering"), ("/engineering", "/finance")] {
        let token = setup.issuer.token("alice", &format!("https://localhost{here}"), &everything);
        assert_eq!(client.on(here).with(&*token).status("up_read").await, 200);
        assert_eq!(client.on(there).with(token).status("up_read").await, 401, "{here} at {there}");
    }
    assert_eq!(setup.upstream.seen().len(), 4, "the server got what passed, and nothing else");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_needs_more_scopes_names_them_all_to_clients_of_both_eras() {
    let setup = Setup::new().await;
    let scopes = "scopes.base = ['mcp']\nscopes.tools = { 'up_write' = ['notes:write', 'notes:read'] }";
    let (_portal, client) = setup.start(scopes).await;

    let some = client.with(setup.token("alice"));
    let legacy = some.open().await;
    for client in [&some, &legacy] {
        assert_eq!(client.status("up_read").await, 200);
        let refused = client.call("up_write").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert_eq!(refused.challenge("error"), "insufficient_scope");
        let mut scopes: Vec<_> = refused.challenge("scope").split(' ').map(str::to_owned).collect();
        scopes.sort();
        assert_eq!(scopes, ["mcp", "notes:read", "notes:write"]);
        assert!(refused.challenge("resource_metadata").ends_with("/mcp"));
        assert_eq!(refused.json().await["id"], 1, "a refusal is a reply");
    }
    assert!(setup.upstream.seen().iter().all(|call| call.tool == "read"));

    let all = setup.token_with("alice", json!({ "scope": "mcp notes:write notes:read" }));
    assert_eq!(some.with(&*all).status("up_write").await, 200);
    assert_eq!(legacy.with(all).status("up_write").await, 200, "the session goes on with more scopes");

    let none = setup.token_with("alice", json!({ "scope": "other" }));
    assert_eq!(client.with(none).call("up_read").await.challenge("scope"), "mcp");
}
