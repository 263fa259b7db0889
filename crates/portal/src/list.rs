//! Answers the four list methods.

use std::borrow::Cow;
use std::sync::Arc;

use futures_util::future::join_all;
use portcullis_core::json;
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Id, Message, Reply};
use tokio::time::Duration;

use crate::catalogue::{Catalogue, page};
use crate::class::Origin;
use crate::kind::Kind;
use crate::merge::{Envelope, Frame, Merged, Rules, coarse, compose};
use crate::refuse;
use crate::shared::Shared;
use crate::shelf::{Need, Stock};
use crate::trouble::Trouble;
use crate::{cursor, watch};

/// What one server gave for a list.
pub(crate) struct Part {
    pub(crate) stock: Option<Stock<Catalogue>>,
    pub(crate) trouble: Option<Trouble>,
}

impl Shared {
    pub(crate) fn rules(&self) -> Rules {
        Rules { namespace: self.settings.namespace, collision: self.settings.collision }
    }

    pub(crate) fn ids(&self) -> Vec<&str> {
        self.backends.iter().map(|backend| backend.id()).collect()
    }

    /// What each server lists, as new as is needed where that can be had, and not too old where it cannot.
    pub(crate) async fn parts(&self, kind: Kind, origin: &Arc<Origin>, need: Need) -> Vec<Part> {
        let parts = self.backends.iter().map(|backend| async move {
            match backend.list(kind, origin, need).await {
                Ok(stock) => Part { stock: Some(stock), trouble: None },
                Err(trouble) => {
                    backend.lament(kind.method(), &trouble);
                    let stale = backend.shelf(kind).peek(&origin.class);
                    let stock = stale.filter(|stock| stock.stale_for <= self.settings.limits.max_stale);
                    Part { stock, trouble: Some(trouble) }
                }
            }
        });
        join_all(parts).await
    }

    pub(crate) async fn list(self: Arc<Self>, kind: Kind, call: Call) -> Result<Reply, Failure> {
        let Some(id) = call.id().cloned() else { return Ok(Reply::accepted()) };
        let position = match read_cursor(&self.settings.name, kind, call.message()) {
            Ok(position) => position,
            Err(InvalidCursor) => return Ok(refuse::invalid_cursor(&call)),
        };
        let origin = Arc::new(Origin::of(&call));
        // The pages of one list are best cut from one state of it, even if the servers allow no caching at all.
        let need = Need::Fresh(match position {
            None => Duration::ZERO,
            Some(_) => self.settings.limits.miss_interval,
        });
        let parts = self.parts(kind, &origin, need).await;
        watch::begin(&self, kind, &parts);
        if parts.iter().all(|part| part.stock.as_ref().is_none_or(|stock| !stock.value.is_offered())) {
            return self.nothing(&call, &id, &parts);
        }

        let catalogues = parts.iter().map(|part| part.stock.as_ref().map(|stock| Arc::clone(&stock.value)));
        let ids = self.ids();
        let make = |parts| Merged::new(kind, self.rules(), &ids, parts);
        let (merged, new) = self.merges.get(kind, catalogues.collect(), make);
        if new {
            self.report(kind, &merged);
        }
        let start = match position {
            None => 0,
            Some(position) => match merged.after(position, &ids) {
                Some(start) => start,
                None => return Ok(refuse::invalid_cursor(&call)),
            },
        };
        let prefixes: Vec<_> = self.backends.iter().map(|backend| backend.prefix()).collect();
        let settings = &self.settings;
        let frame = Frame {
            portal: &settings.name,
            version: &settings.version,
            ids: &ids,
            prefixes: &prefixes,
            page_size: settings.page_size,
        };
        let page = self.merges.page(kind, &merged, start, envelope(&parts), |envelope| {
            compose(&merged, kind, start, envelope, frame)
        });
        let page = page.map_err(|error| Failure::new(FailureKind::Internal).with_source(error))?;
        Ok(Reply::result(&id, &page))
    }

    /// The answer if no server has a list of this kind: what broke, or that nobody knows the method.
    fn nothing(&self, call: &Call, id: &Id, parts: &[Part]) -> Result<Reply, Failure> {
        let troubles = self
            .backends
            .iter()
            .zip(parts)
            .filter_map(|(backend, part)| part.trouble.as_ref().map(|trouble| (backend, trouble)));
        let mut troubles = troubles.peekable();
        let Some((_, first)) = troubles.peek() else {
            return Ok(refuse::unknown_method(call));
        };
        if self.backends.len() == 1
            && let Some(answer) = first.to_answer(id)
        {
            return Ok(Reply::message(answer));
        }
        let kind = match first {
            Trouble::Failure(kind, _) => *kind,
            Trouble::Answer(_) => FailureKind::Garbage,
        };
        let texts: Vec<_> =
            troubles.map(|(backend, trouble)| format!("{}: {trouble}", backend.id())).collect();
        Err(Failure::new(kind).with_source(texts.join("; ")))
    }

    fn report(&self, kind: Kind, merged: &Merged) {
        let ids = self.ids();
        for shared in merged.collisions().iter().take(16) {
            let servers: Vec<_> = shared.servers.iter().filter_map(|server| ids.get(*server)).collect();
            let portal = &*self.settings.name;
            tracing::warn!(portal, kind = kind.noun(), name = &*shared.key, ?servers, "servers collide");
        }
    }
}

/// What holds for the whole list.
///
/// Only servers that know the method count. One that cannot be asked makes the list one for now and for this caller.
fn envelope(parts: &[Part]) -> Envelope {
    let which = |is: &dyn Fn(&Part) -> bool| {
        parts.iter().enumerate().filter(|(_, part)| is(part)).map(|(server, _)| server).collect::<Vec<_>>()
    };
    let stocks = || parts.iter().filter_map(|part| part.stock.as_ref());
    let offered = || stocks().filter(|stock| stock.value.is_offered());
    let unavailable = which(&|part| part.trouble.is_some());
    let ttl = match unavailable.is_empty() {
        true => offered().map(|stock| stock.fresh_for).min().unwrap_or_default(),
        false => Duration::ZERO,
    };
    Envelope {
        ttl_ms: coarse(ttl),
        private: !unavailable.is_empty() || offered().any(|stock| stock.private),
        unavailable,
        truncated: which(&|part| part.stock.as_ref().is_some_and(|stock| stock.value.is_truncated())),
    }
}

struct InvalidCursor;

fn read_cursor(
    portal: &str,
    kind: Kind,
    message: &Message,
) -> Result<Option<cursor::Position>, InvalidCursor> {
    let Some(params) = message.params() else { return Ok(None) };
    let range = json::find(params, &["cursor"]).map_err(|_| InvalidCursor)?;
    let Some(range) = range else { return Ok(None) };
    let text = params.get(range).and_then(page::text).map(Cow::into_owned);
    let position = text.and_then(|text| cursor::decode(portal, kind, &text));
    position.map(Some).ok_or(InvalidCursor)
}
