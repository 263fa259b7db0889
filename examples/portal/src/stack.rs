//! The whole stack of one portal, from the request that hyper has read to the servers behind.

use portcullis_mcp_jsonrpc::{Decode, DecodeLayer};
use portcullis_portal::Portal;
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;

use crate::config::{self, Limits};
use crate::farewell::{Farewell, FarewellLayer};
use crate::leaf::{self, Leaf, LeafError};

/// What requests for one portal go through. A layer that is added below is added to this type.
pub(crate) type Stack = Decode<Farewell<Portal>>;

/// Builds the stack of one portal. Its subscriptions end with `end`. Connections are made when they are needed.
pub(crate) fn build(
    config: &config::Portal,
    limits: &Limits,
    end: &CancellationToken,
) -> Result<(Stack, Leaf), LeafError> {
    let leaf = leaf::build(config)?;
    let stack = ServiceBuilder::new()
        // Outside of all else, because it decides what a message is: foreign hosts and origins, bodies over the limit,
        // JSON that two parsers could read differently, and headers that lie get no further. An authentication layer
        // goes above this line, since it needs the HTTP request; rate limits per caller go between the two.
        .layer(
            DecodeLayer::new()
                .hosts(config.hosts.guard.clone())
                .max_body(limits.max_body)
                .body_timeout(limits.body_timeout)
                .keep_alive(limits.keep_alive),
        )
        // Layers that judge messages go here, from the one that must see everything (audit) to the one that needs the
        // most time (content). Each adds its probes to `proof::SOURCES`.
        //
        // Inside of those, because the result it ends a subscription with is an answer like any other, to be recorded
        // and judged.
        .layer(FarewellLayer::new(end.clone()))
        .service(leaf.portal.clone());
    Ok((stack, leaf))
}
