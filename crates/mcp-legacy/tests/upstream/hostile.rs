//! Servers that break the rules: whoever causes it is told, nobody else notices, and nothing grows without bound.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use portcullis_mcp_jsonrpc::FailureKind;
use tokio::runtime::Handle;

use crate::client::{Client, next, part, questions, user};
use crate::server::{Peer, Server, Style, text};
use crate::sessions::obliging;

const BOTH: [Style; 2] = [Style::Streams, Style::Duplex];
const CAN: &str = r#"{"elicitation":{"form":{}}}"#;
const FORM: &str = r#"{"message":"Who?","requestedSchema":{"type":"object","properties":{}}}"#;

#[tokio::test(start_paused = true)]
async fn answers_that_were_not_asked_for_answer_nothing() {
    for style in BOTH {
        let server = Server::new(style, async |peer: Peer| {
            let id: i64 = peer.id().parse().unwrap();
            let wrong =
                [format!("{}", id + 1), format!("{}", id - 1), format!("\"{id}\""), "0".into(), "-1".into()];
            for wrong in wrong {
                peer.say_here(&format!(r#"{{"jsonrpc":"2.0","id":{wrong},"result":{{"said":"wrong"}}}}"#))
                    .await;
                peer.link
                    .tell(&format!(r#"{{"jsonrpc":"2.0","id":{wrong},"result":{{"said":"wrong"}}}}"#))
                    .await;
            }
            peer.say_here(r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"?"}}"#).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            peer.answer(&format!(r#"{{"said":{}}}"#, peer.param(&["arguments"]).unwrap())).await;
            peer.answer(r#"{"said":"twice"}"#).await;
        });
        let client = Client::new(&server.upstream());
        let calls = (0..10).map(|n| {
            let client = client.clone();
            async move {
                let call = format!(r#""name":"a","arguments":{{"n":{n}}}"#);
                let all = client.all("1", "tools/call", &call).await;
                assert_eq!(all.len(), 1);
                assert_eq!(
                    part(&all[0], &["result", "said"]).unwrap(),
                    format!(r#"{{"n":{n}}}"#),
                    "{style:?}"
                );
            }
        });
        join_all(calls).await;
    }
}

#[tokio::test(start_paused = true)]
async fn ids_of_the_servers_are_its_own_even_if_they_are_ours_too() {
    for style in BOTH {
        let server = Server::new(style, async |peer: Peer| {
            let ours = peer.id();
            peer.say(&format!(r#"{{"jsonrpc":"2.0","id":{ours},"method":"ping"}}"#)).await;
            let ask =
                format!(r#"{{"jsonrpc":"2.0","id":{ours},"method":"elicitation/create","params":{FORM}}}"#);
            peer.say(&ask).await;
            // Cancels a question of its own that it never asked, not the call.
            peer.say(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":77}}"#)
                .await;
            let answered = peer.link.until_answer(&ours).await;
            peer.answer(&format!(r#"{{"said":{}}}"#, String::from_utf8_lossy(answered.result().unwrap())))
                .await;
        });
        let client = Client::new(&server.upstream()).can(CAN);
        let (asked, state) = questions(&client.ask("1", "tools/call", r#""name":"a""#).await);
        assert_eq!(asked.len(), 1, "{style:?}");
        let retry = format!(
            r#""name":"a","requestState":{state},"inputResponses":{{"input-1":{{"action":"accept"}}}}"#
        );
        let answer = client.ask("2", "tools/call", &retry).await;
        assert_eq!(part(&answer, &["result", "said"]).unwrap(), r#"{"action":"accept"}"#, "{style:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_by_the_thousand_are_answered_or_dropped() {
    for style in BOTH {
        let server = Server::new(style, async |peer: Peer| {
            for method in ["ping", "roots/list", "elicitation/create", "server/unheard-of"] {
                for _ in 0..500 {
                    drop(peer.begin_ask(method, "{}").await);
                }
            }
            peer.answer(r#"{"said":1}"#).await;
        });
        let upstream = server.upstream();
        let answer = Client::new(&upstream).tool("1", "a").await;
        assert!(answer.result().is_some(), "{}", text(&answer));
        // The session has survived it.
        let id = server.link().ask("ping", "{}").await;
        assert!(server.until_answered(&id).await.result().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_no_messages_makes_few_wait() {
    let server = Server::new(Style::Duplex, async |_: Peer| std::future::pending().await);
    let client = Client::new(&server.upstream());
    let _reply = client.send("1", "tools/call", r#""name":"a""#).await.unwrap();
    server.until("tools/call", 1).await;
    let before = Handle::current().metrics().num_alive_tasks();
    server.stuck.store(true, Ordering::SeqCst);
    for _ in 0..1000 {
        server.link().ask("ping", "{}").await;
    }
    let more = Handle::current().metrics().num_alive_tasks() - before;
    assert!(more <= 64, "{more}");
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert!(Handle::current().metrics().num_alive_tasks() <= before);
}

#[tokio::test(start_paused = true)]
async fn odd_beginnings() {
    let long = format!(
        r#"{{"protocolVersion":"2025-11-25","capabilities":{{}},"instructions":"{}"}}"#,
        "x".repeat(16 << 20)
    );
    for (hello, works) in [
        (r#"{"protocolVersion":"2025-11-25"}"#, true),
        (r#"{"protocolVersion":"2025-11-25","capabilities":[],"serverInfo":7,"instructions":{}}"#, true),
        (r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":true,"tasks":{"requests":1}}}"#, true),
        (r#"{"protocolVersion":7}"#, false),
        (r#"{"protocolVersion":"2027-01-01"}"#, false),
        ("{}", false),
        (&long, false),
    ] {
        let server = Server::new(Style::Streams, obliging);
        server.says_hello(hello);
        let client = Client::new(&server.upstream());
        let replied = client.send("1", "tools/call", r#""name":"a""#).await;
        let shown: String = hello.chars().take(80).collect();
        assert_eq!(replied.is_ok(), works, "{shown}");
        if let Err(failure) = replied {
            assert_eq!(failure.kind(), FailureKind::Garbage, "{shown}");
            // It is not asked again at once, and what it said is not kept.
            assert!(client.send("2", "tools/call", r#""name":"a""#).await.is_err());
            assert_eq!(server.count("initialize"), 1);
            server.until_dropped().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_beginning_that_panics_does_not_keep_others_out() {
    let server = Server::new(Style::Streams, obliging);
    server.panics.store(true, Ordering::SeqCst);
    let client = Client::new(&server.upstream());
    let failure = client.send("1", "tools/call", r#""name":"a""#).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Internal);
    server.panics.store(false, Ordering::SeqCst);
    assert!(client.tool("2", "a").await.result().is_some());
}

#[tokio::test(start_paused = true)]
async fn sessions_that_die_between_every_two_calls() {
    let server = Server::new(Style::Streams, obliging);
    let client = Client::new(&server.upstream());
    for round in 1..=30 {
        assert!(client.tool("1", "a").await.result().is_some());
        assert_eq!(server.count("initialize"), round);
        server.link().forget().await;
    }
    client.tool("1", "a").await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(server.wires(), 1, "the dead are not kept");
}

#[tokio::test(start_paused = true)]
async fn a_parked_call_dies_with_its_session_and_harms_no_other() {
    for style in BOTH {
        let server = Server::new(style, async |peer: Peer| match peer.param(&["name"]).as_deref() {
            Some(r#""ask""#) => drop(peer.ask("elicitation/create", FORM).await),
            _ => peer.answer("{}").await,
        });
        let client = Client::new(&server.upstream()).can(CAN);
        let (_, state) = questions(&client.ask("1", "tools/call", r#""name":"ask""#).await);
        server.link().break_off().await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(client.tool("2", "a").await.result().is_some());
        assert_eq!(server.count("initialize"), 2);

        let retry = format!(r#""name":"ask","requestState":{state},"inputResponses":{{"input-1":{{}}}}"#);
        let failed = match client.send("3", "tools/call", &retry).await {
            Err(_) => true,
            Ok(mut reply) => reply.next().await.unwrap().is_err(),
        };
        assert!(failed, "{style:?}");
        assert!(client.tool("4", "a").await.result().is_some());
        assert_eq!(server.count("initialize"), 2);
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(server.wires(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_may_cross_the_answer() {
    for style in BOTH {
        let server = Server::new(style, async |peer: Peer| {
            peer.progress(1).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            // Answered, and answered again, though it was cancelled just now.
            peer.answer(r#"{"said":"late"}"#).await;
            peer.answer(r#"{"said":"later"}"#).await;
            peer.progress(2).await;
        });
        let client = Client::new(&server.upstream()).meta(r#""progressToken":1"#);
        let mut kept = client.send("2", "tools/call", r#""name":"a""#).await.unwrap();
        for wait in [0, 999, 1000, 1001] {
            let mut reply = client.send("1", "tools/call", r#""name":"a""#).await.unwrap();
            next(&mut reply).await;
            tokio::time::sleep(Duration::from_millis(wait)).await;
            drop(reply);
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        let last = loop {
            let message = next(&mut kept).await;
            if message.is_answer() {
                break message;
            }
        };
        assert_eq!(part(&last, &["result", "said"]).unwrap(), r#""late""#);
        assert!(kept.next().await.is_none());
        assert!(client.tool("3", "a").await.result().is_some());
        assert_eq!(server.count("initialize"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn principals_by_the_thousand_hold_no_more_sessions_than_there_may_be() {
    let server = Server::new(Style::Streams, obliging);
    let upstream = server.builder().max_sessions(16).idle(Duration::from_secs(60)).build().unwrap();
    for number in 0..2000 {
        let client = Client::new(&upstream).who(Some(user(&format!("user-{number}"))));
        assert!(client.tool("1", "a").await.result().is_some());
        assert!(server.wires() <= 18, "{}", server.wires());
    }
    tokio::time::sleep(Duration::from_secs(90)).await;
    assert_eq!(server.wires(), 0, "idle ones go");
    assert!(server.links().iter().all(|link| link.closed.load(Ordering::SeqCst)));
}

#[tokio::test(start_paused = true)]
async fn nothing_outlives_the_service() {
    let server = Server::new(Style::Streams, async |peer: Peer| match peer.param(&["name"]).as_deref() {
        Some(r#""ask""#) => drop(peer.begin_ask("elicitation/create", FORM).await),
        _ => peer.answer("{}").await,
    });
    let upstream = server.upstream();
    for name in ["alice", "bob"] {
        let client = Client::new(&upstream).can(CAN).who(Some(user(name)));
        client.tool("1", "a").await;
        let filter = r#""notifications":{"toolsListChanged":true,"resourceSubscriptions":["a:1"]}"#;
        let mut listening = client.send("2", "subscriptions/listen", filter).await.unwrap();
        next(&mut listening).await;
        drop(client.send("3", "tools/call", r#""name":"a""#).await);
    }
    drop(upstream);
    server.until_dropped().await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_dropped_while_a_session_begins_leaves_nothing_behind() {
    let server = Server::new(Style::Streams, obliging);
    server.silent.store(true, Ordering::SeqCst);
    let upstream = server.upstream();
    let client = Client::new(&upstream);
    let call = tokio::spawn(async move { client.send("1", "tools/call", r#""name":"a""#).await });
    server.until("initialize", 1).await;
    call.abort();
    drop(upstream);
    server.until_dropped().await;
    assert!(server.link().closed.load(Ordering::SeqCst));
}

/// Log lines come before the answer that they were said before, on whichever threads the two are read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_before_the_answer_is_heard_before_it() {
    let server = Server::new(Style::Duplex, async |peer: Peer| {
        if peer.method() == "tools/call" {
            for line in ["one", "two", "three"] {
                peer.log("error", line).await;
            }
        }
        peer.answer("{}").await;
    });
    let client = Client::new(&server.upstream()).meta(r#""io.modelcontextprotocol/logLevel":"error""#);
    for _ in 0..500 {
        let all = client.all("1", "tools/call", r#""name":"a""#).await;
        let lines: Vec<_> = all.iter().filter_map(|it| part(it, &["params", "data"])).collect();
        assert_eq!(lines, [r#""one""#, r#""two""#, r#""three""#]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_breaks_right_before_an_answer_is_noticed() {
    let server = Server::new(Style::Duplex, async |peer: Peer| {
        if peer.method() == "tools/call" {
            peer.log("error", "trouble").await;
            peer.link.break_off().await;
        }
        peer.answer("{}").await;
    });
    let client = Client::new(&server.upstream()).meta(r#""io.modelcontextprotocol/logLevel":"error""#);
    for round in 1..=3 {
        let all: Vec<_> = client
            .send("1", "tools/call", r#""name":"a""#)
            .await
            .unwrap()
            .map(Result::unwrap)
            .collect()
            .await;
        assert_eq!(all.len(), 2);
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(server.count("initialize"), round);
        assert_eq!(server.wires(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_changes_holds_up_nobody() {
    let server = Server::new(Style::Streams, obliging);
    let client = Client::new(&server.upstream());
    let filter = r#""notifications":{"toolsListChanged":true,"resourcesListChanged":true}"#;
    let mut listening = Vec::new();
    for id in 0..20 {
        let mut reply = client.send(&id.to_string(), "subscriptions/listen", filter).await.unwrap();
        next(&mut reply).await;
        listening.push(reply);
    }
    for _ in 0..2000 {
        server.link().change("tools/list_changed").await;
    }
    server.link().change("resources/list_changed").await;
    assert!(client.tool("1", "a").await.result().is_some());
    for reply in &mut listening {
        assert_eq!(next(reply).await.method(), Some("notifications/tools/list_changed"));
    }
}

#[tokio::test(start_paused = true)]
async fn resources_whose_names_are_too_long_are_not_watched() {
    let server = Server::new(Style::Streams, async |peer: Peer| peer.answer("{}").await);
    let client = Client::new(&server.upstream());
    let long = format!("a:{}", "x".repeat(5000));
    let filter = format!(r#""notifications":{{"resourceSubscriptions":["a:1","{long}"]}}"#);
    let mut reply = client.send("1", "subscriptions/listen", &filter).await.unwrap();
    let agreed = part(&next(&mut reply).await, &["params", "notifications"]).unwrap();
    assert_eq!(agreed, r#"{"resourceSubscriptions":["a:1"]}"#);
    assert_eq!(server.count("resources/subscribe"), 1);
}

#[tokio::test(start_paused = true)]
async fn subscribers_that_come_and_go_leave_no_queue_behind() {
    let server = Server::new(Style::Streams, async |peer: Peer| match peer.method() {
        "resources/subscribe" => tokio::time::sleep(Duration::from_secs(1)).await,
        _ => peer.answer("{}").await,
    });
    let upstream = server.upstream();
    let client = Arc::new(Client::new(&upstream));
    let filter = r#""notifications":{"resourceSubscriptions":["a:1","a:2","a:3"]}"#;
    let listens = (0..300).map(|_| {
        let client = client.clone();
        async move {
            drop(
                tokio::time::timeout(
                    Duration::from_secs(3),
                    client.send("1", "subscriptions/listen", filter),
                )
                .await,
            )
        }
    });
    join_all(listens).await;
    // Each was asked for once or twice, whoever came and went.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(server.count("resources/subscribe") <= 6, "{}", server.count("resources/subscribe"));
}
