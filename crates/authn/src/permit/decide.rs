use portcullis_core::{Inquiry, Reason, Refusal};

use super::Allowed;
use crate::Scopes;

/// Whether the call may go on; if not, why.
pub(super) fn decide<C: Inquiry>(scopes: &Scopes, call: &C) -> Result<(), Refusal> {
    let Some(principal) = call.principal() else {
        return Err(Refusal::new(
            Reason::Authenticate,
            "Sign in first, and send the access token with each request.",
        ));
    };
    let action = call.action();
    // Asked before the scopes: more scopes would not help.
    if let Some(allowed) = call.extensions().get::<Allowed>()
        && !allowed.permits(action)
    {
        let text = "The token that was sent is limited to other operations. Use another tool, or ask for a token that allows this.";
        return Err(Refusal::new(Reason::Forbid, text).with_detail("outside of what the credential allows"));
    }
    let tool = action.resource.filter(|_| action.verb == "tools/call");
    let mut missing = scopes.missing(Some(action.verb), tool, principal).peekable();
    if missing.peek().is_none() {
        return Ok(());
    }
    let needed: Vec<_> = scopes.needed(Some(action.verb), tool).collect();
    let missing: Vec<_> = missing.collect();
    let text =
        format!("This needs a token with more scopes. Sign in again and ask for: {}.", needed.join(" "));
    let detail = format!("missing: {}", missing.join(" "));
    Err(Refusal::new(Reason::WantScope, text).with_detail(detail).with_scopes(needed))
}
