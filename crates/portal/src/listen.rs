//! Answers `subscriptions/listen`: the streams of all servers as one.

mod filter;
mod merged;
mod source;
mod stamp;

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::{SelectAll, unfold};
use portcullis_core::Document;
use portcullis_core::json::{self, Splice};
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Reply};

pub(crate) use self::filter::Filter;
use self::merged::{Event, Merged};
pub(crate) use self::source::{Next, Source};
use crate::backend::Backend;
use crate::backoff::Backoff;
use crate::class::Origin;
use crate::refuse;
use crate::shared::Shared;
use crate::shelf::Need;
use crate::trouble::Trouble;

/// What became of one server's stream.
enum Begun {
    /// It is open, and this is what the server agreed to.
    Open(Box<Source>, Filter),
    /// The server cannot be reached now; it is tried again while the client listens.
    Later(Box<Source>, Trouble),
    /// The server has nothing to tell, or says no.
    No(Option<Trouble>),
}

impl Shared {
    pub(crate) async fn listen(self: Arc<Self>, call: Call) -> Result<Reply, Failure> {
        let Some(id) = call.id().cloned() else { return Ok(Reply::accepted()) };
        let Some(wanted) = Filter::of_request(call.message()) else {
            return Ok(refuse::invalid_params(&call, "notifications must be an object"));
        };
        let origin = Arc::new(Origin::of(&call));
        let parts = self.split(&wanted, &origin);
        let begin = self
            .backends
            .iter()
            .zip(parts)
            .enumerate()
            .map(|(server, (backend, part))| self.begin(server, backend, part, &wanted, &origin, &call));
        let begun = join_all(begin).await;

        let (mut sources, mut agreed, mut refusal, mut failure) =
            (SelectAll::new(), Filter::default(), None, None);
        let (mut open, mut single) = (0, None);
        for begun in begun {
            let source = match begun {
                Begun::Open(mut source, filter) => {
                    open += 1;
                    single = source.take_acknowledgement();
                    agreed.add(filter);
                    source
                }
                Begun::Later(source, trouble) => {
                    failure.get_or_insert(trouble.to_failure(source.backend().id()));
                    source
                }
                Begun::No(trouble) => {
                    refusal = refusal.or(trouble);
                    continue;
                }
            };
            let events = unfold(source, |mut source| async move {
                let event = match source.next().await {
                    Next::Message(message) => Event::Message(Arc::clone(source.backend()), message),
                    Next::Reopened => Event::Reopened(Arc::clone(source.backend()), source.wanted().clone()),
                    Next::Ended | Next::Refused => return None,
                };
                Some((event, source))
            });
            sources.push(events.boxed());
        }
        if open == 0 {
            return match (failure, refusal) {
                (Some(failure), _) => Err(failure),
                (None, Some(refusal)) if self.backends.len() == 1 => {
                    let answer = refusal.to_answer(&id).map(Reply::message);
                    Ok(answer.unwrap_or_else(|| refuse::unknown_method(&call)))
                }
                (None, _) => Ok(refuse::unknown_method(&call)),
            };
        }
        // The only server's own words may say more than a portal understands.
        let own = single.filter(|_| self.backends.len() == 1);
        agreed.keep_asked(&wanted);
        Ok(Reply::stream(Merged::new(&id, sources, agreed, own)))
    }

    /// What to ask of each server: URIs of its owner, where that is known, and all else of all.
    fn split(&self, wanted: &Filter, origin: &Origin) -> Vec<Filter> {
        let mut parts = vec![wanted.without_uris(); self.backends.len()];
        for uri in wanted.uris() {
            let owner = match self.only() {
                Some(_) => None,
                None => self.locate_known(uri, origin),
            };
            for (server, part) in parts.iter_mut().enumerate() {
                if owner.is_none_or(|owner| owner == server) {
                    part.add_uri(uri);
                }
            }
        }
        parts
    }

    /// Opens one server's stream, within the time that the client is made to wait.
    async fn begin(
        &self,
        server: usize,
        backend: &Arc<Backend>,
        mut part: Filter,
        wanted: &Filter,
        origin: &Arc<Origin>,
        call: &Call,
    ) -> Begun {
        let limits = &self.settings.limits;
        // Where there is one server only, nobody else has to wait for it.
        let patience = if self.only().is_some() { limits.list_timeout } else { limits.listen_timeout };
        let deadline = tokio::time::Instant::now() + patience;
        if self.backends.len() > 1 {
            // A server that does not describe itself is asked for everything; its acknowledgement will tell.
            let offer = tokio::time::timeout_at(deadline, backend.offer(origin, Need::Any)).await;
            if let Ok(Ok(offer)) = offer {
                part.keep_offered(&offer.value);
            }
            if part.is_empty() {
                return Begun::No(None);
            }
        }
        let call = match narrow(call, wanted, &part) {
            Ok(call) => call,
            Err(failure) => return Begun::No(Some(failure.into())),
        };
        let backoff = Backoff::new(self.settings.seed ^ (server as u64) << 32);
        let mut source = Box::new(Source::new(Arc::clone(backend), call, part, backoff, limits.list_timeout));
        match tokio::time::timeout_at(deadline, source.open()).await {
            Ok(Ok(agreed)) => Begun::Open(source, agreed),
            Ok(Err(Trouble::Answer(answer))) => Begun::No(Some(Trouble::Answer(answer))),
            Ok(Err(trouble)) => Begun::Later(source, trouble),
            Err(_) => {
                let trouble = Trouble::new(FailureKind::Timeout, "the server did not acknowledge in time");
                backend.failed(&trouble.to_failure(backend.id()));
                Begun::Later(source, trouble)
            }
        }
    }
}

/// The client's call, asking one server for its part.
fn narrow(call: &Call, wanted: &Filter, part: &Filter) -> Result<Call, Failure> {
    let mut call = call.clone();
    if wanted == part {
        return Ok(call);
    }
    let internal = |error: portcullis_core::BoxError| Failure::new(FailureKind::Internal).with_source(error);
    let text = call.message().text().clone();
    let place = json::find(&text, &["params", "notifications"]).map_err(|error| internal(error.into()))?;
    if let Some(place) = place {
        let mut splice = Splice::new(&text);
        splice.replace(place, part.to_json());
        let changed = splice.finish().map_err(|error| internal(error.into()))?;
        call.message_mut().rewrite(changed).map_err(internal)?;
    }
    Ok(call)
}
