//! Requests that are answered in one go.

use http::StatusCode;
use portcullis_core::Principal;

use super::*;

#[tokio::test]
async fn what_concerns_the_session_is_answered_here() {
    let too_long = format!(r#"{{"uri":"a:{}"}}"#, "b".repeat(5000));
    for (method, params, wanted) in [
        ("ping", "{}", r#""result":{}"#),
        ("initialize", r#"{"protocolVersion":"2025-11-25"}"#, r#""error":{"code":-32600,"#),
        ("logging/setLevel", r#"{"level":"alert"}"#, r#""result":{}"#),
        ("logging/setLevel", r#"{"level":"loud"}"#, r#""error":{"code":-32602,"#),
        ("logging/setLevel", r#"{"level":3}"#, r#""error":{"code":-32602,"#),
        ("logging/setLevel", "{}", r#""error":{"code":-32602,"#),
        ("resources/subscribe", r#"{"uri":"a:b"}"#, r#""result":{}"#),
        ("resources/subscribe", r#"{"uri":1}"#, r#""error":{"code":-32602,"#),
        ("resources/subscribe", &too_long, r#""error":{"code":-31429,"#),
        ("resources/unsubscribe", r#"{"uri":"a:b"}"#, r#""result":{}"#),
        ("resources/unsubscribe", "{}", r#""error":{"code":-32602,"#),
        ("server/discover", "{}", r#""error":{"code":-32601,"#),
        ("subscriptions/listen", r#"{"notifications":{}}"#, r#""error":{"code":-32601,"#),
        ("tasks/list", "{}", r#""error":{"code":-32601,"#),
        ("tasks/update", "{}", r#""error":{"code":-32601,"#),
        ("tasks/result", "{}", r#""error":{"code":-32602,"#),
        ("tasks/cancel", r#"{"taskId":1}"#, r#""error":{"code":-32602,"#),
    ] {
        let bench = Bench::new([]);
        let answers = read::reply(bench.ask(method, params).await.unwrap()).await;
        let text = String::from_utf8(answers[0].text().to_vec()).unwrap();
        assert!(
            text.starts_with(&format!(r#"{{"jsonrpc":"2.0","id":7,{wanted}"#)),
            "{method} {params}: {text}"
        );
        assert!(bench.probe.calls().is_empty(), "{method}");
    }
    let bench = Bench::of(Version::V2025_06_18, ABLE, []);
    for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
        let reply = bench.ask(method, r#"{"taskId":"t"}"#).await.unwrap();
        assert_eq!(reply.as_single().unwrap().error_code(), Some(-32601), "{method}");
    }
}

#[tokio::test]
async fn a_lone_result_stays_one_message() {
    let bench = Bench::new([Act::result(
        r#"{"resultType":"complete","content":[],"_meta":{"io.modelcontextprotocol/serverInfo":{}}}"#,
    )]);
    let reply = bench.tool().await;
    let wanted = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[]}}"#;
    assert_eq!(reply.as_single().expect("one message").text(), wanted);
}

#[tokio::test]
async fn the_call_inside_speaks_the_modern_form_and_has_no_headers_that_could_lie() {
    let bench = Bench::new([Act::result("{}")]);
    let mut head = Ask::tool("another")
        .principal(Principal::new(portcullis_core::Kind::User, "ann"))
        .call()
        .into_parts()
        .1;
    for (name, value) in [
        ("mcp-session-id", "s"),
        ("mcp-protocol-version", "2025-06-18"),
        ("mcp-param-city", "Paris"),
        ("last-event-id", "1"),
        ("x-kept", "yes"),
    ] {
        head.headers.insert(name, value.parse().unwrap());
    }
    let text = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","_meta":{"traceparent":"00-a"}}}"#;
    let session = Arc::clone(&bench.session);
    exchange(bench.service.clone(), session, message(text), head, &bench.limits).await.unwrap();

    let call = &bench.probe.calls()[0];
    assert!(call.headers().keys().all(|name| !name.as_str().starts_with("mcp-")), "{:?}", call.headers());
    assert!(!call.headers().contains_key("last-event-id"));
    assert_eq!(call.headers()["x-kept"], "yes");
    assert!(call.extensions().get::<Principal>().is_some());
    assert_eq!(call.message().protocol_version(), Some("2026-07-28"));
    assert_eq!(call.message().client_capabilities(), Some(ABLE.as_bytes()));
    let meta = String::from_utf8(call.message().meta().unwrap().to_vec()).unwrap();
    assert!(meta.contains(r#""traceparent":"00-a""#) && !meta.contains("logLevel"), "{meta}");
}

#[tokio::test]
async fn an_error_passes_with_its_code_and_its_status() {
    let bench = Bench::new([Act::with(|call| {
        let error = Message::from_error(call.id(), -31403, "No.", None);
        Ok(Reply::message(error).with_status(StatusCode::FORBIDDEN))
    })]);
    let reply = bench.tool().await;
    assert_eq!(reply.extensions().get::<StatusCode>(), Some(&StatusCode::FORBIDDEN));
    assert_eq!(reply.as_single().unwrap().error_code(), Some(-31403));
}

#[tokio::test]
async fn notifications_stream_through_as_they_come() {
    let bench = Bench::new([Act::stream()
        .notify(r#"{"progress":1}"#)
        .pending()
        .notify(r#"{"progress":2}"#)
        .then_result(r#"{"resultType":"complete","content":[]}"#)]);
    let mut reply = bench.tool().await;
    assert!(reply.as_single().is_none());
    assert_eq!(next(&mut reply).await.params(), Some(&br#"{"progress":1}"#[..]));
    assert!(is_waiting(&mut reply));
    let rest = read::reply(reply).await;
    assert_eq!(rest[0].params(), Some(&br#"{"progress":2}"#[..]));
    assert_eq!(rest[1].result(), Some(&br#"{"content":[]}"#[..]));
}

fn logging() -> Act {
    Act::with(|call| {
        let log = |level: &str| {
            let params = format!(r#"{{"level":"{level}","data":1}}"#);
            let params = portcullis_mcp_jsonrpc::Fragment::parse(params).unwrap();
            Ok(Message::from_notification("notifications/message", &params))
        };
        let last = Message::from_error(call.id(), -1, "over", None);
        Ok(Reply::stream(futures_util::stream::iter([log("debug"), log("info"), log("error"), Ok(last)])))
    })
}

#[tokio::test]
async fn log_messages_are_asked_for_and_passed_from_the_level_on_that_is_set() {
    for (set, unasked, level, passed) in [
        (None, None, None, 0),
        (None, Some(Level::Info), Some("info"), 2),
        (Some("debug"), None, Some("debug"), 3),
        (Some("warning"), Some(Level::Info), Some("warning"), 1),
        (Some("emergency"), None, Some("emergency"), 0),
    ] {
        let mut bench = Bench::new([logging()]);
        bench.limits.unasked_logs = unasked;
        if let Some(level) = set {
            bench.ask("logging/setLevel", &format!(r#"{{"level":"{level}"}}"#)).await.unwrap();
        }
        let messages = read::reply(bench.tool().await).await;
        assert_eq!(messages.len(), passed + 1, "{set:?} {unasked:?}");
        let meta = bench.probe.calls()[0].message().meta().unwrap().to_vec();
        let declared = String::from_utf8(meta).unwrap();
        let level = level.map(|level| format!(r#""io.modelcontextprotocol/logLevel":"{level}""#));
        assert_eq!(level.is_some(), declared.contains("logLevel"));
        assert!(level.is_none_or(|level| declared.contains(&level)), "{declared}");
    }
}

#[tokio::test]
async fn what_breaks_inside_is_a_failure() {
    let bench = Bench::new([
        Act::fail(FailureKind::Unreachable),
        Act::stream().notify("{}").then_fail(FailureKind::Oversize),
        Act::stream().notify("{}"),
        Act::result(r#"{"resultType":"later"}"#),
        Act::result(r#"{"resultType":"task","taskId":"unasked"}"#),
    ]);
    let params = r#"{"name":"t"}"#;
    let kind = |reply: Result<Reply, Failure>| reply.unwrap_err().kind();
    assert_eq!(kind(bench.ask("tools/call", params).await), FailureKind::Unreachable);
    for wanted in [FailureKind::Oversize, FailureKind::Close] {
        let (messages, failure) = read::outcome(bench.tool().await).await;
        assert_eq!((messages.len(), failure.unwrap().kind()), (1, wanted));
    }
    assert_eq!(kind(bench.ask("tools/call", params).await), FailureKind::Garbage);
    let (_, failure) = read::outcome(bench.tool().await).await;
    assert_eq!(failure.unwrap().kind(), FailureKind::Garbage);
}

#[tokio::test]
async fn waits_until_the_service_inside_is_ready() {
    let mut bench = Bench::new([Act::result("{}")]);
    bench.service = bench.service.closed();
    let mut asked = std::pin::pin!(bench.tool());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(asked.as_mut().poll(&mut cx).is_pending());
    bench.probe.open();
    assert!(asked.await.as_single().is_some());
}

#[tokio::test]
async fn requests_over_the_limit_are_overload_until_one_ends() {
    let mut bench = Bench::new([Act::stream().then_hang(), Act::result("{}")]);
    bench.limits.requests = 1;
    let first = bench.tool().await;
    let refused = bench.ask("tools/list", "{}").await.unwrap_err();
    assert_eq!(refused.kind(), FailureKind::Overload);
    assert!(bench.ask("ping", "{}").await.is_ok(), "what needs nobody inside goes on");
    drop(first);
    assert!(bench.ask("tools/list", "{}").await.is_ok());
}

#[tokio::test]
async fn a_meta_that_is_no_object_is_refused() {
    let bench = Bench::new([]);
    let reply = bench.ask("tools/list", r#"{"_meta":[]}"#).await.unwrap();
    assert_eq!(reply.as_single().unwrap().error_code(), Some(-32602));
}

#[tokio::test]
async fn a_notification_is_no_exchange() {
    let bench = Bench::new([]);
    let reply = bench.send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await.unwrap();
    assert!(reply.is_empty());
}

#[tokio::test]
async fn a_cancelled_request_ends_and_cancels_what_is_inside() {
    // While the service has not answered at all.
    let bench = Bench::new([Act::hang()]);
    let mut asked = std::pin::pin!(bench.ask("tools/call", r#"{"name":"t"}"#));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(asked.as_mut().poll(&mut cx).is_pending());
    bench.cancel();
    let reply = asked.await.unwrap();
    assert_eq!(reply.as_single().unwrap().error_code(), Some(CANCELLED));
    assert_eq!(bench.probe.futures().dropped(), 1);

    // In the middle of a stream.
    let bench = Bench::new([Act::stream().notify("{}").then_hang()]);
    let mut reply = bench.tool().await;
    next(&mut reply).await;
    assert!(is_waiting(&mut reply));
    bench.cancel();
    let last = next(&mut reply).await;
    assert_eq!((last.id(), last.error_code()), (Some(&Id::from(7)), Some(CANCELLED)));
    assert_eq!(bench.probe.streams().dropped(), 1);
}

#[tokio::test]
async fn a_dropped_reply_drops_the_reply_inside() {
    let bench = Bench::new([Act::stream().notify("{}").then_hang()]);
    let mut reply = bench.tool().await;
    next(&mut reply).await;
    assert_eq!(bench.probe.streams().live(), 1);
    drop(reply);
    assert_eq!((bench.probe.streams().live(), bench.probe.streams().dropped()), (0, 1));
}
