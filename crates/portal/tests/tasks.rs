//! Tasks of many servers (extension `io.modelcontextprotocol/tasks`).
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod support;

use std::future::poll_fn;
use std::task::Poll;

use portcullis_mcp_jsonrpc::{Call, FailureKind, Reply};
use portcullis_portal::{Builder, Namespace, Portal};
use serde_json::{Value, json};
use support::{Mock, able, ask, next, request, settle};
use tower::Service;

const TASKS: &str = "io.modelcontextprotocol/tasks";

fn task(id: &str, more: Value) -> Value {
    let mut task = json!({ "resultType": "complete", "taskId": id, "status": "working", "ttlMs": null });
    task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    task
}

/// Makes a task `t_1` of every call, and says which task it was asked for.
fn worker() -> Mock {
    Mock::new()
        .result("tools/call", task("t_1", json!({ "resultType": "task" })))
        .result("tasks/update", json!({ "resultType": "complete" }))
        .result("tasks/cancel", json!({ "resultType": "complete" }))
        .on("tasks/get", |call| {
            let params: Value = serde_json::from_slice(call.message().params().unwrap()).unwrap();
            match params["taskId"].as_str().unwrap() {
                "t_1" => Ok(json!({ "result": task("t_1", json!({ "status": "completed", "result": { "taskId": "x" } })) })),
                "asks" => {
                    let requests = json!({ "1": { "method": "elicitation/create", "params": {} } });
                    Ok(json!({ "result": task("asks", json!({ "status": "input_required", "inputRequests": requests })) }))
                }
                _ => Ok(json!({ "error": { "code": -32602, "message": "Task not found" } })),
            }
        })
        .result(
            "server/discover",
            json!({
                "resultType": "complete", "supportedVersions": ["2026-07-28"], "ttlMs": 60000, "cacheScope": "public",
                "capabilities": { "tools": { "listChanged": true }, "extensions": { TASKS: {} } },
            }),
        )
        .listens()
}

fn two() -> (Builder, Mock, Mock) {
    let (a, b) = (worker(), worker());
    (Portal::builder("p").server(a.server("a")).server(b.server("b")), a, b)
}

fn patient(method: &str, params: Value) -> Call {
    let capabilities = json!({ "elicitation": {}, "extensions": { TASKS: {} } });
    let mut call = request(method, able(capabilities, params));
    let params: Value = serde_json::from_slice(call.message().params().unwrap()).unwrap();
    if let Some(id) = params["taskId"].as_str() {
        let id = portcullis_mcp_jsonrpc::header::encode_value(id);
        call.headers_mut().insert("mcp-name", id);
    }
    call
}

fn about(method: &str, id: &str) -> Call {
    patient(method, json!({ "taskId": id, "inputResponses": {} }))
}

#[tokio::test]
async fn a_task_is_found_again_at_the_server_that_made_it() {
    for namespace in [Namespace::Always, Namespace::WhenNeeded, Namespace::Never] {
        let (builder, a, b) = two();
        let portal = builder.namespace(namespace).build().unwrap();
        if namespace == Namespace::Always {
            let made = ask(&portal, patient("tools/call", json!({ "name": "b_slow" }))).await;
            assert_eq!(made["result"]["taskId"], "b_t_1", "{made}");
            assert_eq!(made["result"]["resultType"], "task");
        }
        let told = ask(&portal, about("tasks/get", "b_t_1")).await;
        assert_eq!(told["result"]["taskId"], "b_t_1", "{told}");
        assert_eq!(told["result"]["result"]["taskId"], "x", "not the portal's to change");
        assert_eq!(b.params("tasks/get")["taskId"], "t_1");
        assert_eq!(b.last("tasks/get").headers()["mcp-name"], "t_1");
        for method in ["tasks/update", "tasks/cancel"] {
            let done = ask(&portal, about(method, "a_\"é")).await;
            assert_eq!(done["result"], json!({ "resultType": "complete" }));
            assert_eq!(a.params(method)["taskId"], "\"é");
            assert_eq!(a.params(method)["inputResponses"], json!({}));
        }
        assert_eq!((a.count("tasks/get"), b.count("tasks/update")), (0, 0));
    }
}

#[tokio::test]
async fn tasks_that_nobody_made_are_refused() {
    let (builder, a, b) = two();
    let portal = builder.build().unwrap();
    for id in ["t_1", "c_1", "", "_", "a_", "_1", "a", "A_1", "a-b_1", &"x".repeat(10_000)] {
        let answer = ask(&portal, about("tasks/get", id)).await;
        assert_eq!(answer["error"]["code"], -32602, "{id}");
        assert!(answer["error"]["message"].as_str().unwrap().len() < 200);
    }
    for id in [json!(null), json!(1), json!(["a_1"]), json!({ "taskId": "a_1" })] {
        assert_eq!(
            ask(&portal, patient("tasks/get", json!({ "taskId": id }))).await["error"]["code"],
            -32602
        );
    }
    assert_eq!(a.count("tasks/get") + b.count("tasks/get"), 0);
    // Made up, but at a server: that one says so.
    assert_eq!(ask(&portal, about("tasks/get", "a_9")).await["error"]["message"], "Task not found");
    for method in ["tasks/list", "tasks/result"] {
        assert_eq!(ask(&portal, about(method, "a_t_1")).await["error"]["code"], -32601);
    }
}

#[tokio::test]
async fn the_header_must_name_the_same_task_and_is_made_for_who_has_none() {
    let (builder, a, _) = two();
    let portal = builder.build().unwrap();
    let mut call = about("tasks/get", "a_t_1");
    call.headers_mut().insert("mcp-name", "b_t_1".parse().unwrap());
    assert_eq!(ask(&portal, call).await["error"]["code"], -32020);
    assert_eq!(a.count("tasks/get"), 0);
    let bare = support::bare("tasks/get", json!({ "taskId": "a_t_1" }));
    assert_eq!(ask(&portal, bare).await["result"]["taskId"], "a_t_1");
    assert_eq!(a.last("tasks/get").headers()["mcp-name"], "t_1");
}

#[tokio::test]
async fn nobody_gets_a_task_or_a_question_that_they_did_not_declare() {
    let (builder, ..) = two();
    let portal = builder.build().unwrap();
    let answer = ask(&portal, request("tools/call", json!({ "name": "a_slow" }))).await;
    assert_eq!(answer["error"]["code"], -32021);
    assert_eq!(answer["error"]["data"]["requiredCapabilities"], json!({ "extensions": { TASKS: {} } }));

    let answer = ask(&portal, about("tasks/get", "a_asks")).await;
    assert!(answer["result"]["inputRequests"]["1"].is_object());
    assert_eq!(answer["result"]["taskId"], "a_asks");
    let mute = request("tasks/get", json!({ "taskId": "a_asks" }));
    let answer = ask(&portal, mute).await;
    assert_eq!(answer["error"]["data"]["requiredCapabilities"], json!({ "elicitation": { "form": {} } }));

    let nameless = Mock::new().result("tools/call", json!({ "resultType": "task", "taskId": 1 }));
    let portal = Portal::builder("p").server(nameless.server("a")).build().unwrap();
    let failure = portal.clone().call(patient("tools/call", json!({ "name": "a_slow" }))).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Garbage);
}

#[tokio::test]
async fn a_transparent_portal_changes_no_ids() {
    let mock = worker();
    let portal = Portal::builder("p").namespace(Namespace::Never).server(mock.server("a")).build().unwrap();
    assert_eq!(ask(&portal, patient("tools/call", json!({ "name": "x" }))).await["result"]["taskId"], "t_1");
    assert_eq!(ask(&portal, about("tasks/get", "t_1")).await["result"]["taskId"], "t_1");
    assert_eq!(ask(&portal, about("tasks/get", "a_t_1")).await["error"]["message"], "Task not found");
    let mut reply = portal.clone().call(listen(json!({ "taskIds": ["t_1"] }))).await.unwrap();
    assert_eq!(next(&mut reply).await["params"]["notifications"], json!({ "taskIds": ["t_1"] }));
    mock.send(status("t_1", json!({})));
    assert_eq!(poll(&mut reply).await.unwrap()["params"]["taskId"], "t_1");
}

fn listen(filter: Value) -> Call {
    patient("subscriptions/listen", json!({ "notifications": filter }))
}

fn status(id: &str, more: Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/tasks", "params": task(id, more) })
}

/// The next message, if there is one without waiting.
async fn poll(reply: &mut Reply) -> Option<Value> {
    settle().await;
    match poll_fn(|cx| Poll::Ready(reply.poll_message(cx))).await {
        Poll::Ready(Some(message)) => Some(serde_json::from_slice(message.unwrap().text()).unwrap()),
        Poll::Ready(None) | Poll::Pending => None,
    }
}

#[tokio::test(start_paused = true)]
async fn streams_tell_of_tasks_under_the_ids_that_clients_know() {
    let (builder, a, b) = two();
    let c = Mock::new().result(
        "server/discover",
        json!({ "resultType": "complete", "capabilities": { "tools": { "listChanged": true } }, "ttlMs": 60000, "cacheScope": "public" }),
    );
    let portal = builder.server(c.clone().listens().server("c")).build().unwrap();
    let filter =
        json!({ "toolsListChanged": true, "taskIds": ["b_t_1", "a_t_1", "c_1", "z_1", "b_asks", "x"] });
    let mut reply = portal.clone().call(listen(filter)).await.unwrap();
    let acknowledged = next(&mut reply).await["params"]["notifications"].clone();
    assert_eq!(acknowledged, json!({ "toolsListChanged": true, "taskIds": ["b_t_1", "a_t_1", "b_asks"] }));
    let asked = |mock: &Mock| mock.params("subscriptions/listen")["notifications"].clone();
    assert_eq!(asked(&a), json!({ "toolsListChanged": true, "taskIds": ["t_1"] }));
    assert_eq!(asked(&b), json!({ "toolsListChanged": true, "taskIds": ["t_1", "asks"] }));
    assert_eq!(asked(&c), json!({ "toolsListChanged": true }));

    b.send(status("t_1", json!({ "status": "completed", "result": {} })));
    let told = poll(&mut reply).await.unwrap();
    assert_eq!(told["params"]["taskId"], "b_t_1");
    assert_eq!(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 7);
    let question = |method: &str| json!({ "inputRequests": { "1": { "method": method } } });
    b.send(status("asks", question("elicitation/create")));
    assert_eq!(poll(&mut reply).await.unwrap()["params"]["taskId"], "b_asks");
    // Not asked about, made up, asking for what the client cannot do, and no task at all.
    b.send(status("t_2", json!({})));
    a.send(status("asks", json!({})));
    c.send(status("1", json!({})));
    b.send(status("asks", question("sampling/createMessage")));
    b.send(json!({ "jsonrpc": "2.0", "method": "notifications/tasks", "params": { "taskId": 1 } }));
    assert_eq!(poll(&mut reply).await, None);
    a.send(json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" }));
    assert_eq!(poll(&mut reply).await.unwrap()["method"], "notifications/tools/list_changed");
}

#[tokio::test(start_paused = true)]
async fn an_only_server_acknowledges_under_the_ids_that_clients_know() {
    let mock = worker();
    let portal = Portal::builder("p").server(mock.server("a")).build().unwrap();
    let filter = json!({ "x/own": 1.0, "taskIds": ["a_t_1", "t_1"] });
    let mut reply = portal.clone().call(listen(filter)).await.unwrap();
    let acknowledged = next(&mut reply).await["params"]["notifications"].clone();
    assert_eq!(acknowledged, json!({ "x/own": 1.0, "taskIds": ["a_t_1"] }));
    assert_eq!(
        mock.params("subscriptions/listen")["notifications"],
        json!({ "x/own": 1.0, "taskIds": ["t_1"] })
    );
    mock.send(status("t_1", json!({})));
    assert_eq!(poll(&mut reply).await.unwrap()["params"]["taskId"], "a_t_1");
}

#[tokio::test]
async fn who_listens_to_tasks_must_declare_them() {
    let (builder, a, _) = two();
    let call = request("subscriptions/listen", json!({ "notifications": { "taskIds": ["a_t_1"] } }));
    let answer = ask(&builder.build().unwrap(), call).await;
    assert_eq!(answer["error"]["code"], -32021);
    assert_eq!(a.count("subscriptions/listen"), 0);
}
