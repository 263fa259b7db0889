//! Requests that are answered with a question.

use std::time::Duration;

use tokio::time::Instant;

use super::*;

const ONE: &str = r#"{"resultType":"input_required","inputRequests":{"who":{"method":"elicitation/create","params":{"message":"Who?","requestedSchema":{"type":"object","properties":{}}}}},"requestState":"\u0061\/b"}"#;

const THREE: &str = r#"{"resultType":"input_required","inputRequests":{"a":{"method":"elicitation/create","params":{"mode":"url","url":"https://a","message":"m"}},"b":{"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}},"c":{"method":"roots/list"}}}"#;

const DONE: &str = r#"{"resultType":"complete","content":[]}"#;

#[tokio::test]
async fn one_question_becomes_one_request_and_its_answer_the_retry() {
    let bench = Bench::new([Act::result(ONE), Act::result(DONE)]);
    let mut reply = bench.tool().await;
    let request = next(&mut reply).await;
    assert_eq!((request.kind(), request.method()), (Kind::Request, Some("elicitation/create")));
    assert!(is_waiting(&mut reply));
    assert_eq!(bench.probe.calls().len(), 1);
    bench.answer(&request, r#"{"action":"accept","content":{"n":1.0}}"#);

    let rest = read::reply(reply).await;
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].text(), r#"{"jsonrpc":"2.0","id":7,"result":{"content":[]}}"#);
    let calls = bench.probe.calls();
    let again = calls[1].message();
    assert_ne!(again.id(), calls[0].message().id(), "a retry is a request of its own");
    assert_eq!(again.client_capabilities(), Some(ABLE.as_bytes()));
    let params = String::from_utf8(again.params().unwrap().to_vec()).unwrap();
    assert!(params.contains(r#""requestState":"\u0061\/b""#), "byte for byte: {params}");
    assert!(
        params.contains(r#""inputResponses":{"who":{"action":"accept","content":{"n":1.0}}}"#),
        "{params}"
    );
    assert!(params.ends_with(r#""name":"t","arguments":{"a":1}}"#), "{params}");
}

#[tokio::test]
async fn three_questions_are_asked_at_once_and_answered_in_any_order() {
    let bench = Bench::new([Act::result(THREE), Act::result(DONE)]);
    let mut reply = bench.tool().await;
    let (a, b, c) = (next(&mut reply).await, next(&mut reply).await, next(&mut reply).await);
    let methods = [&a, &b, &c].map(|request| request.method().unwrap());
    assert_eq!(methods, ["elicitation/create", "sampling/createMessage", "roots/list"]);
    let wanted = format!(r#","elicitationId":{}}}"#, a.id().unwrap().to_json());
    assert!(String::from_utf8(a.params().unwrap().to_vec()).unwrap().ends_with(&wanted));
    bench.answer(&c, r#"{"roots":[]}"#);
    bench.refuse(&a);
    assert!(is_waiting(&mut reply));
    bench.answer(&b, r#"{"model":"m"}"#);
    read::reply(reply).await;
    assert_eq!(
        bench.params(1),
        r#"{"arguments":{"a":1},"inputResponses":{"a":{"action":"cancel"},"b":{"model":"m"},"c":{"roots":[]}},"name":"t"}"#,
    );
}

#[tokio::test(start_paused = true)]
async fn no_question_but_a_state_is_a_retry_after_a_pause_that_grows() {
    let later = || Act::result(r#"{"resultType":"input_required","requestState":"s"}"#);
    let bench = Bench::new([later(), later(), later(), Act::result(DONE)]);
    let started = Instant::now();
    let messages = read::reply(bench.tool().await).await;
    assert_eq!(messages.len(), 1);
    assert_eq!(started.elapsed(), Duration::from_millis(250 + 500 + 1000));
    assert_eq!(bench.params(3), r#"{"arguments":{"a":1},"name":"t","requestState":"s"}"#);
}

#[tokio::test]
async fn rounds_follow_each_other_with_notifications_between() {
    let second = r#"{"resultType":"input_required","inputRequests":{"k":{"method":"roots/list"}}}"#;
    let bench = Bench::new([
        Act::stream().notify(r#"{"progress":1}"#).then_result(ONE),
        Act::stream().notify(r#"{"progress":2}"#).then_result(second),
        Act::stream().notify(r#"{"progress":3}"#).then_result(DONE),
    ]);
    let mut reply = bench.tool().await;
    let mut methods = Vec::new();
    loop {
        let message = next(&mut reply).await;
        if message.is_answer() {
            assert_eq!(message.id(), Some(&Id::from(7)));
            break;
        }
        methods.push(message.method().unwrap().to_owned());
        if message.kind() == Kind::Request {
            bench.answer(&message, "{}");
        }
    }
    let progress = "notifications/progress";
    assert_eq!(methods, [progress, "elicitation/create", progress, "roots/list", progress]);
    assert_eq!(
        bench.params(2),
        r#"{"arguments":{"a":1},"inputResponses":{"k":{}},"name":"t"}"#,
        "no stale state"
    );
}

#[tokio::test]
async fn a_server_that_asks_for_ever_is_given_up() {
    let mut bench = Bench::new([]);
    bench.service = Scripted::always(Act::result(ONE));
    bench.probe = bench.service.probe();
    bench.limits.rounds = 3;
    let mut reply = bench.tool().await;
    let last = loop {
        let message = next(&mut reply).await;
        if message.is_answer() {
            break message;
        }
        bench.answer(&message, "{}");
    };
    assert_eq!(last.error_code(), Some(code::EXHAUSTED));
    assert_eq!(bench.probe.calls().len(), 4);
}

#[tokio::test]
async fn the_last_round_that_is_allowed_may_still_succeed() {
    let mut bench = Bench::new([Act::result(ONE), Act::result(DONE)]);
    bench.limits.rounds = 1;
    let mut reply = bench.tool().await;
    let request = next(&mut reply).await;
    bench.answer(&request, "{}");
    assert!(next(&mut reply).await.result().is_some());
}

#[tokio::test]
async fn a_client_is_not_asked_for_what_it_cannot_do() {
    for (version, capabilities, result) in [
        (Version::LATEST, "{}", ONE),
        (Version::LATEST, r#"{"elicitation":{"form":{}},"sampling":{},"roots":{}}"#, THREE),
        (Version::LATEST, r#"{"elicitation":{"url":{}},"sampling":{}}"#, THREE),
    ] {
        let bench = Bench::of(version, capabilities, [Act::result(result)]);
        let messages = read::reply(bench.tool().await).await;
        assert_eq!(messages.len(), 1, "{capabilities}");
        assert_eq!(messages[0].error_code(), Some(code::MISSING_CAPABILITY), "{capabilities}");
    }
}

#[tokio::test]
async fn too_many_questions_are_refused() {
    let mut bench = Bench::new([Act::result(THREE), Act::result(THREE), Act::result(THREE)]);
    bench.limits.inputs = 2;
    let messages = read::reply(bench.tool().await).await;
    assert_eq!(messages[0].error_code(), Some(code::EXHAUSTED));
    (bench.limits.inputs, bench.limits.pending_inputs) = (3, 2);
    let messages = read::reply(bench.tool().await).await;
    assert_eq!(messages.iter().map(Message::error_code).collect::<Vec<_>>(), [Some(code::EXHAUSTED)]);
    (bench.limits.inputs, bench.limits.pending_inputs) = (3, 3);
    assert_eq!(next(&mut bench.tool().await).await.kind(), Kind::Request, "as many as are allowed");
}

#[tokio::test]
async fn a_question_refused_ends_the_call_and_the_other_questions() {
    let bench = Bench::new([Act::result(THREE)]);
    let mut reply = bench.tool().await;
    let (a, b, c) = (next(&mut reply).await, next(&mut reply).await, next(&mut reply).await);
    bench.answer(&a, "{}");
    bench.refuse(&b);
    let rest = read::reply(reply).await;
    assert_eq!(rest[0].method(), Some("notifications/cancelled"));
    let params = String::from_utf8(rest[0].params().unwrap().to_vec()).unwrap();
    assert!(params.starts_with(&format!(r#"{{"requestId":{},"#, c.id().unwrap().to_json())), "{params}");
    assert_eq!((rest[1].id(), rest[1].error_code()), (Some(&Id::from(7)), Some(code::INTERNAL_ERROR)));
    assert_eq!(rest.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_question_never_answered_ends_the_call_in_time() {
    let bench = Bench::new([Act::result(THREE)]);
    let mut reply = bench.tool().await;
    let (a, b) = (next(&mut reply).await, next(&mut reply).await);
    next(&mut reply).await;
    bench.answer(&b, "{}");
    let started = Instant::now();
    let rest = read::reply(reply).await;
    assert_eq!(started.elapsed(), Duration::from_secs(600));
    let methods: Vec<_> = rest.iter().map(|message| message.method().unwrap_or("answer")).collect();
    assert_eq!(methods, ["notifications/cancelled", "notifications/cancelled", "answer"]);
    assert_eq!(rest[2].error_code(), Some(code::TIMED_OUT));
    let late = Message::from_result(a.id().unwrap(), &portcullis_mcp_jsonrpc::Fragment::empty());
    assert!(bench.session.receive(late).is_err(), "nobody waits any more");
}

#[tokio::test]
async fn a_call_cancelled_or_dropped_while_it_waits_expects_no_answer() {
    for cancel in [true, false] {
        let bench = Bench::new([Act::result(ONE)]);
        let mut reply = bench.tool().await;
        let request = next(&mut reply).await;
        assert!(is_waiting(&mut reply));
        if cancel {
            bench.cancel();
            assert_eq!(next(&mut reply).await.error_code(), Some(CANCELLED));
        } else {
            drop(reply);
        }
        let late = Message::from_result(request.id().unwrap(), &portcullis_mcp_jsonrpc::Fragment::empty());
        assert!(bench.session.receive(late).is_err());
        assert_eq!(bench.probe.calls().len(), 1);
    }
}

#[tokio::test]
async fn a_question_that_is_none_is_garbage() {
    for wrong in [
        r#"{"resultType":"input_required"}"#,
        r#"{"resultType":"input_required","inputRequests":{"a":{"method":"tools/call"}}}"#,
    ] {
        let (messages, failure) = read::outcome(Bench::new([Act::result(wrong)]).tool().await).await;
        assert_eq!((messages.len(), failure.unwrap().kind()), (0, FailureKind::Garbage));
    }
}

#[tokio::test]
async fn a_retry_that_fails_ends_the_reply() {
    let bench = Bench::new([Act::result(ONE), Act::fail(FailureKind::Unreachable)]);
    let mut reply = bench.tool().await;
    let request = next(&mut reply).await;
    bench.answer(&request, "{}");
    let (_, failure) = read::outcome(reply).await;
    assert_eq!(failure.unwrap().kind(), FailureKind::Unreachable);
}

#[tokio::test]
async fn answers_that_nest_too_deep_end_the_call() {
    let bench = Bench::new([Act::result(ONE)]);
    let mut reply = bench.tool().await;
    let request = next(&mut reply).await;
    let deep = format!("{}{}", "[".repeat(125), "]".repeat(125));
    bench.answer(&request, &format!(r#"{{"a":{deep}}}"#));
    assert_eq!(next(&mut reply).await.error_code(), Some(code::INVALID_PARAMS));
    assert_eq!(bench.probe.calls().len(), 1);
}
