//! Tasks of 2025-11-25 over the extension of 2026-07-28.

use std::time::Duration;

use tokio::time::Instant;

use super::*;

const TASK: &str = r#"{"taskId":"t"}"#;

fn state(more: &str) -> Act {
    let times = r#""createdAt":"c","lastUpdatedAt":"l","ttlMs":9"#;
    Act::result(&format!(r#"{{"resultType":"complete","taskId":"t",{times},{more}}}"#))
}

fn working() -> Act {
    state(r#""status":"working","pollIntervalMs":2000"#)
}

fn methods(bench: &Bench) -> Vec<String> {
    bench.probe.calls().iter().map(|call| call.method().to_owned()).collect()
}

#[tokio::test]
async fn a_tool_called_as_a_task_gives_a_task() {
    let bench = Bench::new([Act::result(
        r#"{"resultType":"task","taskId":"t","status":"working","createdAt":"c","lastUpdatedAt":"l","ttlMs":null}"#,
    )]);
    let params = r#"{"name":"t","task":{"ttl":60000}}"#;
    let messages = read::reply(bench.ask("tools/call", params).await.unwrap()).await;
    assert_eq!(
        messages[0].text(),
        r#"{"jsonrpc":"2.0","id":7,"result":{"task":{"taskId":"t","status":"working","createdAt":"c","lastUpdatedAt":"l","ttl":null}}}"#,
    );
    let declared = bench.probe.calls()[0].message().client_capabilities().unwrap().to_vec();
    assert!(
        String::from_utf8(declared).unwrap().contains(r#""extensions":{"io.modelcontextprotocol/tasks":{}}"#)
    );
    assert_eq!(bench.params(0), r#"{"name":"t"}"#);
}

#[tokio::test]
async fn an_ordinary_call_does_not_declare_tasks() {
    let bench = Bench::new([Act::result("{}")]);
    bench.tool().await;
    assert_eq!(bench.probe.calls()[0].message().client_capabilities(), Some(ABLE.as_bytes()));
}

#[tokio::test]
async fn the_state_of_a_task_has_the_names_of_2025() {
    let bench = Bench::new([working(), Act::error(-32602, "no such task")]);
    let reply = bench.ask("tasks/get", TASK).await.unwrap();
    assert_eq!(
        reply.as_single().unwrap().text(),
        r#"{"jsonrpc":"2.0","id":7,"result":{"taskId":"t","createdAt":"c","lastUpdatedAt":"l","ttl":9,"status":"working","pollInterval":2000}}"#,
    );
    let reply = bench.ask("tasks/get", TASK).await.unwrap();
    assert_eq!(reply.as_single().unwrap().error_code(), Some(-32602));
}

#[tokio::test]
async fn a_task_that_is_cancelled_is_told_as_it_is_then() {
    let bench = Bench::new([working(), Act::result("{}"), state(r#""status":"cancelled""#)]);
    let messages = read::reply(bench.ask("tasks/cancel", TASK).await.unwrap()).await;
    assert_eq!(messages[0].id(), Some(&Id::from(7)));
    assert!(String::from_utf8(messages[0].text().to_vec()).unwrap().contains(r#""status":"cancelled""#));
    assert_eq!(methods(&bench), ["tasks/get", "tasks/cancel", "tasks/get"]);
}

#[tokio::test]
async fn a_task_that_has_ended_cannot_be_cancelled() {
    for ended in [
        r#""status":"cancelled""#,
        r#""status":"completed","result":{}"#,
        r#""status":"failed","error":{"code":1,"message":"m"}"#,
    ] {
        let bench = Bench::new([state(ended)]);
        let messages = read::reply(bench.ask("tasks/cancel", TASK).await.unwrap()).await;
        assert_eq!((messages[0].id(), messages[0].error_code()), (Some(&Id::from(7)), Some(-32602)));
    }
    let bench = Bench::new([working(), Act::error(-32601, "no")]);
    let messages = read::reply(bench.ask("tasks/cancel", TASK).await.unwrap()).await;
    assert_eq!((messages[0].id(), messages[0].error_code()), (Some(&Id::from(7)), Some(-32601)));
}

#[tokio::test(start_paused = true)]
async fn the_result_of_a_task_is_waited_for() {
    let done = state(r#""status":"completed","result":{"content":[]}"#);
    let bench = Bench::new([working(), state(r#""status":"working""#), done]);
    let started = Instant::now();
    let messages = read::reply(bench.ask("tasks/result", TASK).await.unwrap()).await;
    assert_eq!(started.elapsed(), Duration::from_secs(3));
    assert_eq!(messages.len(), 1);
    assert_eq!(
        messages[0].text(),
        r#"{"jsonrpc":"2.0","id":7,"result":{"content":[],"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"}}}}"#,
    );
}

#[tokio::test]
async fn a_task_that_failed_or_was_cancelled_gives_an_error() {
    for (ended, wanted) in [
        (state(r#""status":"failed","error":{"code":-5,"message":"m"}"#), -5),
        (state(r#""status":"cancelled""#), CANCELLED),
        (Act::error(-32602, "no such task"), -32602),
    ] {
        let bench = Bench::new([ended]);
        let messages = read::reply(bench.ask("tasks/result", TASK).await.unwrap()).await;
        assert_eq!((messages[0].id(), messages[0].error_code()), (Some(&Id::from(7)), Some(wanted)));
    }
}

fn waiting(keys: &[&str]) -> Act {
    let requests: Vec<_> = keys.iter().map(|key| format!(r#""{key}":{{"method":"roots/list"}}"#)).collect();
    state(&format!(r#""status":"input_required","inputRequests":{{{}}}"#, requests.join(",")))
}

#[tokio::test(start_paused = true)]
async fn a_task_that_asks_is_answered_once_for_each_question() {
    let done = state(r#""status":"completed","result":{"content":[]}"#);
    let bench = Bench::new([
        waiting(&["a"]),
        Act::result("{}"),
        waiting(&["a"]), // It has not taken note yet.
        waiting(&["a", "b"]),
        Act::result("{}"),
        done,
    ]);
    let mut reply = bench.ask("tasks/result", TASK).await.unwrap();
    for root in [r#"{"roots":[]}"#, r#"{"roots":[1]}"#] {
        let request = next(&mut reply).await;
        assert_eq!(
            request.params(),
            Some(&br#"{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"}}}"#[..]),
        );
        bench.answer(&request, root);
    }
    assert!(next(&mut reply).await.result().is_some());
    let get = "tasks/get";
    assert_eq!(methods(&bench), [get, "tasks/update", get, get, "tasks/update", get]);
    assert_eq!(bench.params(1), r#"{"inputResponses":{"a":{"roots":[]}},"taskId":"t"}"#);
    assert_eq!(bench.params(4), r#"{"inputResponses":{"b":{"roots":[1]}},"taskId":"t"}"#);
}

#[tokio::test(start_paused = true)]
async fn a_task_without_end_is_not_waited_for_without_end() {
    let mut bench = Bench::new([]);
    bench.service = Scripted::always(working());
    bench.probe = bench.service.probe();
    bench.limits.task_wait = Duration::from_secs(59);
    let messages = read::reply(bench.ask("tasks/result", TASK).await.unwrap()).await;
    assert_eq!(messages[0].error_code(), Some(code::TIMED_OUT));
    assert_eq!(bench.probe.calls().len(), 30);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_task_can_be_cancelled_and_the_task_goes_on() {
    let mut bench = Bench::new([]);
    bench.service = Scripted::always(working());
    bench.probe = bench.service.probe();
    let mut reply = bench.ask("tasks/result", TASK).await.unwrap();
    assert!(is_waiting(&mut reply));
    bench.cancel();
    assert_eq!(next(&mut reply).await.error_code(), Some(CANCELLED));
    assert_eq!(methods(&bench), ["tasks/get"]);
}

#[tokio::test]
async fn an_answer_that_is_no_task_is_garbage() {
    for method in ["tasks/result", "tasks/cancel"] {
        let bench = Bench::new([Act::result(r#"{"resultType":"complete"}"#)]);
        let (_, failure) = read::outcome(bench.ask(method, TASK).await.unwrap()).await;
        assert_eq!(failure.unwrap().kind(), FailureKind::Garbage);
    }
    let bench = Bench::new([Act::result("{}")]);
    assert_eq!(bench.ask("tasks/get", TASK).await.unwrap_err().kind(), FailureKind::Garbage);
}

#[tokio::test]
async fn answers_that_nest_too_deep_are_not_sent() {
    let bench = Bench::new([waiting(&["a"])]);
    let mut reply = bench.ask("tasks/result", TASK).await.unwrap();
    let request = next(&mut reply).await;
    let deep = format!("{}{}", "[".repeat(125), "]".repeat(125));
    bench.answer(&request, &format!(r#"{{"a":{deep}}}"#));
    let last = next(&mut reply).await;
    assert_eq!((last.id(), last.error_code()), (Some(&Id::from(7)), Some(code::INVALID_PARAMS)));
}
