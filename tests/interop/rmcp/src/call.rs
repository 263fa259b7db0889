//! The client cases of the kit, for rmcp. Mode `legacy` is rmcp's default: `initialize` with the version 2026-07-28,
//! which is to be answered with an older one.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rmcp::model::*;
use rmcp::service::{NotificationContext, PeerRequestOptions, RequestContext, RoleClient, RunningService, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt, ErrorData};
use serde_json::{Value, json};

use crate::Result;

const MODERN: ProtocolVersion = ProtocolVersion::V_2026_07_28;
const CASES: [&str; 18] = [
    "list_tools", "call_tool", "structured", "tool_error", "unknown_tool", "progress", "elicitation", "sampling", "read_resource",
    "read_template", "get_prompt", "complete", "list_changed", "resource_updated", "cancel", "parallel", "big", "huge",
];

/// What the server told besides answers.
#[derive(Clone, Default)]
struct Client {
    heard: Arc<Mutex<Vec<String>>>,
}

impl Client {
    fn hear(&self, what: &str) {
        self.heard.lock().expect("no lock is held in a panic").push(what.to_owned());
    }

    fn count(&self, what: &str) -> usize {
        self.heard.lock().expect("no lock is held in a panic").iter().filter(|one| *one == what).count()
    }

    fn forget(&self) {
        self.heard.lock().expect("no lock is held in a panic").clear();
    }
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        let capabilities = json!({ "sampling": {}, "elicitation": { "form": {} }, "roots": {} });
        let capabilities = serde_json::from_value(capabilities).unwrap_or_default();
        ClientConfig::new(capabilities, Implementation::new("interop-rmcp", "1.0.0"))
    }

    async fn create_message(&self, _: CreateMessageRequestParams, _: RequestContext<RoleClient>) -> Result<CreateMessageResult, ErrorData> {
        let answer = json!({ "model": "kit-model", "role": "assistant", "content": { "type": "text", "text": "forty-two" }, "stopReason": "endTurn" });
        serde_json::from_value(answer).map_err(|error| ErrorData::internal_error(error.to_string(), None))
    }

    async fn create_elicitation(&self, request: ElicitRequestParams, _: RequestContext<RoleClient>) -> Result<ElicitResult, ErrorData> {
        let request = serde_json::to_value(request).unwrap_or_default();
        let fields = request["requestedSchema"]["properties"].as_object().cloned().unwrap_or_default();
        let form: serde_json::Map<_, _> = fields.into_iter().filter_map(|(name, field)| {
            let value = if name == "name" { json!("Ada") } else { field.get("default")?.clone() };
            Some((name, value))
        }).collect();
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(Value::Object(form)))
    }

    async fn on_progress(&self, _: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.hear("progress");
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.hear("tools");
    }

    async fn on_resource_updated(&self, params: ResourceUpdatedNotificationParam, _: NotificationContext<RoleClient>) {
        self.hear(&params.uri);
    }
}

type Session = RunningService<RoleClient, Client>;

pub async fn run() -> Result {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let (address, mode) = (variable("KIT_URL"), variable("KIT_MODE"));
    let profile: Value = serde_json::from_str(&variable("KIT_PROFILE"))?;
    let only = variable("KIT_CASES");

    let lifecycle = match &*mode {
        "modern" => ClientLifecycleMode::Discover { preferred_versions: vec![MODERN] },
        _ => ClientLifecycleMode::Initialize,
    };
    let began = Instant::now();
    let client = Client::default();
    let connecting = client.clone().serve_with_lifecycle(StreamableHttpClientTransport::from_uri(address), lifecycle);
    let session = match tokio::time::timeout(Duration::from_secs(15), connecting).await {
        Ok(Ok(session)) => session,
        Ok(Err(error)) => return Ok(print("connect", began, Err(error.to_string().into()))),
        Err(late) => return Ok(print("connect", began, Err(late.into()))),
    };
    let info = session.peer_info().ok_or("no server info")?;
    let version = serde_json::to_value(&info.protocol_version)?;
    print("connect", began, Ok(format!("{}, {}", version.as_str().unwrap_or_default(), info.server_info.as_ref().map_or("", |server| &server.name))));

    for name in CASES {
        if !only.is_empty() && !only.split(',').any(|one| one == name) {
            continue;
        }
        let began = Instant::now();
        match profile.get(name) {
            None => println!("{}", json!({ "case": name, "status": "n/a", "detail": "not offered by this upstream", "ms": 0 })),
            Some(want) => {
                client.forget();
                let result = tokio::time::timeout(Duration::from_secs(20), case(name, &session, &client, mode == "modern", want)).await;
                print(name, began, result.unwrap_or_else(|late| Err(late.into())));
            }
        }
    }
    let began = Instant::now();
    print("close", began, session.cancel().await.map(|_| String::new()).map_err(Into::into));
    Ok(())
}

fn print(name: &str, began: Instant, result: Result<String>) {
    let (status, detail) = match result {
        Ok(detail) => ("pass", detail),
        Err(error) => ("fail", error.to_string().replace('\n', " ").chars().take(300).collect()),
    };
    println!("{}", json!({ "case": name, "status": status, "detail": detail, "ms": began.elapsed().as_millis() as u64 }));
}

fn tool(want: &Value, name: &str, arguments: Value) -> CallToolRequestParams {
    CallToolRequestParams::new(want[name].as_str().unwrap_or_default().to_owned()).with_arguments(arguments.as_object().cloned().unwrap_or_default())
}

async fn call(session: &Session, want: &Value) -> Result<Value> {
    Ok(serde_json::to_value(session.call_tool(tool(want, "tool", want["args"].clone())).await?)?)
}

/// The texts of a result, put together.
fn text_of(result: &Value) -> String {
    let blocks = result["content"].as_array().or_else(|| result["contents"].as_array());
    blocks.into_iter().flatten().filter_map(|block| block["text"].as_str()).collect()
}

fn must(condition: bool, otherwise: impl FnOnce() -> String) -> Result<String> {
    if condition { Ok(String::new()) } else { Err(otherwise().into()) }
}

async fn until(mut test: impl AsyncFnMut() -> Result<bool>) -> Result<bool> {
    for _ in 0..60 {
        if test().await? {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(false)
}

async fn case(name: &str, session: &Session, client: &Client, modern: bool, want: &Value) -> Result<String> {
    let (uri, text) = (want["uri"].as_str().unwrap_or_default(), want["text"].as_str().unwrap_or_default());
    match name {
        "list_tools" => {
            let names: Vec<_> = session.list_all_tools().await?.into_iter().map(|tool| tool.name.to_string()).collect();
            let missing: Vec<_> = want["expect"].as_array().into_iter().flatten().filter(|one| !names.iter().any(|name| *one == name)).collect();
            must(missing.is_empty(), || format!("missing {missing:?} among {}", names.len()))
        }
        "call_tool" | "elicitation" | "sampling" => {
            let got = text_of(&call(session, want).await?);
            must(got.contains(text), || format!("got {got:.160?}"))
        }
        "structured" => {
            let got = call(session, want).await?["structuredContent"].clone();
            let is_same = want.get("value").map_or(!got.is_null(), |value| {
                *value == got || value["total"].as_f64().is_some_and(|total| got["total"].as_f64() == Some(total))
            });
            must(is_same, || format!("got {got}"))
        }
        "tool_error" => {
            let got = call(session, want).await?;
            must(got["isError"] == true && text_of(&got).contains(text), || format!("got {got}"))
        }
        "unknown_tool" => match session.call_tool(tool(want, "tool", want["args"].clone())).await {
            Ok(result) => must(result.is_error == Some(true), || "the call succeeded".to_owned()),
            Err(ServiceError::McpError(error)) => Ok(format!("error {}", error.code.0)),
            Err(other) => Err(other.into()),
        },
        "progress" => {
            call(session, want).await?;
            let (seen, least) = (client.count("progress"), want["min"].as_u64().unwrap_or_default() as usize);
            must(seen >= least, || format!("{seen} of {least} progress notifications before the result"))
        }
        "read_resource" | "read_template" => {
            let got = session.read_resource(ReadResourceRequestParams::new(uri)).await?;
            let got = text_of(&serde_json::to_value(got)?);
            must(got.contains(text), || format!("got {got:.120?}"))
        }
        "get_prompt" => {
            let prompt = GetPromptRequestParams::new(want["name"].as_str().unwrap_or_default()).with_arguments(want["args"].as_object().cloned().unwrap_or_default());
            let got = serde_json::to_string(&session.get_prompt(prompt).await?)?;
            must(got.contains(text), || format!("got {got:.160}"))
        }
        "complete" => {
            let word = |name: &str| want[name].as_str().unwrap_or_default().to_owned();
            let values = session.complete_prompt_argument(word("prompt"), word("argument"), word("value"), None).await?.values;
            must(values.contains(&word("expect")), || format!("got {values:?}"))
        }
        "list_changed" => watch(session, client, modern, want, None).await,
        "resource_updated" => watch(session, client, modern, want, Some(uri)).await,
        "cancel" => cancel(session, want).await,
        "parallel" => {
            let one = async |at: u64| {
                let word = format!("word-{at}");
                let got = session.call_tool(tool(want, "tool", json!({ "message": word }))).await?;
                must(text_of(&serde_json::to_value(got)?).contains(&word), || "answers were mixed up".to_owned())
            };
            let (a, b, c, d) = tokio::join!(one(1), one(2), one(3), one(4));
            a.and(b).and(c).and(d)
        }
        _ => {
            let (got, length) = (text_of(&call(session, want).await?).len(), want["length"].as_u64().unwrap_or_default() as usize);
            must(got == length, || format!("{got} of {length} characters"))
        }
    }
}

/// Waits for a change that the tool makes: of a resource, or else of the list of tools.
async fn watch(session: &Session, client: &Client, modern: bool, want: &Value, uri: Option<&str>) -> Result<String> {
    let missed = || "no notification".to_owned();
    if modern {
        let filter = match uri {
            Some(uri) => SubscriptionFilter::builder().resource_subscriptions([uri]).build(),
            None => SubscriptionFilter::builder().tools_list_changed().build(),
        };
        let mut subscription = session.listen(filter).await?;
        call(session, want).await?;
        let heard = tokio::time::timeout(Duration::from_secs(3), subscription.next()).await;
        subscription.cancel().await?;
        return must(matches!(heard, Ok(Ok(Some(_)))), missed);
    }
    if let Some(uri) = uri {
        session.subscribe(SubscribeRequestParams::new(uri)).await?;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    call(session, want).await?;
    let heard = until(async || Ok(client.count(uri.unwrap_or("tools")) > 0)).await?;
    if let Some(uri) = uri {
        session.unsubscribe(UnsubscribeRequestParams::new(uri)).await?;
    }
    must(heard, missed)
}

async fn cancel(session: &Session, want: &Value) -> Result<String> {
    let key = format!("rmcp-{}", std::process::id());
    let state = async || -> Result<Value> {
        let log = session.call_tool(tool(want, "log", json!({}))).await?;
        Ok(serde_json::from_str::<Value>(&text_of(&serde_json::to_value(log)?))?[&key].clone())
    };
    let mut arguments = want["args"].clone();
    arguments[want["key"].as_str().unwrap_or_default()] = json!(key);
    let request = ClientRequest::CallToolRequest(CallToolRequest::new(tool(want, "tool", arguments)));
    let pending = session.send_cancellable_request(request, PeerRequestOptions::no_options()).await?;
    must(until(async || Ok(state().await? == "running")).await?, || "the call never reached the server".to_owned())?;
    let began = Instant::now();
    pending.cancel(Some("enough".to_owned())).await?;
    must(until(async || Ok(state().await? == "cancelled")).await?, || "the server was not told".to_owned())?;
    Ok(format!("seen by the server after {} ms", began.elapsed().as_millis()))
}
