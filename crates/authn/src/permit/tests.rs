use std::task::{Context, Poll, Waker};

use portcullis_core::{Actor, Answer, Kind, Principal, Reason, Refusal, Trail, Verdict};
use portcullis_mcp_jsonrpc::{Call, Reply};
use portcullis_testkit::{Act, Ask, Scripted};
use tower_layer::Layer;
use tower_service::Service;

use super::decide::decide;
use super::*;
use crate::Scopes;

/// Permits one tool, whatever the method is called.
#[derive(Debug)]
struct Only(&'static str);

impl Allowance for Only {
    fn permits(&self, action: Action<'_>) -> bool {
        action.resource == Some(self.0)
    }
}

fn scopes() -> Scopes {
    Scopes::new()
        .base(["mcp"])
        .and_then(|scopes| scopes.method("tools/call", ["call"]))
        .and_then(|scopes| scopes.method("notifications/x", ["notify"]))
        .and_then(|scopes| scopes.tool("github_*", ["repo"]))
        .and_then(|scopes| scopes.implies("all", ["mcp", "call"]))
        .unwrap()
}

fn alice(held: &str) -> Principal {
    let alice = Principal::new(Kind::User, "alice").acting_through(Actor::new("planner"));
    held.split_whitespace().fold(alice, |alice, scope| alice.with_scope(scope))
}

#[test]
fn who_may_do_what() {
    let listing = || Ask::new("tools/list");
    for (name, ask, held, only, refused) in [
        ("nobody", listing(), None, None, Some((Reason::Authenticate, ""))),
        ("nobody, with an allowance", Ask::tool("a"), None, Some("a"), Some((Reason::Authenticate, ""))),
        ("no scope", listing(), Some(""), None, Some((Reason::WantScope, "mcp"))),
        ("the base", listing(), Some("mcp"), None, None),
        ("more than that", listing(), Some("x mcp y"), None, None),
        ("another spelling", listing(), Some("MCP"), None, Some((Reason::WantScope, "mcp"))),
        // All of them at once, those that are held included.
        ("a method", Ask::tool("a"), Some("mcp"), None, Some((Reason::WantScope, "mcp call"))),
        ("a method's scope", Ask::tool("a"), Some("mcp call"), None, None),
        (
            "a tool",
            Ask::tool("github_merge"),
            Some("mcp call"),
            None,
            Some((Reason::WantScope, "mcp call repo")),
        ),
        ("a tool's scope", Ask::tool("github_merge"), Some("repo call mcp"), None, None),
        ("a broader scope", Ask::tool("a"), Some("all"), None, None),
        (
            "a broader scope that does not reach",
            Ask::tool("github_merge"),
            Some("all"),
            None,
            Some((Reason::WantScope, "mcp call repo")),
        ),
        // A prompt of that name is no tool.
        ("a prompt", Ask::prompt("github_merge"), Some("mcp"), None, None),
        ("what is allowed", Ask::tool("a"), Some("mcp call"), Some("a"), None),
        ("what is not allowed", Ask::tool("b"), Some("mcp call"), Some("a"), Some((Reason::Forbid, ""))),
        ("what has no object", listing(), Some("mcp"), Some("a"), Some((Reason::Forbid, ""))),
        // More scopes would not help, so nobody is sent to get them.
        ("neither allowed nor in scope", Ask::tool("b"), Some(""), Some("a"), Some((Reason::Forbid, ""))),
        ("allowed, not in scope", Ask::tool("a"), Some(""), Some("a"), Some((Reason::WantScope, "mcp call"))),
        (
            "a notification",
            Ask::notification("notifications/x"),
            Some("mcp"),
            None,
            Some((Reason::WantScope, "mcp notify")),
        ),
    ] {
        let mut call = ask.without_principal().call();
        if let Some(held) = held {
            call.extensions_mut().insert(alice(held));
        }
        if let Some(only) = only {
            call.extensions_mut().insert(Allowed::new(Arc::new(Only(only))));
        }
        let found = decide(&scopes(), &call).err();
        let seen = found.as_ref().map(|refusal| (refusal.reason(), refusal.scopes().join(" ")));
        assert_eq!(seen, refused.map(|(reason, scopes)| (reason, scopes.to_owned())), "{name}");
    }
}

#[test]
fn the_caller_is_told_what_to_ask_for_and_the_operator_what_was_missing() {
    let mut call = Ask::tool("github_merge").call();
    call.extensions_mut().insert(alice("mcp"));
    let refusal = decide(&scopes(), &call).unwrap_err();
    assert_eq!(
        refusal.message(),
        "This needs a token with more scopes. Sign in again and ask for: mcp call repo."
    );
    assert_eq!(refusal.detail(), Some("missing: call repo"));
}

#[test]
fn what_was_decided_is_on_the_trail() {
    for (held, allowed) in [("mcp call", true), ("mcp", false)] {
        let inner = Scripted::always(Act::result("{}"));
        let probe = inner.probe();
        let mut permit = PermitLayer::new(scopes()).layer(inner);
        let mut call = Ask::tool("a").call();
        call.extensions_mut().insert(alice(held));
        let trail = Trail::enter(call.extensions_mut());
        let mut context = Context::from_waker(Waker::noop());
        assert!(Service::<Call>::poll_ready(&mut permit, &mut context).is_ready());
        drop(permit.call(call));
        let entries = trail.entries();
        assert_eq!((entries.len(), entries[0].layer()), (1, "authn"));
        assert_eq!(entries[0].verdict().is_allow(), allowed);
        assert_eq!(matches!(entries[0].verdict(), Verdict::Refuse(_)), !allowed);
        assert_eq!(probe.calls().len(), usize::from(allowed));
    }
}

#[test]
fn a_refusal_that_was_given_is_not_given_twice() {
    let call = Ask::tool("a").without_principal().call();
    let refusal = Refusal::new(Reason::Forbid, "No.");
    let answer = Reply::refuse(&call.reply_to("test"), refusal);
    type Never = std::future::Pending<Result<Reply, std::convert::Infallible>>;
    let mut future = std::pin::pin!(PermitFuture::<Never, _>::refuse(answer));
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(future.as_mut().poll(&mut context), Poll::Ready(Ok(_))));
    assert!(future.as_mut().poll(&mut context).is_pending());
}

#[test]
fn is_send_and_sync_and_shows_no_principal() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<PermitLayer>();
    assert_send_sync::<Permit<Scripted>>();
    assert_send_sync::<Allowed>();
    fn assert_send<T: Send>() {}
    assert_send::<PermitFuture<std::future::Pending<()>, Reply>>();
    let future = PermitFuture::<std::future::Ready<()>, ()>::refuse(());
    assert_eq!(format!("{future:?}"), r#"PermitFuture { state: "refuse" }"#);
}
