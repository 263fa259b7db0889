//! Each caller's token in each era: sessions belong to somebody, and so does all that they send.

use std::time::Duration;

use portcullis_mcp_jsonrpc::{Call, FailureKind};
use portcullis_mcp_legacy::upstream::Sharing;
use portcullis_mcp_upstream::{Credentials, Era, HttpUpstream, Retries, TokenExchange};

use crate::issuer::{Issuer, call_of, client, exchanged, refusal, server, shown};
use crate::support::field::{Field, status, text_of};
use crate::support::{ask, to};

fn exchange(issuer: &Issuer) -> Credentials {
    Credentials::exchange(TokenExchange::new(issuer.endpoint(), client()).audience("files")).unwrap()
}

fn upstream(server: &Field, era: Era, issuer: &Issuer) -> HttpUpstream {
    let builder = to(server.address).era(era).retries(Retries::none());
    builder.session_idle(Duration::from_millis(50)).credentials(exchange(issuer)).build().unwrap()
}

async fn said_to(upstream: &HttpUpstream, call: Call) -> String {
    text_of(&ask(upstream, call).await.unwrap())
}

#[tokio::test]
async fn a_session_sends_its_owners_token_with_everything() {
    for era in [Era::Legacy, Era::Auto] {
        let issuer = Issuer::exchanging().await;
        let server = Field::legacy(|_| async { None }).await;
        let upstream = upstream(&server, era, &issuer);
        let sessions = [said_to(&upstream, call_of("alice")).await, said_to(&upstream, call_of("bob")).await];
        assert_ne!(sessions[0], sessions[1]);
        for (name, session) in ["alice", "bob"].into_iter().zip(&sessions) {
            let is_mine = |verb: &str| {
                let (verb, session) = (verb.to_owned(), session.clone());
                move |seen: &crate::support::field::Seen| {
                    seen.name() == verb && seen.header("mcp-session-id") == Some(&*session)
                }
            };
            let steps = ["POST notifications/initialized", "GET", "POST tools/call", "DELETE"]
                .map(|verb| is_mine(verb));
            for step in steps {
                assert_eq!(shown(&server.saw_one(step).await), format!("Bearer for-of-{name}"), "{era:?}");
            }
        }
        for seen in server.seen() {
            assert!(shown(&seen).starts_with("Bearer for-of-"), "{era:?} {}", seen.name());
        }
        assert_eq!(server.count("POST initialize"), 2);
        assert_eq!(server.count("POST server/discover"), usize::from(era == Era::Auto));
        assert_eq!(issuer.asked().len(), 2);
    }
}

#[tokio::test]
async fn so_does_a_session_over_http_sse() {
    for era in [Era::Sse, Era::Auto] {
        let issuer = Issuer::exchanging().await;
        let server = Field::sse().await;
        let upstream = upstream(&server, era, &issuer);
        let streams = [said_to(&upstream, call_of("alice")).await, said_to(&upstream, call_of("bob")).await];
        assert_ne!(streams[0], streams[1]);
        for seen in server.seen() {
            let owner = match &*seen.path {
                "/messages/0" => "Bearer for-of-alice",
                "/messages/1" => "Bearer for-of-bob",
                _ => "Bearer for-of-",
            };
            assert!(shown(&seen).starts_with(owner), "{era:?} {} {}", seen.name(), seen.path);
        }
    }
}

#[tokio::test]
async fn who_is_not_let_in_keeps_nobody_else_out() {
    for era in [Era::Auto, Era::Legacy] {
        let issuer = Issuer::new(|_, asked| match asked.field("subject_token") {
            Some("of-mallory") => refusal("access_denied"),
            Some(other) => exchanged(&format!("for-{other}")),
            None => status(400),
        });
        let issuer = issuer.await;
        let server = Field::legacy(|_| async { None }).await;
        let upstream = upstream(&server, era, &issuer);
        let calls: Vec<_> = (0..20)
            .map(|number| {
                let upstream = upstream.clone();
                let name = if number % 2 == 0 { "mallory" } else { "alice" };
                let call = call_of(name);
                tokio::spawn(
                    async move { (name, ask(&upstream, call).await.map_err(|failure| failure.kind())) },
                )
            })
            .collect();
        for call in calls {
            match call.await.unwrap() {
                ("mallory", outcome) => assert_eq!(outcome.unwrap_err(), FailureKind::Reject, "{era:?}"),
                (_, outcome) => drop(outcome.unwrap()),
            }
        }
        for seen in server.seen() {
            assert_eq!(shown(&seen), "Bearer for-of-alice", "{era:?} {}", seen.name());
        }
    }
}

#[tokio::test]
async fn a_modern_server_is_asked_what_it_speaks_on_somebodys_behalf() {
    let issuer = Issuer::exchanging().await;
    let server = server(|_| false).await;
    let upstream = upstream(&server, Era::Auto, &issuer);
    assert_eq!(said_to(&upstream, call_of("alice")).await, "Bearer for-of-alice");
    assert_eq!(said_to(&upstream, call_of("bob")).await, "Bearer for-of-bob");
    let names: Vec<_> = server.seen().iter().map(|seen| (seen.name(), shown(seen))).collect();
    assert_eq!(names[0], ("POST server/discover".to_owned(), "Bearer for-of-alice".to_owned()));
    assert_eq!(names.len(), 3);
}

#[tokio::test]
async fn a_session_goes_on_with_the_token_its_owner_came_with_last() {
    let issuer = Issuer::exchanging().await;
    let server = Field::legacy(|_| async { None }).await;
    let upstream = to(server.address).era(Era::Legacy).session_idle(Duration::from_secs(1));
    let upstream = upstream.credentials(exchange(&issuer)).build().unwrap();
    assert_eq!(said_to(&upstream, call_of("alice")).await, "session-1");
    let mut later = call_of("alice");
    let renewed = portcullis_core::Secret::new("renewed-alice");
    later.extensions_mut().insert(portcullis_core::SubjectToken::new(renewed));
    assert_eq!(said_to(&upstream, later).await, "session-1");
    assert_eq!(shown(&server.saw("DELETE").await), "Bearer for-renewed-alice");
    assert_eq!(server.count("POST initialize"), 1);
}

#[tokio::test]
async fn what_a_session_is_refused_is_renewed_too() {
    let issuer = Issuer::new(|number, _| exchanged(&format!("token-{number}"))).await;
    let server = Field::legacy(|seen| async move {
        (shown(&seen) == "Bearer token-1" && seen.method == "tools/call").then(|| status(401))
    });
    let server = server.await;
    let upstream = upstream(&server, Era::Legacy, &issuer);
    assert_eq!(said_to(&upstream, call_of("alice")).await, "session-1");
    let calls: Vec<_> = server.seen().into_iter().filter(|seen| seen.method == "tools/call").collect();
    assert_eq!((shown(&calls[0]).as_str(), shown(&calls[1]).as_str()), ("Bearer token-1", "Bearer token-2"));
    assert_eq!(calls[0].body, calls[1].body);
}

#[tokio::test]
async fn sessions_that_callers_would_share_are_refused_at_the_start() {
    let issuer = Issuer::exchanging().await;
    for era in [Era::Auto, Era::Modern, Era::Legacy, Era::Sse] {
        let builder =
            HttpUpstream::builder("http://127.0.0.1:3000/mcp").unwrap().era(era).sharing(Sharing::Shared);
        let error = builder.credentials(exchange(&issuer)).build().unwrap_err();
        assert!(error.to_string().starts_with("sessions: must not be shared"), "{error}");
    }
}
