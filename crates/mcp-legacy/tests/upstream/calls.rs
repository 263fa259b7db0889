//! What becomes of ordinary calls.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use portcullis_mcp_jsonrpc::{FailureKind, Kind};
use portcullis_mcp_legacy::upstream::ChannelError;

use crate::client::{Client, next, part, user};
use crate::server::{Peer, Server, Style, text};

const BOTH: [Style; 2] = [Style::Streams, Style::Duplex];

#[tokio::test(start_paused = true)]
async fn a_call_is_translated_there_and_back() {
    let server = Server::new(Style::Streams, async |peer: Peer| {
        peer.answer(r#"{"content":[{"type":"text","text":"hi"}],"extra":1.0}"#).await;
    });
    let client = Client::new(&server.upstream())
        .meta(r#""traceparent":"00-1","io.modelcontextprotocol/clientInfo":{"name":"c"}"#);
    let answer = client.ask(r#""mine""#, "tools/call", r#""name":"a","arguments":{"x":1.50}"#).await;
    assert_eq!(
        text(&answer),
        r#"{"jsonrpc":"2.0","id":"mine","result":{"resultType":"complete","content":[{"type":"text","text":"hi"}],"extra":1.0}}"#
    );
    let heard = server.heard("tools/call").pop().unwrap();
    assert_eq!(
        part(&heard, &["params"]).unwrap(),
        r#"{"_meta":{"traceparent":"00-1"},"name":"a","arguments":{"x":1.50}}"#
    );
}

#[tokio::test(start_paused = true)]
async fn lists_and_resources_say_how_long_they_are_good_for() {
    let server = Server::new(Style::Streams, async |peer: Peer| peer.answer(r#"{"a":[]}"#).await);
    let upstream = server.builder().list_ttl(Duration::from_secs(7)).build().unwrap();
    let client = Client::new(&upstream);
    for (method, ttl) in [
        ("tools/list", Some("7000")),
        ("prompts/list", Some("7000")),
        ("resources/list", Some("7000")),
        ("resources/templates/list", Some("7000")),
        ("resources/read", Some("0")),
        ("tools/call", None),
        ("completion/complete", None),
    ] {
        let answer = client.ask("1", method, r#""name":"a","uri":"a:b""#).await;
        assert_eq!(part(&answer, &["result", "ttlMs"]).as_deref(), ttl, "{method}");
        let scope = part(&answer, &["result", "cacheScope"]);
        assert_eq!(scope.as_deref(), ttl.map(|_| r#""private""#), "{method}");
        assert_eq!(answer.result_type(), Some("complete"));
    }
}

#[tokio::test(start_paused = true)]
async fn equal_ids_and_tokens_of_many_clients_stay_apart() {
    for style in BOTH {
        let server = Server::new(style, async |peer: Peer| {
            let name = peer.param(&["name"]).unwrap();
            let number: u32 = name.trim_matches('"').parse().unwrap();
            peer.progress(number).await;
            tokio::task::yield_now().await;
            peer.progress(number).await;
            peer.answer(&format!(r#"{{"name":{name}}}"#)).await;
        });
        let upstream = server.upstream();
        let calls = (0..60).map(|number| {
            let token = if number % 2 == 0 { "0" } else { r#""0""# };
            let client = Client::new(&upstream).meta(&format!(r#""progressToken":{token}"#));
            async move {
                let messages = client.all("0", "tools/call", &format!(r#""name":"{number}""#)).await;
                assert_eq!(messages.len(), 3, "{style:?}");
                for progress in &messages[..2] {
                    assert_eq!(part(progress, &["params", "progress"]).unwrap(), number.to_string());
                    assert_eq!(part(progress, &["params", "progressToken"]).unwrap(), token);
                }
                assert_eq!(text(&messages[2]).matches(r#""id":0"#).count(), 1);
                assert_eq!(part(&messages[2], &["result", "name"]).unwrap(), format!(r#""{number}""#));
            }
        });
        join_all(calls).await;
        assert_eq!(server.count("initialize"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn progress_that_was_not_asked_for_is_left_out() {
    let server = Server::new(Style::Streams, async |peer: Peer| {
        let id = peer.id();
        peer.say(&format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{id},"progress":1}}}}"#
        ))
        .await;
        peer.say(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":99,"progress":1}}"#).await;
        peer.say(r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#).await;
        peer.say(r#"{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{}}"#).await;
        peer.say(r#"{"jsonrpc":"2.0","method":"notifications/custom","params":{}}"#).await;
        peer.say(r#"{"jsonrpc":"2.0","id":4711,"result":{}}"#).await;
        peer.answer("{}").await;
    });
    let messages = Client::new(&server.upstream()).all("1", "tools/call", r#""name":"a""#).await;
    let methods: Vec<_> = messages.iter().map(|message| message.method()).collect();
    assert_eq!(methods, [Some("notifications/custom"), None]);
}

#[tokio::test(start_paused = true)]
async fn notifications_come_as_they_are_said() {
    let server = Server::new(Style::Streams, async |peer: Peer| {
        peer.progress(1).await;
        tokio::time::sleep(Duration::from_secs(20)).await;
        peer.progress(2).await;
        peer.answer("{}").await;
    });
    let client = Client::new(&server.upstream()).meta(r#""progressToken":"t""#);
    let started = tokio::time::Instant::now();
    let mut reply = client.send("1", "tools/call", r#""name":"a""#).await.unwrap();
    assert_eq!(next(&mut reply).await.kind(), Kind::Notification);
    assert!(started.elapsed() < Duration::from_secs(1));
    next(&mut reply).await;
    assert!(next(&mut reply).await.is_answer());
    assert!(reply.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_slows_its_own_server_down() {
    let server = Server::new(Style::Streams, async |peer: Peer| {
        if peer.param(&["name"]).as_deref() != Some(r#""flood""#) {
            return peer.answer("{}").await;
        }
        let mut said = 0;
        while tokio::time::timeout(Duration::from_secs(60), peer.progress(said)).await.is_ok() {
            said += 1;
            assert!(said < 1000, "nothing holds the server back");
        }
        for _ in 0..100 {
            peer.progress(said).await;
        }
        peer.answer("{}").await;
    });
    let client = Client::new(&server.upstream()).meta(r#""progressToken":1"#);
    let mut reply = client.send("1", "tools/call", r#""name":"flood""#).await.unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
    // Others are not held up.
    assert!(client.tool("2", "a").await.result().is_some());
    let mut count = 0;
    while let Some(message) = reply.next().await {
        count += 1;
        if message.unwrap().is_answer() {
            break;
        }
    }
    assert!(count > 100);
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_reading_cancels() {
    for style in BOTH {
        let server = Server::new(style, async |peer: Peer| {
            peer.progress(1).await;
            std::future::pending().await
        });
        let client = Client::new(&server.upstream()).meta(r#""progressToken":1"#);
        let mut reply = client.send("1", "tools/call", r#""name":"a""#).await.unwrap();
        next(&mut reply).await;
        drop(reply);
        let cancelled =
            tokio::time::timeout(Duration::from_secs(1), server.until("notifications/cancelled", 1));
        let cancelled = cancelled.await.unwrap().pop().unwrap();
        let request = server.heard("tools/call").pop().unwrap();
        assert_eq!(part(&cancelled, &["params", "requestId"]), part(&request, &["id"]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_future_cancels_and_a_finished_call_does_not() {
    let server = Server::new(Style::Streams, async |peer: Peer| {
        if peer.param(&["name"]).as_deref() == Some(r#""a""#) {
            return peer.answer("{}").await;
        }
        std::future::pending().await
    });
    let client = Client::new(&server.upstream());
    client.tool("0", "a").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(server.count("notifications/cancelled"), 0);

    let hanging = client.tool("1", "hang");
    assert!(tokio::time::timeout(Duration::from_secs(5), hanging).await.is_err());
    server.until("notifications/cancelled", 1).await;
}

#[tokio::test(start_paused = true)]
async fn errors_pass_and_a_missing_resource_gets_its_new_code() {
    for (code, passed) in [(-32002, -32602), (-32603, -32603), (-32601, -32601), (-7, -7)] {
        let server = Server::new(Style::Streams, move |peer: Peer| async move { peer.refuse(code).await });
        let answer = Client::new(&server.upstream()).ask("1", "resources/read", r#""uri":"a:b""#).await;
        assert_eq!(answer.error_code(), Some(passed));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_heard_of_is_not_sent_again() {
    let server = Server::new(Style::Streams, async |peer: Peer| {
        peer.progress(1).await;
        peer.fail(ChannelError::Forgotten).await;
    });
    let client = Client::new(&server.upstream()).meta(r#""progressToken":1"#);
    let mut reply = client.send("1", "tools/call", r#""name":"a""#).await.unwrap();
    next(&mut reply).await;
    assert_eq!(reply.next().await.unwrap().unwrap_err().kind(), FailureKind::Close);
    assert_eq!(server.count("tools/call"), 1);
}

#[tokio::test(start_paused = true)]
async fn discover_is_answered_from_initialize() {
    let server = Server::new(Style::Streams, async |peer: Peer| peer.answer("{}").await);
    let client = Client::new(&server.upstream());
    for _ in 0..3 {
        let answer = client.ask(r#""d""#, "server/discover", "").await;
        assert_eq!(
            text(&answer),
            r#"{"jsonrpc":"2.0","id":"d","result":{"resultType":"complete","ttlMs":5000,"cacheScope":"private","supportedVersions":["2026-07-28"],"capabilities":{"logging":{},"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"listChanged":true,"subscribe":true}},"instructions":"Be kind.","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"old","version":"1"}}}}"#
        );
    }
    assert_eq!((server.count("initialize"), server.count("server/discover")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn methods_of_the_past_are_unknown() {
    let server = Server::new(Style::Streams, async |peer: Peer| peer.answer("{}").await);
    let client = Client::new(&server.upstream());
    for method in [
        "ping",
        "initialize",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "tasks/get",
        "tasks/result",
        "tasks/list",
        "tasks/cancel",
    ] {
        assert_eq!(client.ask("1", method, "").await.error_code(), Some(-32601), "{method}");
    }
    assert_eq!(server.count("initialize"), 0);
}

#[tokio::test(start_paused = true)]
async fn wrong_params_are_refused() {
    let server = Server::new(Style::Streams, async |peer: Peer| peer.answer("{}").await);
    let loud = Client::new(&server.upstream()).meta(r#""io.modelcontextprotocol/logLevel":"loud""#);
    assert_eq!(loud.tool("1", "a").await.error_code(), Some(-32602));
    let listen =
        Client::new(&server.upstream()).ask("1", "subscriptions/listen", r#""notifications":7"#).await;
    assert_eq!(listen.error_code(), Some(-32602));
}

#[tokio::test(start_paused = true)]
async fn a_call_hears_the_log_from_its_own_level_on() {
    for style in BOTH {
        let server = Server::new(style, async |peer: Peer| {
            if peer.method() == "tools/call" {
                peer.log("debug", "details").await;
                peer.log("error", "trouble").await;
            }
            peer.answer("{}").await;
        });
        let upstream = server.upstream();
        let at = |level: &str| {
            let meta = format!(r#""io.modelcontextprotocol/logLevel":"{level}""#);
            Client::new(&upstream).meta(&meta)
        };
        let lines = |messages: Vec<portcullis_mcp_jsonrpc::Message>| messages.len() - 1;
        let call = r#""name":"a""#;
        assert_eq!(lines(at("error").all("1", "tools/call", call).await), 1, "{style:?}");
        assert_eq!(lines(at("debug").all("1", "tools/call", call).await), 2, "{style:?}");
        assert_eq!(lines(at("critical").all("1", "tools/call", call).await), 0, "{style:?}");
        assert_eq!(lines(Client::new(&upstream).all("1", "tools/call", call).await), 0, "{style:?}");
        // The level only ever becomes more verbose, and only when it has to.
        let levels: Vec<_> = server
            .heard("logging/setLevel")
            .iter()
            .map(|it| part(it, &["params", "level"]).unwrap())
            .collect();
        assert_eq!(levels, [r#""error""#, r#""debug""#]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_must_be_a_task_looks_like_any_other() {
    let server = Server::new(Style::Streams, async |peer: Peer| match peer.method() {
        "tools/call" if peer.param(&["task"]).is_none() => peer.refuse(-32601).await,
        "tools/call" => {
            peer.progress(1).await;
            peer.answer(r#"{"task":{"taskId":"t\"1","status":"working","createdAt":"x","ttl":null}}"#).await;
        }
        "tasks/result" if peer.param(&["taskId"]).as_deref() == Some(r#""t\"1""#) => {
            peer.answer(
                r#"{"content":[],"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t\"1"}}}"#,
            )
            .await;
        }
        _ => peer.refuse(-1).await,
    });
    let client = Client::new(&server.upstream()).meta(r#""progressToken":"p""#);
    let messages = client.all("5", "tools/call", r#""name":"a""#).await;
    assert_eq!(messages.len(), 2);
    assert_eq!(part(&messages[0], &["params", "progressToken"]).unwrap(), r#""p""#);
    assert_eq!(
        text(&messages[1]),
        r#"{"jsonrpc":"2.0","id":5,"result":{"resultType":"complete","content":[],"_meta":{}}}"#
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_found_out_of_a_tool_is_remembered_for_the_session() {
    let strict = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let demands = strict.clone();
    let server = Server::new(Style::Streams, move |peer: Peer| {
        let demands = demands.clone();
        async move {
            let task = peer.param(&["task"]).is_some();
            let strict = demands.load(std::sync::atomic::Ordering::SeqCst)
                && peer.param(&["name"]).as_deref() == Some(r#""slow""#);
            match peer.method() {
                "tools/call" if task != strict => peer.refuse(-32601).await,
                "tools/call" if task => peer.answer(r#"{"task":{"taskId":"t1"}}"#).await,
                _ => peer.answer(r#"{"content":[]}"#).await,
            }
        }
    });
    let client = Client::new(&server.upstream());
    let mut before = 0;
    // Found out, remembered, not taken for another tool's; and unlearned when it is not so any more.
    for (tool, is_strict, calls) in
        [("slow", true, 2), ("slow", true, 1), ("fast", true, 1), ("slow", false, 2), ("slow", false, 1)]
    {
        strict.store(is_strict, std::sync::atomic::Ordering::SeqCst);
        assert!(client.tool("1", tool).await.result().is_some(), "{tool} {is_strict}");
        let now = server.count("tools/call");
        assert_eq!(now - before, calls, "{tool} {is_strict}");
        before = now;
    }

    // A server that refuses both ways is asked both ways, and no more.
    let server = Server::new(Style::Streams, async |peer: Peer| peer.refuse(-32601).await);
    assert_eq!(Client::new(&server.upstream()).tool("1", "a").await.error_code(), Some(-32601));
    assert_eq!(server.count("tools/call"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_nobody_waits_for_is_cancelled() {
    let server = Server::new(Style::Streams, async |peer: Peer| match peer.method() {
        "tools/call" if peer.param(&["task"]).is_none() => peer.refuse(-32601).await,
        "tools/call" => peer.answer(r#"{"task":{"taskId":"t1"}}"#).await,
        "tasks/cancel" => peer.answer("{}").await,
        _ => std::future::pending().await,
    });
    let client = Client::new(&server.upstream());
    let reply = client.tool("5", "a");
    assert!(tokio::time::timeout(Duration::from_secs(3), reply).await.is_err());
    let cancel = server.until("tasks/cancel", 1).await.pop().unwrap();
    assert_eq!(part(&cancel, &["params", "taskId"]).unwrap(), r#""t1""#);
    assert_eq!(server.count("notifications/cancelled"), 0);
}

#[tokio::test(start_paused = true)]
async fn without_tasks_an_unknown_method_is_just_that() {
    let server = Server::new(Style::Streams, async |peer: Peer| peer.refuse(-32601).await);
    server.says_hello(r#"{"protocolVersion":"2025-06-18","capabilities":{"tools":{}}}"#);
    assert_eq!(Client::new(&server.upstream()).tool("1", "a").await.error_code(), Some(-32601));
    assert_eq!(server.count("tools/call"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_none_is_a_failure() {
    let server = Server::new(Style::Streams, async |_: Peer| {});
    let client = Client::new(&server.upstream()).who(Some(user("x")));
    let failure = match client.send("1", "tools/call", r#""name":"a""#).await {
        Err(failure) => failure,
        Ok(mut reply) => reply.next().await.unwrap().unwrap_err(),
    };
    assert_eq!(failure.kind(), FailureKind::Close);
}
