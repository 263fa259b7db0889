//! The state that a server hands to a client and gets back on the retry.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod support;

use bytes::Bytes;
use portcullis_core::{Principal, Secret, Trail};
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Fragment, Message, Reply};
use portcullis_portal::{BuildError, Builder, Namespace, Portal, Server};
use portcullis_seal::{Key, KeyRing};
use serde_json::{Value, json};
use support::{Mock, able, ask, by, request};
use tokio::time::{Duration, advance};
use tower::{Service, service_fn};

/// Escapes, in a spelling that no library would choose.
const RAW: &str = r#"s\u0074\u00E9p "1" of 2"#;

/// Asks for a name until it gets its own state back, byte for byte, and then says so.
fn asking(id: &str) -> Server {
    let service = service_fn(|call: Call| async move {
        let text = std::str::from_utf8(call.message().text()).unwrap().to_owned();
        let state = serde_json::to_string(RAW).unwrap().replace("\\\\u", "\\u");
        let keys = [r#""requestState""#, r#""request\u0053tate""#];
        let result = if keys.iter().any(|key| text.contains(&format!("{key}:{state}"))) {
            json!({ "resultType": "complete", "content": [], "contents": [], "messages": [], "is": call.name() }).to_string()
        } else {
            assert!(!text.contains("requestState"), "not its own: {text}");
            format!(
                r#"{{"resultType":"input_required","inputRequests":{{"roots":{{"method":"roots/list"}}}},"requestState":{state}}}"#
            )
        };
        Ok::<_, Failure>(Reply::result(call.id().unwrap(), &Fragment::parse(result).unwrap()))
    });
    Server::new(id, service).unwrap()
}

fn keys() -> KeyRing {
    KeyRing::new(vec![Key::parse(&Secret::new("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")).unwrap()])
        .unwrap()
}

fn acme() -> Builder {
    Portal::builder("acme").keys(keys()).server(asking("a")).server(asking("b"))
}

fn call(name: &str, arguments: Value, state: Option<&Value>) -> Call {
    let mut params = json!({ "name": name, "arguments": arguments });
    if let Some(state) = state {
        params["requestState"] = state.clone();
        params["inputResponses"] = json!({ "roots": { "roots": [] } });
    }
    request("tools/call", params)
}

fn book(state: Option<&Value>) -> Call {
    call("a_book", json!({ "to": "Rome", "days": [1, 2] }), state)
}

async fn state_of(portal: &Portal, call: Call) -> Value {
    let answer = ask(portal, call).await;
    assert_eq!(answer["result"]["resultType"], "input_required", "{answer}");
    answer["result"]["requestState"].clone()
}

fn is_refused(answer: &Value) {
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("requestState") && message.contains("make the call again"), "{message}");
}

#[tokio::test]
async fn the_server_gets_its_own_words_back_and_the_client_never_sees_them() {
    let portal = acme().build().unwrap();
    let answer = ask(&portal, book(None)).await;
    assert_eq!(answer["result"]["inputRequests"], json!({ "roots": { "method": "roots/list" } }));
    let state = answer["result"]["requestState"].clone();
    assert!(
        state.as_str().unwrap().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    );
    assert_eq!(ask(&portal, book(Some(&state))).await["result"]["is"], "book");
    // Nobody forbids to come twice.
    assert_eq!(ask(&portal, book(Some(&state))).await["result"]["is"], "book");
}

#[tokio::test]
async fn all_methods_that_may_ask_and_all_namespaces() {
    for namespace in [Namespace::Always, Namespace::WhenNeeded, Namespace::Never] {
        let portal = Portal::builder("p").namespace(namespace).server(asking("a")).build().unwrap();
        let prefix = if namespace == Namespace::Always { "a_" } else { "" };
        for (method, key) in [("tools/call", "name"), ("prompts/get", "name"), ("resources/read", "uri")] {
            let name = format!("{}x", if key == "name" { prefix } else { "x://" });
            let state = state_of(&portal, request(method, json!({ key: name }))).await;
            assert_ne!(state, RAW);
            let again = request(method, json!({ key: name, "requestState": state }));
            let answer = ask(&portal, again).await;
            assert_eq!(answer["result"]["resultType"], "complete", "{method} {namespace:?}: {answer}");
            // Nor does it open for another method.
            let other = if method == "tools/call" { "prompts/get" } else { "tools/call" };
            is_refused(
                &ask(&portal, request(other, json!({ "name": format!("{prefix}x"), "requestState": state })))
                    .await,
            );
        }
    }
}

#[tokio::test]
async fn arguments_may_come_back_in_another_order_and_spelling() {
    let portal = acme().build().unwrap();
    let raw = |arguments: &str, state: &str| {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a_x",{state}"arguments":{arguments},"_meta":{{"io.modelcontextprotocol/clientCapabilities":{{"roots":{{}}}}}}}}}}"#
        );
        let mut call = Call::new(Message::parse(Bytes::from(text)).unwrap());
        call.headers_mut().insert("mcp-method", "tools/call".parse().unwrap());
        call
    };
    let state = state_of(&portal, raw(r#"{"b":{"d":[{"y":1.50,"x":"é"}],"c":null},"a":true}"#, "")).await;
    let with = format!(r#""request\u0053tate":{state},"#);
    let answer =
        ask(&portal, raw(r#"{ "a": true, "b": {"c":null,"d":[ {"x":"\u00e9","y":1.50} ]} }"#, &with)).await;
    assert_eq!(answer["result"]["is"], "x", "{answer}");
    let with = format!(r#""requestState":{state},"#);
    let answer =
        ask(&portal, raw(r#"{ "a": true, "b": {"c":null,"d":[ {"x":"\u00e9","y":1.50} ]} }"#, &with)).await;
    assert_eq!(answer["result"]["is"], "x", "{answer}");
    for other in [
        r#"{"a":true,"b":{"c":null,"d":[{"x":"é","y":1.5}]}}"#,
        r#"{"a":true,"b":{"c":null,"d":[{"x":"é","y":1.50},{}]}}"#,
        r#"{"a":"true","b":{"c":null,"d":[{"x":"é","y":1.50}]}}"#,
        "{}",
        "null",
    ] {
        is_refused(&ask(&portal, raw(other, &with)).await);
    }
}

#[tokio::test]
async fn a_state_is_good_for_one_principal_request_server_and_portal() {
    let portal = acme().build().unwrap();
    let state = state_of(&portal, by("ann", book(None))).await;
    let state = Some(&state);
    assert!(ask(&portal, by("ann", book(state))).await["result"].is_object());

    is_refused(&ask(&portal, by("bob", book(state))).await);
    is_refused(&ask(&portal, book(state)).await);
    let mut elsewhere = book(state);
    let ann = Principal::new(portcullis_core::Kind::Service, "ann");
    elsewhere.extensions_mut().insert(ann);
    is_refused(&ask(&portal, elsewhere).await);
    let arguments = json!({ "to": "Rome", "days": [1, 2] });
    is_refused(&ask(&portal, by("ann", call("a_cancel", arguments.clone(), state))).await);
    is_refused(&ask(&portal, by("ann", call("b_book", arguments.clone(), state))).await);
    is_refused(
        &ask(&portal, by("ann", call("a_book", json!({ "to": "Oslo", "days": [1, 2] }), state))).await,
    );
    is_refused(
        &ask(&portal, by("ann", call("a_book", json!({ "to": "Rome", "days": [2, 1] }), state))).await,
    );

    // A replica is the same portal, another name is not, and other keys are nobody's.
    let replica = acme().build().unwrap();
    assert!(ask(&replica, by("ann", book(state))).await["result"].is_object());
    let other = Portal::builder("other").keys(keys()).server(asking("a")).build().unwrap();
    is_refused(&ask(&other, by("ann", book(state))).await);
    let stranger = Portal::builder("acme").server(asking("a")).build().unwrap();
    is_refused(&ask(&stranger, by("ann", book(state))).await);
}

#[tokio::test(start_paused = true)]
async fn a_state_does_not_live_for_ever() {
    let portal = acme().state_lifetime(Duration::from_secs(60)).build().unwrap();
    let state = state_of(&portal, book(None)).await;
    advance(Duration::from_secs(59)).await;
    assert!(ask(&portal, book(Some(&state))).await["result"].is_object());
    advance(Duration::from_secs(1)).await;
    is_refused(&ask(&portal, book(Some(&state))).await);

    let state = state_of(&acme().build().unwrap(), book(None)).await;
    let hour = acme().build().unwrap();
    advance(Duration::from_secs(3_500)).await;
    assert!(ask(&hour, book(Some(&state))).await["result"].is_object());
    advance(Duration::from_secs(101)).await;
    is_refused(&ask(&hour, book(Some(&state))).await);
    assert_eq!(
        acme().state_lifetime(Duration::ZERO).build().unwrap_err(),
        BuildError::Zero { setting: "state_lifetime", server: None }
    );
}

#[tokio::test]
async fn what_was_tampered_with_or_made_up_is_refused() {
    let portal = acme().build().unwrap();
    let state = state_of(&portal, book(None)).await;
    let state = state.as_str().unwrap();
    let mut hostile = vec![
        String::new(),
        "a".into(),
        "=".into(),
        RAW.into(),
        "é".repeat(9),
        "A".repeat(70_000),
        "A".repeat(60_000),
        format!("{state}="),
        format!("{state}A"),
        format!("A{state}"),
        format!("{state} "),
        format!("{state}{state}"),
    ];
    hostile.extend((0..state.len()).map(|at| state[..at].to_owned()));
    for at in 0..state.len() {
        let flipped = if &state[at..=at] == "A" { "B" } else { "A" };
        hostile.push(format!("{}{flipped}{}", &state[..at], &state[at + 1..]));
    }
    for made_up in hostile {
        // The last letter of base64 holds bits that say nothing, and none of them may be set.
        is_refused(&ask(&portal, book(Some(&json!(made_up)))).await);
    }
    for wrong in [json!(null), json!(1), json!(true), json!({ "a": state }), json!([state]), json!({})] {
        let call = book(Some(&wrong));
        let trail = Trail::of(call.extensions()).unwrap().clone();
        let answer = ask(&portal, call).await;
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
        assert!(trail.refusal().is_some());
    }
}

#[tokio::test]
async fn a_state_of_another_method_is_that_methods_own() {
    let mock = Mock::new().result("x/y", json!({ "resultType": "complete" }));
    let portal = Portal::builder("p").namespace(Namespace::Never).server(mock.server("a")).build().unwrap();
    ask(&portal, request("x/y", json!({ "requestState": 7 }))).await;
    assert_eq!(mock.params("x/y")["requestState"], 7);
    // And the word may stand in arguments.
    let mock = Mock::new().tools(&["x"]);
    let portal = Portal::builder("p").server(mock.server("a")).build().unwrap();
    let arguments = json!({ "requestState": 7, "é": "\u{1}" });
    assert!(ask(&portal, call("a_x", arguments, None)).await["result"].is_object());
}

fn requires(result: Value) -> (Portal, Mock) {
    let mut full = json!({ "resultType": "input_required" });
    full.as_object_mut().unwrap().extend(result.as_object().unwrap().clone());
    let mock = ["tools/call", "completion/complete", "tasks/get", "x/y"]
        .into_iter()
        .fold(Mock::new(), |mock, method| mock.result(method, full.clone()));
    (Portal::builder("p").server(mock.server("a")).build().unwrap(), mock)
}

async fn fails(portal: &Portal, call: Call) -> FailureKind {
    portal.clone().call(call).await.unwrap_err().kind()
}

#[tokio::test]
async fn an_answer_that_the_protocol_does_not_allow_is_a_failure() {
    for result in [
        json!({}),
        json!({ "requestState": null, "inputRequests": null }),
        json!({ "requestState": 1 }),
        json!({ "inputRequests": [] }),
        json!({ "inputRequests": { "a": 1 } }),
        json!({ "inputRequests": { "a": { "method": "tools/call" } } }),
        json!({ "inputRequests": { "a": { "method": "elicitation/create", "params": { "mode": "x" } } } }),
    ] {
        let (portal, mock) = requires(result.clone());
        assert_eq!(fails(&portal, call("a_x", json!({}), None)).await, FailureKind::Garbage, "{result}");
        assert_eq!(portal.health().servers()[0].failures, 1);
        drop(mock);
    }
    let (portal, _mock) = requires(json!({ "requestState": "s" }));
    let complete = json!({ "ref": { "type": "ref/prompt", "name": "a_x" }, "argument": {} });
    assert_eq!(fails(&portal, request("completion/complete", complete)).await, FailureKind::Garbage);
    assert_eq!(fails(&portal, request("tasks/get", json!({ "taskId": "a_1" }))).await, FailureKind::Garbage);
    assert_eq!(fails(&portal, request("x/y", json!({ "name": "a_1" }))).await, FailureKind::Garbage);
    let (portal, _mock) = requires(json!({ "requestState": "s".repeat(48_000) }));
    assert!(ask(&portal, call("a_x", json!({}), None)).await["result"].is_object());
    let (portal, _mock) = requires(json!({ "requestState": "s".repeat(50_000) }));
    assert_eq!(fails(&portal, call("a_x", json!({}), None)).await, FailureKind::Oversize);
}

#[tokio::test]
async fn what_ends_a_stream_is_judged_as_well() {
    let service = |kind: &'static str| {
        service_fn(move |call: Call| async move {
            let answer = Fragment::parse(format!(r#"{{"resultType":"{kind}","requestState":"s"}}"#)).unwrap();
            let answer = Message::from_result(call.id().unwrap(), &answer);
            let note = Message::from_notification("notifications/progress", &Fragment::empty());
            Ok::<_, Failure>(Reply::stream(futures_util::stream::iter([Ok(note), Ok(answer)])))
        })
    };
    let portal =
        Portal::builder("p").server(Server::new("a", service("input_required")).unwrap()).build().unwrap();
    let mut reply = portal.clone().call(request("tools/call", json!({ "name": "a_x" }))).await.unwrap();
    assert_eq!(support::next(&mut reply).await["method"], "notifications/progress");
    assert!(support::next(&mut reply).await["result"]["requestState"].as_str().unwrap().len() > 50);
    assert_eq!(portal.health().servers()[0].in_flight, 0);
}

#[tokio::test]
async fn a_server_may_ask_for_what_the_client_declared_and_nothing_else() {
    let form = json!({ "method": "elicitation/create", "params": { "message": "?" } });
    let url = json!({ "method": "elicitation/create", "params": { "mode": "url" } });
    let sampling = json!({ "method": "sampling/createMessage", "params": { "tools": [] } });
    let table = [
        (json!({ "a": form }), json!({ "elicitation": {} }), None),
        (json!({ "a": form }), json!({}), Some(json!({ "elicitation": { "form": {} } }))),
        (json!({ "a": url }), json!({ "elicitation": {} }), Some(json!({ "elicitation": { "url": {} } }))),
        (json!({ "a": sampling }), json!({ "sampling": {} }), Some(json!({ "sampling": { "tools": {} } }))),
        (
            json!({ "a": form, "b": url, "c": sampling }),
            json!({ "elicitation": { "form": {}, "url": {} }, "sampling": { "tools": {} } }),
            None,
        ),
        (
            json!({ "a": form, "b": { "method": "roots/list" } }),
            json!({ "elicitation": { "form": {} } }),
            Some(json!({ "roots": {} })),
        ),
    ];
    for (requests, capabilities, missing) in table {
        let (portal, _mock) = requires(json!({ "inputRequests": requests, "requestState": "s" }));
        let call = request("tools/call", able(capabilities.clone(), json!({ "name": "a_x" })));
        let trail = Trail::of(call.extensions()).unwrap().clone();
        let answer = ask(&portal, call).await;
        match missing {
            None => assert_eq!(answer["result"]["inputRequests"], requests, "{capabilities}"),
            Some(missing) => {
                assert_eq!(answer["error"]["code"], -32021, "{requests} {capabilities}: {answer}");
                assert_eq!(answer["error"]["data"]["requiredCapabilities"], missing);
                assert_eq!(answer["id"], 7);
                assert!(trail.refusal().is_some());
            }
        }
    }
}

#[tokio::test]
async fn what_a_trace_needs_passes_as_it_came() {
    let mock = Mock::new().tools(&["x"]);
    let portal = Portal::builder("p").server(mock.server("a")).build().unwrap();
    let mut params = able(json!({}), json!({ "name": "a_x" }));
    let trace = json!({ "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=b", "baggage": "k=v;p" });
    params["_meta"].as_object_mut().unwrap().extend(trace.as_object().unwrap().clone());
    ask(&portal, request("tools/call", params)).await;
    let meta = &mock.params("tools/call")["_meta"];
    for key in ["traceparent", "tracestate", "baggage"] {
        assert_eq!(meta[key], trace[key]);
    }
}
