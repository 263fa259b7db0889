//! A server with most of what `profiles/kit.json` of the client kit calls. It serves both eras; what it lacks is
//! subscriptions and logging.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rmcp::model::*;
use rmcp::service::{RequestContext, RoleServer};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, ServerHandler};
use serde_json::{Value, json};

use crate::Result;

pub async fn run(port: u16) -> Result {
    let server = Server::default();
    let service = StreamableHttpService::new(
        move || Ok(server.clone()),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, axum::Router::new().nest_service("/mcp", service)).await?;
    Ok(())
}

/// What became of the calls of `slow`, by key.
#[derive(Clone, Default)]
struct Server {
    calls: Arc<Mutex<BTreeMap<String, &'static str>>>,
}

const TOOLS: [&str; 9] = ["echo", "sum", "count", "ask_user", "ask_model", "slow", "cancel_log", "big", "fail"];

fn text(text: impl Into<String>) -> Result<CallToolResponse, ErrorData> {
    Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
}

/// Types of rmcp are made of JSON here: that reads like the messages.
fn from<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, ErrorData> {
    serde_json::from_value(value).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

fn internal(error: impl std::fmt::Display) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

impl Server {
    fn mark(&self, key: &str, what: &'static str) {
        self.calls.lock().expect("no lock is held in a panic").insert(key.to_owned(), what);
    }

    async fn count(&self, context: &RequestContext<RoleServer>, steps: u64, delay: u64) -> Result<CallToolResponse, ErrorData> {
        for step in 1..=steps {
            if let Some(token) = context.meta.get_progress_token() {
                let note = ProgressNotificationParam::new(token, step as f64).with_total(steps as f64);
                context.peer.notify_progress(note).await.map_err(internal)?;
            }
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        text(format!("counted {steps}"))
    }

    async fn slow(&self, context: &RequestContext<RoleServer>, key: &str, seconds: u64) -> Result<CallToolResponse, ErrorData> {
        self.mark(key, "running");
        tokio::select! {
            () = context.ct.cancelled() => self.mark(key, "cancelled"),
            () = tokio::time::sleep(Duration::from_secs(seconds)) => self.mark(key, "finished"),
        }
        text("slept")
    }

    /// Asks the client for one thing: by a request of its own before 2026-07-28, and by its result since. `None` is the
    /// result that asks.
    async fn ask(&self, method: &str, params: Value, request: &CallToolRequestParams, context: &RequestContext<RoleServer>) -> Result<Result<Value, CallToolResponse>, ErrorData> {
        if let Some(answer) = request.input_responses.as_ref().and_then(|answers| answers.get("asked")) {
            return Ok(Ok(answer.clone()));
        }
        if context.protocol_version() == Some(ProtocolVersion::V_2026_07_28) {
            let asked = json!({ "resultType": "input_required", "inputRequests": { "asked": { "method": method, "params": params } } });
            return Ok(Err(from::<InputRequiredResult>(asked)?.into()));
        }
        let request: ServerRequest = from(json!({ "method": method, "params": params }))?;
        let answer = context.peer.send_request(request).await.map_err(internal)?;
        Ok(Ok(serde_json::to_value(answer).map_err(internal)?))
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_resources().enable_prompts().enable_completions().build();
        ServerConfig::new(capabilities).with_server_info(Implementation::new("interop-rmcp", "1.0.0"))
    }

    async fn list_tools(&self, _: Option<PaginatedRequestParams>, _: RequestContext<RoleServer>) -> Result<ListToolsResult, ErrorData> {
        let tools: Vec<_> = TOOLS.iter().map(|name| json!({ "name": name, "inputSchema": { "type": "object" } })).collect();
        Ok(ListToolsResult::with_all_items(from(json!(tools))?))
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: RequestContext<RoleServer>) -> Result<CallToolResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.clone().unwrap_or_default());
        let word = |name: &str| arguments[name].as_str().unwrap_or_default().to_owned();
        let number = |name: &str, otherwise| arguments[name].as_u64().unwrap_or(otherwise);
        match &*request.name {
            "echo" => text(word("message")),
            "sum" => {
                let total = number("a", 0) + number("b", 0);
                Ok(CallToolResult::structured(json!({ "total": total })).into())
            }
            "count" => self.count(&context, number("steps", 5), number("delay_ms", 20)).await,
            "slow" => self.slow(&context, &word("key"), number("seconds", 10)).await,
            "cancel_log" => text(json!(*self.calls.lock().expect("no lock is held in a panic")).to_string()),
            "big" => text("x".repeat(number("bytes", 0) as usize)),
            "fail" => Ok(CallToolResult::error(vec![ContentBlock::text("this tool always fails")]).into()),
            "ask_user" => {
                let form = json!({ "type": "object", "properties": { "name": { "type": "string" } }, "required": ["name"] });
                let params = json!({ "mode": "form", "message": "What is your name?", "requestedSchema": form });
                match self.ask("elicitation/create", params, &request, &context).await? {
                    Ok(answer) => text(format!("hello {}", answer["content"]["name"].as_str().unwrap_or_default())),
                    Err(asks) => Ok(asks),
                }
            }
            "ask_model" => {
                let say = json!([{ "role": "user", "content": { "type": "text", "text": "Say something" } }]);
                let params = json!({ "messages": say, "maxTokens": 100 });
                match self.ask("sampling/createMessage", params, &request, &context).await? {
                    Ok(answer) => text(format!("model said: {}", answer["content"]["text"].as_str().unwrap_or_default())),
                    Err(asks) => Ok(asks),
                }
            }
            other => Err(ErrorData::invalid_params(format!("unknown tool {other}"), None)),
        }
    }

    async fn list_resources(&self, _: Option<PaginatedRequestParams>, _: RequestContext<RoleServer>) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(from(json!([{ "uri": "kit://text", "name": "text" }]))?))
    }

    async fn list_resource_templates(&self, _: Option<PaginatedRequestParams>, _: RequestContext<RoleServer>) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(from(json!([{ "uriTemplate": "kit://item/{id}", "name": "item" }]))?))
    }

    async fn read_resource(&self, request: ReadResourceRequestParams, _: RequestContext<RoleServer>) -> Result<ReadResourceResponse, ErrorData> {
        let text = match request.uri.strip_prefix("kit://") {
            Some("text") => "kit text".to_owned(),
            Some(rest) if rest.starts_with("item/") => rest.replace('/', " "),
            _ => return Err(ErrorData::resource_not_found(format!("no {}", request.uri), None)),
        };
        Ok(ReadResourceResult::new(vec![ResourceContents::text(text, request.uri)]).into())
    }

    async fn list_prompts(&self, _: Option<PaginatedRequestParams>, _: RequestContext<RoleServer>) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(from(json!([{ "name": "greet", "arguments": [{ "name": "name", "required": true }] }]))?))
    }

    async fn get_prompt(&self, request: GetPromptRequestParams, _: RequestContext<RoleServer>) -> Result<GetPromptResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let text = format!("Please greet {}", arguments["name"].as_str().unwrap_or_default());
        Ok(from::<GetPromptResult>(json!({ "resultType": "complete", "messages": [{ "role": "user", "content": { "type": "text", "text": text } }] }))?.into())
    }

    async fn complete(&self, request: CompleteRequestParams, _: RequestContext<RoleServer>) -> Result<CompleteResult, ErrorData> {
        let people: Vec<_> = ["ada", "alan", "barbara", "grace"].into_iter().filter(|name| name.starts_with(&request.argument.value)).collect();
        from(json!({ "resultType": "complete", "completion": { "values": people } }))
    }
}
