//! What servers get to see of credentials: the gateway's own or one made for the caller, never the caller's.

use e2e::issuer::CLIENT;
use serde_json::json;

use crate::upstream::Seen;
use crate::{Client, Portal, Setup, Upstream, authn, issuer};

#[tokio::test(flavor = "multi_thread")]
async fn each_server_gets_its_own_token_and_each_caller_too() {
    let setup = Setup::new().await;
    let (shared, per_caller) = (Upstream::start().await, Upstream::start().await);
    let server = |id: &str, upstream: &Upstream, kind: &str| {
        format!(
            "[[portal.server]]\nid = '{id}'\nurl = 'http://{}/mcp'\n[portal.server.credentials]\nkind = '{kind}'\n\
             issuer = '{}'\ninsecure_http = true\nclient_id = '{}'\nclient_secret = '{}'\naudience = '{id}'\n",
            upstream.address, setup.issuer.url, CLIENT.0, CLIENT.1
        )
    };
    let portal = authn("acme", "/mcp", "['staff']", "");
    let file = setup.write(&[
        issuer("staff", &setup.issuer),
        portal,
        setup.server(),
        server("shared", &shared, "client"),
        server("own", &per_caller, "exchange"),
    ]);
    let portal = Portal::start(&file).await;

    let (alice, bob) = (setup.token("alice"), setup.token("bob"));
    let calls = (0..10).flat_map(|_| [("alice", &alice), ("bob", &bob)]).map(|(name, token)| {
        let client = Client::at(portal.address).with(&**token);
        async move {
            for tool in ["up_read", "shared_read", "own_read"] {
                let answered = client.call_with(tool, json!({ "who": name })).await;
                let status = answered.status;
                assert_eq!(status, 200, "{tool}: {}", answered.text().await);
            }
        }
    });
    futures_util::future::join_all(calls).await;

    let carries = |seen: &Seen, expected: Option<&str>| {
        assert_eq!(seen.authorization.as_deref(), expected, "{seen:?}");
        let leaked = [&alice, &bob]
            .iter()
            .any(|token| format!("{} {}", seen.head, seen.arguments).contains(&***token));
        assert!(!leaked, "{seen:?}");
    };
    for (name, upstream) in [("up", &setup.upstream), ("shared", &shared), ("own", &per_caller)] {
        assert_eq!(upstream.seen().len(), 20, "{name}");
    }
    setup.upstream.seen().iter().for_each(|seen| carries(seen, None));
    shared.seen().iter().for_each(|seen| carries(seen, Some("Bearer client.shared")));
    for seen in per_caller.seen() {
        let who = if seen.arguments.contains(r#""who":"alice""#) { "alice" } else { "bob" };
        carries(&seen, Some(&format!("Bearer {who}.own")));
    }

    // One for the gateway, one for each caller, however many asked at once.
    let grants = setup.issuer.grants();
    assert_eq!(grants.len(), 3, "{grants:?}");
    let subjects: Vec<_> = grants.iter().filter_map(|grant| grant.get("subject_token")).collect();
    assert!(subjects.contains(&&alice) && subjects.contains(&&bob), "{grants:?}");
}
