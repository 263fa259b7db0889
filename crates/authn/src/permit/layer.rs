use std::sync::Arc;

use tower_layer::Layer;

use super::Permit;
use crate::Scopes;

/// Lets only those operations through that the caller's scopes and credential allow.
///
/// It stands at the message level, where method and tool are known for certain: a header may say something else, and does
/// where nobody compares it with the body. It needs the [`Principal`](portcullis_core::Principal) of
/// a layer outside, and serves MCP and LLM traffic alike.
///
/// | the caller | gets |
/// |---|---|
/// | is not known | [`Reason::Authenticate`](portcullis_core::Reason::Authenticate) |
/// | has a credential that does not [allow](crate::Allowed) the operation | [`Reason::Forbid`](portcullis_core::Reason::Forbid) |
/// | lacks a [scope](Scopes) | [`Reason::WantScope`](portcullis_core::Reason::WantScope), with all the scopes that the operation needs |
///
/// The codec turns the last one into `403`, and the layer outside adds the challenge.
///
/// ```
/// use portcullis_authn::{PermitLayer, Scopes};
/// use portcullis_core::{Kind, Principal, Reason, Refusal};
/// use portcullis_mcp_jsonrpc::{Call, Fragment, Id, Message, Reply};
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let scopes = Scopes::new().base(["mcp"])?.tool("github_*", ["repo"])?;
/// let service = ServiceBuilder::new().layer(PermitLayer::new(scopes)).service_fn(async |call: Call| {
///     let id = call.id().cloned().unwrap_or_else(|| Id::from(0));
///     Ok::<_, std::convert::Infallible>(Reply::result(&id, &Fragment::empty()))
/// });
///
/// let ask = |tool: &str| {
///     let params = Fragment::parse(format!(r#"{{"name":"{tool}","arguments":{{}}}}"#)).unwrap();
///     let mut call = Call::new(Message::from_request(&Id::from(1), "tools/call", &params));
///     call.extensions_mut().insert(Principal::new(Kind::User, "alice").with_scope("mcp"));
///     call
/// };
/// let passed = service.clone().oneshot(ask("weather")).await?;
/// assert!(passed.extensions().get::<Refusal>().is_none());
///
/// let refused = service.oneshot(ask("github_merge")).await?;
/// let refusal = refused.extensions().get::<Refusal>().unwrap();
/// assert_eq!((refusal.reason(), refusal.scopes()), (Reason::WantScope, &["mcp".into(), "repo".into()][..]));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct PermitLayer {
    scopes: Arc<Scopes>,
}

impl PermitLayer {
    /// Asks for these scopes. They should be those of the layer outside, whose challenges name them.
    pub fn new(scopes: impl Into<Arc<Scopes>>) -> Self {
        Self { scopes: scopes.into() }
    }
}

impl<S> Layer<S> for PermitLayer {
    type Service = Permit<S>;

    fn layer(&self, inner: S) -> Permit<S> {
        Permit::new(inner, Arc::clone(&self.scopes))
    }
}
