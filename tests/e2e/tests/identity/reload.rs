//! Changes of the configuration, while clients are connected.

use e2e::issuer::Issuer;
use serde_json::json;

use crate::client::Line;
use crate::{AUDIENCE, Client, Portal, Setup, authn, issuer};

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_is_removed_is_believed_no_more_and_connections_stay() {
    let setup = Setup::new().await;
    let other = Issuer::start().await;
    let issuers = issuer("staff", &setup.issuer) + &issuer("other", &other);
    let both = authn("acme", "/mcp", "['staff', 'other']", "");
    let portal = Portal::start(&setup.write(&[issuers.clone(), both, setup.server()])).await;
    let client = Client::at(portal.address);
    let alice = client.with(setup.token("alice"));
    let bob = client.with(other.token("bob", AUDIENCE, &json!({})));
    let mut line = Line::connect(portal.address).await;
    for caller in [&alice, &bob] {
        assert_eq!(line.call(caller, "up_read").await, 200);
    }
    // What is wrong changes nothing: an issuer that there is not, and one that is not https.
    let unknown = authn("acme", "/mcp", "['staff', 'nobody']", "");
    setup.write(&[issuers.clone(), unknown, setup.server()]);
    portal.reloaded((0, 1)).await;
    let plain = issuers.replace("insecure_http = true\n", "");
    setup.write(&[plain, authn("acme", "/mcp", "['staff']", ""), setup.server()]);
    portal.reloaded((0, 2)).await;
    for caller in [&alice, &bob] {
        assert_eq!(line.call(caller, "up_read").await, 200);
    }

    setup.write(&[issuers, authn("acme", "/mcp", "['staff']", ""), setup.server()]);
    portal.reloaded((1, 2)).await;
    assert_eq!(line.call(&bob, "up_read").await, 401);
    assert_eq!(line.call(&alice, "up_read").await, 200, "over the connection of before");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_required_more_holds_for_sessions_that_are_open() {
    let setup = Setup::new().await;
    let (portal, client) = setup.start("").await;
    let alice = client.with(setup.token("alice")).open().await;
    assert_eq!(alice.status("up_read").await, 200);
    // The keys are kept over the reload: the issuer need not be there.
    setup.issuer.go_down();
    setup.write(&setup.tables("require.any_group = ['finance']"));
    portal.reloaded((1, 0)).await;
    assert_eq!(alice.status("up_read").await, 403);
    let finance = setup.token_with("alice", json!({ "groups": ["finance"] }));
    assert_eq!(alice.with(finance).status("up_read").await, 200);
}
