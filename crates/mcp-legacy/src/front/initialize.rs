//! The first request of a session.

#[cfg(test)]
mod tests;

use http::Extensions;
use http::request::Parts;
use portcullis_core::{BoxError, json};
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Fragment, Kind, Message, Part, Reply, code};
use tower_service::Service;

use super::translate::capabilities::{self, Object};
use super::translate::request::Declared;
use super::translate::{SERVER_INFO, pick, string};
use super::{Client, Version, inner};

/// Who answers if the service inside does not say who it is: 2025 demands a name.
const NAMELESS: &str = concat!(r#"{"name":"portcullis","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);

/// Why no session was opened: the answer to send instead, and what came attached to it.
#[derive(Debug)]
pub(crate) struct Unopened {
    pub(crate) answer: Message,
    pub(crate) extensions: Extensions,
}

impl From<Message> for Unopened {
    fn from(answer: Message) -> Self {
        Self { answer, extensions: Extensions::new() }
    }
}

/// Opens a session: reads what the client says of itself and asks the service inside who it is.
///
/// # Errors
///
/// If the params are wrong, or the service inside said no or broke.
pub(crate) async fn initialize<S>(
    service: S,
    message: &Message,
    head: Parts,
) -> Result<(Client, Message), Unopened>
where
    S: Service<Call, Response = Reply> + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    let client = client(message)
        .map_err(|text| Message::from_error(message.id(), code::INVALID_PARAMS, text, None))?;
    let Some(id) = message.id() else {
        let text = "initialize must be a request";
        return Err(Message::from_error(None, code::INVALID_REQUEST, text, None).into());
    };
    let params = Declared { client: &client, level: None, tasks: false }.params("", message.meta());
    let params = params.ok_or_else(|| {
        let text = "Invalid params: capabilities nest too deep";
        Message::from_error(message.id(), code::INVALID_PARAMS, text, None)
    })?;
    let discover = Message::from_request(id, "server/discover", &params);
    let call = Call::from_parts(discover, inner::translated(head));
    let to = call.reply_to("mcp-legacy");
    let (answer, extensions) =
        answer(inner::call(service, call)).await.map_err(|failure| to.failure(&failure))?;
    if answer.kind() == Kind::Error {
        return Err(Unopened { answer, extensions });
    }
    let result = result(&answer, client.version).ok_or_else(|| {
        to.failure(&Failure::new(FailureKind::Garbage).with_source("the answer to server/discover is none"))
    })?;
    Ok((client, Message::from_result(id, &result)))
}

/// What the client says of itself.
fn client(message: &Message) -> Result<Client, &'static str> {
    let text = message.text();
    let params = message.range_of(Part::Params).ok_or("Invalid params: there are none")?;
    let [version, info, capabilities] = pick(text, params, ["protocolVersion", "clientInfo", "capabilities"]);
    let version = string(text, version).ok_or("Invalid params: protocolVersion must be a string")?;
    let version = Version::negotiate(&version);

    let info = info.ok_or("Invalid params: clientInfo is missing")?;
    let [name, number, title] = pick(text, info, ["name", "version", "title"]);
    let mut known = Object::default();
    for (key, range, required) in [("name", name, true), ("version", number, true), ("title", title, false)] {
        match string(text, range) {
            Some(value) => known.raw(key, &json::quote(&value)),
            None if required => return Err("Invalid params: clientInfo must have a name and a version"),
            None => {}
        }
    }
    let capabilities = capabilities
        .and_then(|range| text.get(range))
        .filter(|raw| raw.first() == Some(&b'{'))
        .ok_or("Invalid params: capabilities must be an object")?;
    let capabilities = capabilities::of_client(capabilities, version);
    Client::new(version, &known.finish(), &capabilities)
        .ok_or("Invalid params: clientInfo and capabilities are too long")
}

async fn answer(
    reply: impl Future<Output = Result<Reply, Failure>>,
) -> Result<(Message, Extensions), Failure> {
    let mut reply = reply.await?;
    let extensions = std::mem::take(reply.extensions_mut());
    while let Some(message) = std::future::poll_fn(|cx| reply.poll_message(cx)).await {
        let message = message?;
        if message.is_answer() {
            return Ok((message, extensions));
        }
    }
    Err(Failure::new(FailureKind::Close))
}

/// The result of `initialize`, made of that of `server/discover`.
fn result(discovered: &Message, version: Version) -> Option<Fragment> {
    if discovered.result_type().is_some_and(|kind| kind != "complete") {
        return None;
    }
    let text = discovered.text();
    let [capabilities, instructions] =
        pick(text, discovered.range_of(Part::Result)?, ["capabilities", "instructions"]);
    let mut result = Object::default();
    result.raw("protocolVersion", &json::quote(version.as_str()));
    result.raw("capabilities", &capabilities::of_server(text.get(capabilities?)?, version));
    result.raw("serverInfo", server_info(discovered).unwrap_or(NAMELESS));
    if let Some(instructions) = string(text, instructions) {
        result.raw("instructions", &json::quote(&instructions));
    }
    Fragment::parse(result.finish()).ok()
}

/// Who the server says it is, if it says as much as 2025 demands.
fn server_info(discovered: &Message) -> Option<&str> {
    let text = discovered.text();
    let [info] = pick(text, discovered.range_of(Part::Meta)?, [SERVER_INFO]);
    let info = info?;
    let [name, version] = pick(text, info.clone(), ["name", "version"]);
    string(text, name).and(string(text, version))?;
    std::str::from_utf8(text.get(info)?).ok()
}
