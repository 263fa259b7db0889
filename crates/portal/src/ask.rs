//! Requests that the portal makes by itself.

use std::future::poll_fn;
use std::sync::Arc;

use http::request::Parts;
use portcullis_mcp_jsonrpc::{Call, Fragment, Id, Kind, Message, PROTOCOL_VERSION, Reply};

use crate::backend::Backend;
use crate::class::Origin;
use crate::trouble::Trouble;

/// The id of every such request. Each has a connection or stream of its own, so they need not differ.
const ID: &str = "portcullis";

/// Asks a server and waits for its result. `members` are further members of the params, each after a comma.
///
/// The request declares no capability: nobody could live up to it (a server may take a client's roots for its allowed
/// folders, say), and the answer may serve many clients.
pub(crate) async fn ask(
    backend: &Backend,
    origin: &Origin,
    method: &str,
    members: &str,
) -> Result<Message, Trouble> {
    let call = call(origin, method, members)?;
    let answered = match backend.send(call).await {
        Ok(reply) => answer(reply).await,
        Err(failure) => Err(failure.into()),
    };
    match &answered {
        Err(trouble @ Trouble::Failure(..)) => backend.failed(&trouble.to_failure(backend.id())),
        Ok(_) | Err(Trouble::Answer(_)) => backend.answered(),
    }
    answered
}

/// A call of the portal's own.
pub(crate) fn call(origin: &Origin, method: &str, members: &str) -> Result<Call, Trouble> {
    let params = format!(
        concat!(
            r#"{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"{version}","#,
            r#""io.modelcontextprotocol/clientInfo":{{"name":"portcullis","version":"{own}"}},"#,
            r#""io.modelcontextprotocol/clientCapabilities":{{}}}}{members}}}"#
        ),
        version = PROTOCOL_VERSION,
        own = env!("CARGO_PKG_VERSION"),
        members = members,
    );
    let params = Fragment::parse(params).map_err(Trouble::garbage)?;
    let mut head: Parts = http::Request::new(()).into_parts().0;
    head.uri = origin.uri.clone();
    head.extensions = origin.extensions.clone();
    Ok(Call::from_parts(Message::from_request(&Id::from(ID), method, &params), head))
}

/// The answer at the end of a reply. What comes before it is for nobody.
async fn answer(mut reply: Reply) -> Result<Message, Trouble> {
    while let Some(message) = poll_fn(|cx| reply.poll_message(cx)).await {
        let message = message?;
        match message.kind() {
            Kind::Result => return Ok(message),
            Kind::Error => return Err(Trouble::Answer(Arc::new(message))),
            Kind::Notification | Kind::Request => {}
        }
    }
    Err(Trouble::garbage("the reply ended without an answer"))
}
