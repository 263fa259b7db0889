//! The headers that mirror arguments of a tool.

use std::sync::Arc;

use portcullis_mcp_jsonrpc::{Call, Reply, header};

use crate::backend::Backend;
use crate::class::{Class, Origin};
use crate::kind::Kind;
use crate::refuse;
use crate::shelf::Need;

/// Whether the tools of a server have to be read before this call can have its headers.
///
/// A client that does not speak HTTP sends none, and a server that wants some refuses a call without. Those who do
/// speak HTTP have sent what the server wants.
pub(crate) fn must_learn(backend: &Backend, call: &Call) -> bool {
    call.method() == "tools/call"
        && !call.headers().contains_key(header::MCP_METHOD)
        && backend
            .shelf(Kind::Tools)
            .peek(&Class::of(call.extensions()))
            .is_none_or(|stock| stock.stale_for > backend.limits().max_stale)
}

/// Reads the tools of a server for this caller. If that fails the call goes on: nearly no tool wants headers.
pub(crate) async fn learn(backend: &Arc<Backend>, origin: &Arc<Origin>) {
    let need = Need::Fresh(backend.limits().miss_interval);
    if let Err(trouble) = backend.list(Kind::Tools, origin, need).await {
        backend.lament(Kind::Tools.method(), &trouble);
    }
}

/// Holds the headers of a `tools/call` against its arguments, if the tool is known to want any mirrored.
///
/// The encoder then makes the headers anew from the arguments. A tool that is not known is left to its server, which
/// checks the headers as the client sent them.
pub(crate) fn agree(backend: &Backend, call: &mut Call) -> Result<(), Box<Reply>> {
    if call.method() != "tools/call" {
        return Ok(());
    }
    let Some(tools) = backend.annotated_tools(call) else { return Ok(()) };
    let Some(params) = call.name().and_then(|name| tools.params(name)) else { return Ok(()) };
    let arguments = call.message().arguments().unwrap_or(b"{}");
    // A call that did not come over HTTP has no headers that could lie.
    if call.headers().contains_key(header::MCP_METHOD)
        && let Err(mismatch) = params.check(arguments, call.headers())
    {
        return Err(Box::new(refuse::header_mismatch(call, mismatch)));
    }
    let params = params.clone();
    call.extensions_mut().insert(params);
    Ok(())
}
