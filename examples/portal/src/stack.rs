//! The whole stack of one portal, from the request that hyper has read to the servers behind.

use portcullis_authn::{ExchangeService, Permit};
use portcullis_mcp_jsonrpc::DecodeLayer;
use portcullis_mcp_legacy::front::{Front, FrontLayer};
use portcullis_portal::Portal;
use portcullis_seal::KeyRing;
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tower::util::Either;

use crate::config::{self, Limits, Sessions};
use crate::entrance::{Entrance, EntranceLayer};
use crate::farewell::{Farewell, FarewellLayer};
use crate::hangup::{HangUp, HangUpLayer};
use crate::identity::Identity;
use crate::leaf::{self, Leaf, LeafError};

/// What messages for one portal go through. A layer that judges messages is added to this type.
pub(crate) type Messages = Either<Permit<Farewell<Portal>>, Farewell<Portal>>;

/// What requests for one portal go through once their callers are known.
pub(crate) type Inside = Front<Messages>;

/// What requests for one portal go through. A layer that judges requests is added to this type.
pub(crate) type Stack = HangUp<Entrance<Either<ExchangeService<Inside>, Inside>>>;

/// Builds the stack of one portal, behind the entrance that `identity` makes. Its subscriptions end with `end`.
/// Connections are made when they are needed.
pub(crate) fn build(
    config: &config::Portal,
    limits: &Limits,
    sessions: &Sessions,
    keys: &KeyRing,
    identity: Identity,
    end: &CancellationToken,
) -> Result<(Stack, Leaf), LeafError> {
    let leaf = leaf::build(config, keys)?;
    let decode = DecodeLayer::new()
        .hosts(config.hosts.guard.clone())
        .max_body(limits.max_body)
        .body_timeout(limits.body_timeout)
        .keep_alive(limits.keep_alive);
    let stack = ServiceBuilder::new()
        // Outside of the front, because the streams it ends are of sessions, which nothing further in knows of.
        .layer(HangUpLayer::new(end.clone()))
        // Outside of all that costs anything: whoever has no business here is sent away before the body is read. It
        // stands in front of the decoder because it needs the HTTP request, and answers with HTTP statuses.
        .layer(EntranceLayer::new(identity.authn))
        // Inside of the entrance, since only a caller who is known gets a token to delegate.
        .option_layer(identity.exchange)
        // Outside of all that judges, because it decides what a message is: foreign hosts and origins, bodies over the limit,
        // JSON that two parsers could read differently, and headers that lie get no further. Clients of 2025 become
        // clients of 2026-07-28 here, so that nothing further in sees a session. Rate limits per caller go above this line.
        .layer(front(FrontLayer::new(decode), config, sessions).keys(keys.clone()))
        // Outside of what else judges messages, because it needs nothing but the caller and the operation.
        .option_layer(identity.permit)
        // Layers that judge messages go here, from the one that must see everything (audit) to the one that needs the
        // most time (content). Each adds its probes to `proof::SOURCES`.
        //
        // Inside of those, because the result it ends a subscription with is an answer like any other, to be recorded
        // and judged.
        .layer(FarewellLayer::new(end.clone()))
        .service(leaf.portal.clone());
    Ok((stack, leaf))
}

/// The part of a stack that callers reach once they are known.
pub(crate) fn inside(stack: &Stack) -> &Inside {
    match stack.get_ref().get_ref() {
        Either::Left(exchange) => exchange.get_ref(),
        Either::Right(inside) => inside,
    }
}

/// What sessions are bound to and bounded by. Without a path in the configuration any path leads here, and is one route.
fn front(mut front: FrontLayer, config: &config::Portal, sessions: &Sessions) -> FrontLayer {
    front = front.portal(&config.id).route(config.path.as_deref().unwrap_or("*"));
    if let Some(lifetime) = sessions.lifetime {
        front = front.session_lifetime(lifetime);
    }
    if let Some(count) = sessions.max_sessions {
        front = front.max_sessions(count);
    }
    if let Some(time) = sessions.resume_within {
        front = front.resume_within(time);
    }
    if let Some(bytes) = sessions.max_replay {
        front = front.replay_bytes(bytes);
    }
    let mut limits = portcullis_mcp_legacy::front::Limits::default();
    if let Some(time) = sessions.input_timeout {
        limits.input_timeout = time;
    }
    front.limits(limits)
}
