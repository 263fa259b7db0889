//! What works between a client of either era and a server of either era, over HTTP and over pipes: everything.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Client, reply};
use crate::gateway::{Pair, pair};
use crate::server::{BIG, WATCHED, question};
use crate::{Era, at};

/// Tells a story with each client and each server.
async fn each(story: impl AsyncFn(&str, Client, Pair)) {
    for server in [Era::Legacy, Era::Modern] {
        for pipes in [false, true] {
            for client in [Era::Legacy, Era::Modern] {
                let transport = if pipes { "pipes" } else { "HTTP" };
                let name = format!("{client:?} client, {server:?} server over {transport}");
                // Shown with a failure that does not say itself where it happened.
                println!("{name}");
                let pair = pair(server, pipes).await;
                story(&name, Client::connect(pair.gateway, client).await, pair).await;
            }
        }
    }
}

fn names(result: &Value, list: &str, key: &str) -> BTreeSet<String> {
    let items = result[list].as_array().unwrap_or_else(|| panic!("{result}"));
    items.iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_are_listed_and_called() {
    each(async |name, client, _pair| {
        let list = client.ask("tools/list", json!({})).await;
        let tools = names(list.result(), "tools", "name");
        assert!(tools.contains("up_echo") && tools.len() == 10, "{name}: {tools:?}");
        let schema = &list.result()["tools"][0]["inputSchema"];
        assert_eq!(at(schema, "/$defs/kept/type"), "string", "{name}: {schema}");

        let arguments = json!({ "text": "h\u{e9}llo \0 \u{1F980}", "number": 1.5, "deep": [[{}]] });
        let params = json!({ "name": "up_echo", "arguments": arguments });
        let told = client.ask("tools/call", params).await;
        let seen: Value = serde_json::from_str(told.text()).unwrap();
        assert_eq!(seen, arguments, "{name}");
        assert_eq!(told.result()["x-kept"], 1, "{name}: {}", told.answer);
    })
    .await;
}

/// What 2026-07-28 asks of results, and nobody before: Python's client refuses results without it.
#[tokio::test(flavor = "multi_thread")]
async fn modern_results_are_complete_and_legacy_ones_have_nothing_of_it() {
    each(async |name, client, _pair| {
        for method in
            ["tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read"]
        {
            let told = client.ask(method, json!({ "uri": "mem://up" })).await;
            let result = told.result();
            let members = ["resultType", "ttlMs", "cacheScope"].map(|member| result.get(member).is_some());
            assert_eq!(members, [client.era == Era::Modern; 3], "{name}: {method}: {result}");
        }
        let told = client.call("echo").await;
        let expected = if client.era == Era::Modern { json!("complete") } else { Value::Null };
        assert_eq!(told.result()["resultType"], expected, "{name}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_resources_and_completions_are_served() {
    each(async |name, client, _pair| {
        let list = client.ask("prompts/list", json!({})).await;
        assert_eq!(names(list.result(), "prompts", "name"), ["up_greet".to_owned()].into(), "{name}");
        let prompt =
            client.ask("prompts/get", json!({ "name": "up_greet", "arguments": { "whom": "Ann" } })).await;
        let text = at(prompt.result(), "/messages/0/content/text");
        assert_eq!(text, "Hello Ann from up", "{name}");

        let list = client.ask("resources/list", json!({})).await;
        let uris = names(list.result(), "resources", "uri");
        assert!(uris.contains("mem://up") && uris.contains(WATCHED), "{name}: {uris:?}");
        let list = client.ask("resources/templates/list", json!({})).await;
        assert_eq!(names(list.result(), "resourceTemplates", "uriTemplate").len(), 1, "{name}");
        let read = client.ask("resources/read", json!({ "uri": "mem://up" })).await;
        assert_eq!(at(read.result(), "/contents/0/text"), "read at up", "{name}");

        let reference = json!({ "type": "ref/prompt", "name": "up_greet" });
        let argument = json!({ "name": "whom", "value": "An" });
        let told = client.ask("completion/complete", json!({ "ref": reference, "argument": argument })).await;
        assert_eq!(at(told.result(), "/completion/values"), &json!(["An...", "greet"]), "{name}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_and_the_log_come_before_the_answer() {
    each(async |name, mut client, _pair| {
        if client.era == Era::Legacy {
            client.ask("logging/setLevel", json!({ "level": "info" })).await.result();
        }
        client.level = Some("info");
        let params = json!({ "name": "up_work", "arguments": {}, "_meta": { "progressToken": "t\"0" } });
        let told = client.ask("tools/call", params).await;
        let progress = told.notes("notifications/progress");
        let steps: Vec<_> = progress.iter().map(|note| (&note["progressToken"], &note["progress"])).collect();
        assert_eq!(steps, [(&json!("t\"0"), &json!(1)), (&json!("t\"0"), &json!(2))], "{name}");
        let log: Vec<_> = told.notes("notifications/message").iter().map(|note| &note["data"]).collect();
        assert_eq!(log, ["step 1", "step 2"], "{name}");
        assert_eq!(told.text(), "worked {}", "{name}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_ask_and_clients_answer() {
    each(async |name, client, _pair| {
        for tool in ["form", "visit", "sample", "roots"] {
            let told = client.call(tool).await;
            let (method, mut params) = question(tool).unwrap();
            assert_eq!(told.asked.len(), 1, "{name}: {tool}: {:?}", told.asked);
            let (asked, mut seen) = told.asked[0].clone();
            assert_eq!(asked, method, "{name}: {tool}");
            // A name for what is told later has a meaning in one era only.
            for params in [&mut params, &mut seen] {
                params.as_object_mut().unwrap().remove("elicitationId");
            }
            assert_eq!(seen, params, "{name}: {tool}");
            let answer: Value = serde_json::from_str(told.text()).unwrap();
            assert_eq!(answer, reply(method, &params), "{name}: {tool}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_cannot_be_asked_is_not() {
    each(async |name, client, pair| {
        let mute = Client::connect_with(pair.gateway, client.era, None, json!({})).await;
        for tool in ["form", "visit", "sample", "roots"] {
            let told = mute.call(tool).await;
            assert!(told.asked.is_empty(), "{name}: {tool}");
            let refused = !told.answer["error"].is_null() || told.text().contains("-32601");
            assert!(refused, "{name}: {tool}: {}", told.answer);
        }
        if let Some(server) = &pair.server
            && server.server.era == Era::Legacy
        {
            let declared = server.server.notes();
            let first = declared.iter().rfind(|note| note.starts_with("initialize")).unwrap();
            assert_eq!(first, "initialize {}", "{name}: a server takes roots for its folders");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_call_ends_at_the_server_within_a_second() {
    each(async |name, mut client, _pair| {
        client.level = Some("info");
        let params = json!({ "name": "up_slow", "arguments": {} });
        let mut exchange = client.post(&client.request(json!(77), "tools/call", params)).await;
        assert_eq!(exchange.next().await.unwrap()["params"]["data"], "begun", "{name}");
        if client.era == Era::Legacy {
            let params = json!({ "requestId": 77, "reason": "enough" });
            let note = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params });
            assert_eq!(client.post(&note).await.status, 202, "{name}");
        } else {
            drop(exchange);
        }
        let start = Instant::now();
        loop {
            let told = client.call("recall").await;
            if told.text().contains("cancelled") || told.text().contains("closed") {
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(1), "{name}: {}", told.text());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_lists_and_of_a_resource_are_told() {
    each(async |name, client, _pair| {
        let mut stream = client.listen(WATCHED).await;
        client.call("change").await.result();
        let mut seen = BTreeSet::new();
        while seen.len() < 4 {
            let note = stream.next().await.unwrap_or_else(|| panic!("{name}: {seen:?}"));
            let method = note["method"].as_str().unwrap().to_owned();
            if method.ends_with("updated") {
                assert_eq!(note["params"]["uri"], WATCHED, "{name}");
            }
            let id = at(&note, "/params/_meta/io.modelcontextprotocol~1subscriptionId");
            let expected = if client.era == Era::Modern { json!("listen:0") } else { Value::Null };
            assert_eq!(id, &expected, "{name}: {note}");
            seen.insert(method);
        }
    })
    .await;
}

/// One event of a stream may be too large for a client that takes the same bytes as JSON.
#[tokio::test(flavor = "multi_thread")]
async fn a_lone_answer_of_three_megabytes_is_json_whatever_the_server_sent() {
    each(async |name, client, _pair| {
        let params = json!({ "name": "up_big", "arguments": {} });
        let exchange = client.post(&client.request(json!("big"), "tools/call", params)).await;
        assert!(!exchange.is_stream(), "{name}");
        let answer = exchange.answer().await;
        assert_eq!(at(&answer, "/result/content/0/text").as_str().unwrap().len(), BIG, "{name}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_wrong_is_told_in_the_servers_own_way() {
    each(async |name, client, _pair| {
        let told = client.call("fail").await;
        assert_eq!(
            (told.text(), &told.result()["isError"]),
            ("Error executing tool fail", &json!(true)),
            "{name}"
        );
        let told = client.call("unknown").await;
        assert_eq!(
            (told.text(), &told.result()["isError"]),
            ("Unknown tool: unknown", &json!(true)),
            "{name}"
        );
        let told = client.call("missing").await;
        let expected =
            json!({ "code": -32602, "message": "Unknown tool: missing", "data": { "kept": true } });
        assert_eq!(told.answer["error"], expected, "{name}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_clients_may_use_the_same_ids_and_tokens_at_once() {
    each(async |name, client, pair| {
        let mut others = Vec::new();
        for _ in 0..5 {
            others.push(Client::connect(pair.gateway, client.era).await);
        }
        for id in [json!(0), json!(""), json!("listen:0"), json!(-1), json!(9_007_199_254_740_991_i64)] {
            let calls = others.iter().enumerate().map(|(number, client)| {
                let arguments = json!({ "client": number });
                let params =
                    json!({ "name": "up_work", "arguments": arguments, "_meta": { "progressToken": 0 } });
                client.ask_as(id.clone(), "tools/call", params)
            });
            let all = futures_util::future::join_all(calls).await;
            for (number, told) in all.iter().enumerate() {
                assert_eq!(told.text(), format!(r#"worked {{"client":{number}}}"#), "{name}: {id}");
                let progress = told.notes("notifications/progress");
                assert_eq!(progress.len(), 2, "{name}: {id}: {:?}", told.before);
                assert!(progress.iter().all(|note| note["progressToken"] == 0), "{name}: {id}");
            }
        }
    })
    .await;
}
