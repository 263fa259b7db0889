//! Answers `server/discover` for all servers at once.

mod merge;
mod offer;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Fragment, Reply};

pub(crate) use self::offer::{Offer, fetch};
use crate::class::Origin;
use crate::merge::coarse;
use crate::shared::Shared;
use crate::shelf::{Need, Stock};
use crate::trouble::Trouble;

impl Shared {
    pub(crate) async fn discover(self: Arc<Self>, call: Call) -> Result<Reply, Failure> {
        let Some(id) = call.id().cloned() else { return Ok(Reply::accepted()) };
        let origin = Arc::new(Origin::of(&call));
        let asked = self.backends.iter().map(|backend| backend.offer(&origin, Need::Fresh(Duration::ZERO)));
        let answers: Vec<Result<Stock<Offer>, Trouble>> = join_all(asked).await;

        let (mut parts, mut unavailable, mut texts, mut kind) = (Vec::new(), Vec::new(), Vec::new(), None);
        for (server, (backend, answer)) in self.backends.iter().zip(answers).enumerate() {
            match answer {
                Ok(stock) => parts.push((backend.id(), stock)),
                Err(trouble) => {
                    backend.lament("server/discover", &trouble);
                    if self.backends.len() == 1
                        && let Some(answer) = trouble.to_answer(&id)
                    {
                        return Ok(Reply::message(answer));
                    }
                    unavailable.push(server);
                    texts.push(format!("{}: {trouble}", backend.id()));
                    kind.get_or_insert(trouble.to_failure(backend.id()).kind());
                }
            }
        }
        if parts.is_empty() {
            let kind = kind.unwrap_or(FailureKind::Unreachable);
            return Err(Failure::new(kind).with_source(texts.join("; ")));
        }
        let complete = unavailable.is_empty();
        let ttl = parts.iter().map(|(_, stock)| stock.fresh_for).min().filter(|_| complete);
        let summary = merge::Summary {
            portal: &self.settings.name,
            version: &self.settings.version,
            ids: &self.ids(),
            faithful: self.is_transparent(),
            ttl_ms: coarse(ttl.unwrap_or_default()),
            private: !complete || parts.iter().any(|(_, stock)| stock.private),
            unavailable: &unavailable,
        };
        let offers: Vec<_> = parts.iter().map(|(id, stock)| (*id, &*stock.value)).collect();
        let result = Fragment::parse(merge::describe(&summary, &offers))
            .map_err(|error| Failure::new(FailureKind::Internal).with_source(error))?;
        Ok(Reply::result(&id, &result))
    }
}
