//! The headers that mirror arguments of a tool.

use portcullis_mcp_jsonrpc::{Call, Reply, header};

use crate::backend::Backend;
use crate::refuse;

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
