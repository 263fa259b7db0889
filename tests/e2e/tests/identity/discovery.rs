//! From knowing nothing but a URL to the first call.

use e2e::issuer::Issuer;
use http::StatusCode;
use serde_json::json;

use crate::{AUDIENCE, Client, Portal, Setup, authn, issuer};

const ROOT: &str = "/.well-known/oauth-protected-resource";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_knows_only_the_url_finds_its_way() {
    let setup = Setup::new().await;
    let (_portal, client) = setup.start("scopes.base = ['mcp']\nname = 'Acme'").await;

    let refused = client.call("up_read").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.challenge("scope"), "mcp");
    let metadata = refused.challenge("resource_metadata");
    let own = metadata.strip_prefix("https://localhost").expect("the portal's own host").to_owned();
    assert_eq!(own, format!("{ROOT}/mcp"));

    let document = client.get(&own).await.json().await;
    assert_eq!(
        document,
        client.get(ROOT).await.json().await,
        "alone on its host, it answers at the root too"
    );
    assert_eq!(
        (document["resource"].as_str(), document["resource_name"].as_str()),
        (Some(AUDIENCE), Some("Acme"))
    );
    // The client goes on at the issuer, and asks it for a token for this resource.
    let found = document["authorization_servers"][0].as_str().unwrap();
    assert_eq!(found, setup.issuer.url);
    assert_eq!(document["bearer_methods_supported"], json!(["header"]));

    let answered = client.with(setup.token("alice")).call("up_read").await;
    assert_eq!(answered.status, StatusCode::OK);
    assert_eq!(answered.json().await["result"]["content"][0]["text"], "done");

    // Nowhere else is anything served, with a token or without.
    for path in ["/", "/other", "/mcp/", &format!("{ROOT}/other"), &format!("{ROOT}/mcp/")] {
        for client in [client.clone(), client.with(setup.token("alice"))] {
            assert_eq!(client.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
    // A token in the URL ends up in logs.
    let query = format!("/mcp?access_token={}", setup.token("alice"));
    assert_eq!(client.get(&query).await.status, StatusCode::BAD_REQUEST);
}

/// Many clients write the body after the head. Whoever is sent away meanwhile must get to see why, and may go on with the
/// connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_after_the_refusal_breaks_nothing() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let setup = Setup::new().await;
    let (portal, _) = setup.start("").await;
    let mut stream = tokio::net::TcpStream::connect(portal.address).await.unwrap();
    let body = "x".repeat(10_000);
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    for _ in 0..3 {
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            let count = stream.read_buf(&mut answer).await.unwrap();
            assert_ne!(count, 0, "the connection was closed");
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401") && !answer.contains("connection: close"), "{answer}");
        stream.write_all(body.as_bytes()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_portals_on_one_host_leave_the_root_to_neither() {
    let setup = Setup::new().await;
    let other = Issuer::start().await;
    let (one, two) = (authn("one", "/one", "['staff']", ""), authn("two", "/two", "['other']", ""));
    let file = setup.write(&[
        issuer("staff", &setup.issuer),
        issuer("other", &other),
        one,
        setup.server(),
        two,
        setup.server(),
    ]);
    let portal = Portal::start(&file).await;
    let client = Client::at(portal.address);
    assert_eq!(client.get(ROOT).await.status, StatusCode::NOT_FOUND);
    assert_eq!(client.get("/mcp").await.status, StatusCode::NOT_FOUND);
    for (path, issuer) in [("/one", &setup.issuer), ("/two", &other)] {
        let refused = client.on(path).call("up_read").await;
        let metadata = refused.challenge("resource_metadata");
        assert_eq!(metadata, format!("https://localhost{ROOT}{path}"));
        let document = client.get(&format!("{ROOT}{path}")).await.json().await;
        assert_eq!(document["authorization_servers"], json!([issuer.url]), "{path}");
    }
}
