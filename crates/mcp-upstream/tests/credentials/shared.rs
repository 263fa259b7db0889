//! A token of the gateway's own: client credentials.

use portcullis_mcp_jsonrpc::FailureKind;
use portcullis_mcp_upstream::{ClientCredentials, ClientKey, Credentials, Era, HttpUpstream, OAuthClient};

use crate::issuer::{Issuer, client, plain, refusal, server, shown, token, upstream};
use crate::support::field::{json_response, text_of};
use crate::support::{ask, call, to};

fn grant(issuer: &Issuer) -> ClientCredentials {
    ClientCredentials::new(issuer.endpoint(), client())
}

fn credentials(issuer: &Issuer) -> Credentials {
    Credentials::client(grant(issuer)).unwrap()
}

async fn said_to(upstream: &HttpUpstream) -> String {
    text_of(&ask(upstream, call("tools/call")).await.unwrap())
}

#[tokio::test]
async fn a_token_is_asked_for_by_the_book() {
    let issuer = Issuer::counting().await;
    let server = server(|_| false).await;
    let target = grant(&issuer).scope("files:read files:write").resource("https://files.example.com/mcp");
    let upstream = upstream(&server, Credentials::client(target.audience("files")).unwrap());
    assert_eq!(said_to(&upstream).await, "Bearer token-1");
    let asked = issuer.asked().remove(0);
    for (name, value) in [
        ("grant_type", "client_credentials"),
        ("scope", "files:read files:write"),
        ("resource", "https://files.example.com/mcp"),
        ("audience", "files"),
    ] {
        assert_eq!(asked.field(name), Some(value), "{name}");
    }
    // gateway:s3cr3t
    assert_eq!(asked.authorization.as_deref(), Some("Basic Z2F0ZXdheTpzM2NyM3Q="));
    assert_eq!(asked.fields.len(), 4);
}

#[tokio::test]
async fn a_client_may_have_its_secret_in_the_form() {
    let issuer = Issuer::counting().await;
    let server = server(|_| false).await;
    let client = OAuthClient::post("the gateway", plain("s3 cr&t")).unwrap();
    let grant = ClientCredentials::new(issuer.endpoint(), client);
    assert_eq!(said_to(&upstream(&server, Credentials::client(grant).unwrap())).await, "Bearer token-1");
    let asked = issuer.asked().remove(0);
    assert_eq!(
        (asked.field("client_id"), asked.field("client_secret")),
        (Some("the gateway"), Some("s3 cr&t"))
    );
    assert_eq!(asked.authorization, None);
}

#[tokio::test]
async fn a_client_may_sign_who_it_is() {
    let issuer = Issuer::counting().await;
    let server = server(|_| false).await;
    let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let client =
        OAuthClient::private_key_jwt("gateway", ClientKey::from_pem(pem.as_bytes()).unwrap()).unwrap();
    let grant = ClientCredentials::new(issuer.endpoint(), client);
    assert_eq!(said_to(&upstream(&server, Credentials::client(grant).unwrap())).await, "Bearer token-1");
    let asked = issuer.asked().remove(0);
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    assert_eq!(
        (asked.field("client_id"), asked.field("client_assertion_type")),
        (Some("gateway"), Some(kind))
    );
    assert_eq!(asked.field("client_assertion").unwrap().split('.').count(), 3);
    assert_eq!(asked.authorization, None);
}

#[tokio::test]
async fn a_hundred_calls_are_one_question() {
    let issuer = Issuer::counting().await;
    let server = server(|_| false).await;
    let upstream = upstream(&server, credentials(&issuer));
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let upstream = upstream.clone();
            tokio::spawn(async move { said_to(&upstream).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), "Bearer token-1");
    }
    assert_eq!(issuer.asked().len(), 1);
}

#[tokio::test]
async fn a_token_that_the_server_refuses_is_replaced_once_and_the_call_made_again() {
    let issuer = Issuer::counting().await;
    let server = server(|shown| shown == "Bearer token-1").await;
    let upstream = upstream(&server, credentials(&issuer));
    // A call that may have an effect: a server that says 401 has not looked at it.
    assert_eq!(said_to(&upstream).await, "Bearer token-2");
    assert_eq!(said_to(&upstream).await, "Bearer token-2");
    assert_eq!((issuer.asked().len(), server.count("POST tools/call")), (2, 3));
}

#[tokio::test]
async fn all_calls_that_were_refused_share_the_new_token() {
    let issuer = Issuer::counting().await;
    let server = server(|shown| shown == "Bearer token-1").await;
    let upstream = upstream(&server, credentials(&issuer));
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let upstream = upstream.clone();
            tokio::spawn(async move { said_to(&upstream).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), "Bearer token-2");
    }
    assert_eq!(issuer.asked().len(), 2);
}

#[tokio::test]
async fn a_server_that_refuses_everybody_does_not_have_tokens_issued_for_ever() {
    let issuer = Issuer::counting().await;
    let server = server(|_| true).await;
    let upstream = upstream(&server, credentials(&issuer));
    for _ in 0..5 {
        let failure = ask(&upstream, call("tools/call")).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Reject);
        assert!(!failure.to_string().contains("token-"), "{failure}");
    }
    assert_eq!((issuer.asked().len(), server.count("POST tools/call")), (2, 6));
}

#[tokio::test]
async fn what_the_issuer_refuses_is_told_once_and_held_for_a_moment() {
    let issuer = Issuer::new(|_, _| refusal("unauthorized_client")).await;
    let server = server(|_| false).await;
    let upstream = upstream(&server, credentials(&issuer));
    for _ in 0..20 {
        let failure = ask(&upstream, call("tools/call")).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Reject);
        let text = failure.to_string();
        assert!(text.contains("unauthorized_client") && !text.contains("s3cr3t"), "{text}");
    }
    assert!(issuer.asked().len() < 10, "{}", issuer.asked().len());
    assert_eq!(server.seen().len(), 0, "without a credential nothing is sent");
    assert_eq!(upstream.health().last_failure(), None, "which says nothing of the server");
}

#[tokio::test]
async fn an_issuer_that_says_where_tokens_are_had_is_asked_once() {
    let issuer = Issuer::new(|number, asked| match asked.field("grant_type") {
        Some(_) => token(&format!("token-{number}")),
        None => json_response(500, ""),
    });
    let issuer = issuer.await;
    let endpoint = issuer.endpoint();
    let address = std::sync::Arc::new(std::sync::OnceLock::new());
    let named = address.clone();
    let metadata = crate::support::field::Field::legacy(move |seen| {
        let issuer: String = format!("http://{}", named.get().unwrap());
        let text = format!(r#"{{"issuer":"{issuer}","token_endpoint":"{}"}}"#, endpoint.uri());
        std::future::ready(Some(match &*seen.path {
            "/.well-known/oauth-authorization-server" => json_response(200, &text),
            _ => json_response(404, "{}"),
        }))
    });
    let metadata = metadata.await;
    address.set(metadata.address).unwrap();
    let place = portcullis_fetch::Endpoint::insecure_http(&format!("http://{}", metadata.address)).unwrap();
    let grant = ClientCredentials::new(portcullis_mcp_upstream::TokenEndpoint::of_issuer(place), client());
    let server = server(|shown| shown == "Bearer token-1").await;
    let upstream = upstream(&server, Credentials::client(grant).unwrap());
    assert_eq!(said_to(&upstream).await, "Bearer token-2");
    assert_eq!((metadata.seen().len(), issuer.asked().len()), (1, 2));
}

#[tokio::test]
async fn every_era_carries_it() {
    for era in [Era::Auto, Era::Legacy] {
        let issuer = Issuer::counting().await;
        let server = crate::support::field::Field::legacy(|_| async { None }).await;
        let upstream = to(server.address).era(era).credentials(credentials(&issuer)).build().unwrap();
        assert_eq!(said_to(&upstream).await, "session-1");
        server.saw("GET").await;
        for seen in server.seen() {
            assert_eq!(shown(&seen), "Bearer token-1", "{}", seen.name());
        }
    }
}

#[test]
fn what_cannot_work_is_told_at_the_start() {
    let endpoint = || portcullis_fetch::Endpoint::new("https://login.example.com/token").unwrap();
    let grant = || ClientCredentials::new(endpoint(), client());
    let public = ClientCredentials::new(endpoint(), OAuthClient::public("gateway").unwrap());
    for (name, grant) in [
        ("client", public),
        ("scope", grant().scope("a  b")),
        ("scope", grant().scope("")),
        ("scope", grant().scope("a\"b")),
        ("resource", grant().resource("files")),
        ("resource", grant().resource("https://files.example.com/#a")),
        ("audience", grant().audience("")),
    ] {
        let error = Credentials::client(grant).unwrap_err().to_string();
        assert!(error.starts_with(name), "{name}: {error}");
    }
    let twice = HttpUpstream::builder("https://files.example.com/mcp")
        .and_then(|builder| builder.bearer(portcullis_core::Secret::new("static")))
        .map(|builder| builder.credentials(Credentials::client(grant()).unwrap()));
    assert_eq!(twice.unwrap().build().unwrap_err().to_string(), "header authorization: is given twice");
}
