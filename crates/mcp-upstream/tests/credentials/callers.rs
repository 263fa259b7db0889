//! Each caller's own token: exchanged, or had by leave of the identity provider.

use portcullis_core::{Secret, SubjectToken};
use portcullis_mcp_jsonrpc::{Call, FailureKind};
use portcullis_mcp_upstream::{Credentials, Era, HttpUpstream, IdJag, OAuthClient, TokenExchange, TokenType};

use crate::issuer::{
    Issuer, call_of, client, exchanged, issued, plain, principal, refusal, server, shown, token, upstream,
};
use crate::support::field::text_of;
use crate::support::{ask, call};

fn exchange(issuer: &Issuer) -> Credentials {
    let grant = TokenExchange::new(issuer.endpoint(), client()).audience("files").scope("files:read");
    Credentials::exchange(grant.resource("https://files.example.com/mcp")).unwrap()
}

async fn said_to(upstream: &HttpUpstream, call: Call) -> String {
    text_of(&ask(upstream, call).await.unwrap())
}

#[tokio::test]
async fn a_callers_token_is_exchanged_by_the_book_and_never_sent_itself() {
    let issuer = Issuer::exchanging().await;
    let server = server(|_| false).await;
    let upstream = upstream(&server, exchange(&issuer));
    for _ in 0..3 {
        assert_eq!(said_to(&upstream, call_of("alice")).await, "Bearer for-of-alice");
    }
    let asked = issuer.asked();
    assert_eq!(asked.len(), 1);
    for (name, value) in [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", "of-alice"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("audience", "files"),
        ("resource", "https://files.example.com/mcp"),
        ("scope", "files:read"),
    ] {
        assert_eq!(asked[0].field(name), Some(value), "{name}");
    }
    assert_eq!(asked[0].fields.len(), 6);
    for seen in server.seen() {
        assert!(!format!("{:?}", seen.headers).contains("\"of-alice"), "{:?}", seen.headers);
    }
}

#[tokio::test]
async fn what_kind_of_token_can_be_said() {
    let issuer = Issuer::new(|_, _| issued("a.b.c", "Bearer", "jwt")).await;
    let server = server(|_| false).await;
    let grant =
        TokenExchange::new(issuer.endpoint(), OAuthClient::public("gateway").unwrap()).audience("files");
    let grant = grant.subject_token_type(TokenType::IdToken).requested_token_type(TokenType::Jwt);
    let upstream = upstream(&server, Credentials::exchange(grant).unwrap());
    assert_eq!(said_to(&upstream, call_of("alice")).await, "Bearer a.b.c");
    let asked = &issuer.asked()[0];
    assert_eq!(asked.field("subject_token_type"), Some("urn:ietf:params:oauth:token-type:id_token"));
    assert_eq!(asked.field("requested_token_type"), Some("urn:ietf:params:oauth:token-type:jwt"));
    assert_eq!((asked.field("client_id"), asked.authorization.as_deref()), (Some("gateway"), None));
}

#[tokio::test]
async fn nobodys_token_is_ever_used_for_another() {
    let issuer = Issuer::exchanging().await;
    let server = server(|_| false).await;
    let upstream = upstream(&server, exchange(&issuer));
    let calls: Vec<_> = (0..200)
        .map(|number| {
            let upstream = upstream.clone();
            let name = format!("caller-{}", number % 20);
            tokio::spawn(async move {
                assert_eq!(said_to(&upstream, call_of(&name)).await, format!("Bearer for-of-{name}"));
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(issuer.asked().len(), 20);

    // The same token with somebody else's name on it is somebody else's.
    let mut call = call_of("caller-1");
    call.extensions_mut().insert(principal("caller-2"));
    assert_eq!(said_to(&upstream, call).await, "Bearer for-of-caller-1");
    assert_eq!(issuer.asked().len(), 21);
}

#[tokio::test]
async fn with_room_for_one_each_still_gets_their_own() {
    let issuer = Issuer::exchanging().await;
    let server = server(|_| false).await;
    let upstream = upstream(&server, exchange(&issuer).max_callers(1));
    for _ in 0..10 {
        for name in ["alice", "bob", "carol"] {
            assert_eq!(said_to(&upstream, call_of(name)).await, format!("Bearer for-of-{name}"));
        }
    }
}

#[tokio::test]
async fn nothing_is_sent_for_nobody() {
    let issuer = Issuer::exchanging().await;
    for era in [Era::Auto, Era::Modern, Era::Legacy, Era::Sse] {
        let server = server(|_| false).await;
        let upstream =
            crate::support::to(server.address).era(era).credentials(exchange(&issuer)).build().unwrap();
        let mut unverified = call("tools/call");
        unverified.extensions_mut().insert(SubjectToken::new(Secret::new("of-alice")));
        let mut without = call("tools/list");
        without.extensions_mut().insert(principal("alice"));
        for call in [call("tools/call"), call("server/discover"), unverified, without] {
            let failure = ask(&upstream, call).await.unwrap_err();
            // A failure, and no 401: the client is not to sign in anywhere else (field notes, 17).
            assert_eq!(failure.kind(), FailureKind::Reject, "{era:?}");
            assert!(failure.to_string().contains("on behalf of callers"), "{failure}");
        }
        assert_eq!(server.seen().len(), 0, "{era:?}");
    }
    assert_eq!(issuer.asked().len(), 0);
}

#[tokio::test]
async fn whom_the_issuer_refuses_is_refused_alone() {
    let issuer = Issuer::new(|_, asked| match asked.field("subject_token") {
        Some("of-alice") => refusal("invalid_grant"),
        Some("of-bob") => refusal("access_denied"),
        Some(other) => exchanged(&format!("for-{other}")),
        None => refusal("invalid_request"),
    });
    let issuer = issuer.await;
    let server = server(|_| false).await;
    let upstream = upstream(&server, exchange(&issuer));
    for (name, code) in [("alice", "invalid_grant"), ("bob", "access_denied")] {
        let failure = ask(&upstream, call_of(name)).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Reject);
        let text = failure.to_string();
        assert!(text.contains(code) && !text.contains("of-alice") && !text.contains("s3cr3t"), "{text}");
        assert!(!failure.advice().contains(code));
    }
    assert_eq!(said_to(&upstream, call_of("carol")).await, "Bearer for-of-carol");
}

#[tokio::test]
async fn a_callers_token_that_the_server_refuses_is_replaced_for_them_alone() {
    let issuer = Issuer::new(|number, asked| {
        exchanged(&format!("{}-{number}", asked.field("subject_token").unwrap()))
    });
    let issuer = issuer.await;
    let server = server(|shown| shown == "Bearer of-alice-1").await;
    let upstream = upstream(&server, exchange(&issuer));
    assert_eq!(said_to(&upstream, call_of("alice")).await, "Bearer of-alice-2");
    assert_eq!(said_to(&upstream, call_of("bob")).await, "Bearer of-bob-3");
    assert_eq!(said_to(&upstream, call_of("alice")).await, "Bearer of-alice-2");
}

/// An identity provider and the authorization server of the resource.
async fn enterprise(grant: &'static str) -> (Issuer, Issuer) {
    let provider = Issuer::new(move |_, asked| {
        let assertion = format!("grant.for.{}", asked.field("subject_token").unwrap());
        issued(&assertion, "N_A", grant)
    });
    let resource = Issuer::new(|_, asked| token(asked.field("assertion").unwrap()));
    (provider.await, resource.await)
}

fn id_jag((provider, resource): &(Issuer, Issuer)) -> Credentials {
    let there = OAuthClient::post("gateway-there", plain("other")).unwrap();
    let grant = IdJag::new(
        (provider.endpoint().into(), client()),
        (resource.endpoint().into(), there),
        "https://auth.chat.example/",
        "https://mcp.chat.example/",
    );
    Credentials::id_jag(grant.scope("chat.read")).unwrap()
}

#[tokio::test]
async fn the_identity_provider_and_then_the_authorization_server_give_leave() {
    let issuers = enterprise("id-jag").await;
    let server = server(|_| false).await;
    let upstream = upstream(&server, id_jag(&issuers));
    for _ in 0..2 {
        assert_eq!(said_to(&upstream, call_of("alice")).await, "Bearer grant.for.of-alice");
        assert_eq!(said_to(&upstream, call_of("bob")).await, "Bearer grant.for.of-bob");
    }
    let (asked, then) = (issuers.0.asked(), issuers.1.asked());
    assert_eq!((asked.len(), then.len()), (2, 2));
    for (name, value) in [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:id-jag"),
        ("audience", "https://auth.chat.example/"),
        ("resource", "https://mcp.chat.example/"),
        ("scope", "chat.read"),
        ("subject_token", "of-alice"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:id_token"),
    ] {
        assert_eq!(asked[0].field(name), Some(value), "{name}");
    }
    assert!(asked[0].authorization.is_some());
    assert_eq!(then[0].field("grant_type"), Some("urn:ietf:params:oauth:grant-type:jwt-bearer"));
    assert_eq!(then[0].field("assertion"), Some("grant.for.of-alice"));
    assert_eq!(then[0].field("client_id"), Some("gateway-there"));
    assert_eq!(then[0].field("subject_token"), None, "the caller's token is the provider's to see alone");
}

#[tokio::test]
async fn what_is_no_id_jag_goes_nowhere() {
    let issuers = enterprise("access_token").await;
    let server = server(|_| false).await;
    let upstream = upstream(&server, id_jag(&issuers));
    let failure = ask(&upstream, call_of("alice")).await.unwrap_err();
    assert!(failure.to_string().contains("not an ID-JAG"), "{failure}");
    assert_eq!((issuers.1.asked().len(), server.seen().len()), (0, 0));
}

#[tokio::test]
async fn nothing_that_is_shown_holds_a_token() {
    let issuer = Issuer::exchanging().await;
    let server = server(|_| false).await;
    let upstream = upstream(&server, exchange(&issuer));
    assert_eq!(said_to(&upstream, call_of("alice")).await, "Bearer for-of-alice");
    let text = format!("{upstream:?} {:?} {:?}", exchange(&issuer), call_of("alice").extensions());
    assert!(!text.contains("of-alice") && !text.contains("s3cr3t"), "{text}");
    assert!(text.contains("authorization"), "{text}");
    assert_eq!(shown(&server.seen()[0]), "Bearer for-of-alice");
}
