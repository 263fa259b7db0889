//! Answers `subscriptions/listen`: the streams of all servers as one, each shared by all who may share it.

mod begin;
mod filter;
mod hub;
mod merged;
mod source;
mod stamp;
mod tasks;

use std::sync::Arc;

use futures_util::future::join_all;
use portcullis_mcp_jsonrpc::{Call, Failure, Reply};

use self::begin::Begun;
pub(crate) use self::filter::Filter;
pub(crate) use self::hub::Hubs;
use self::merged::Merged;
pub(crate) use self::source::{Next, Source};
use crate::class::Origin;
use crate::input::Needs;
use crate::shared::Shared;
use crate::{names, refuse};

impl Shared {
    pub(crate) async fn listen(self: Arc<Self>, call: Call) -> Result<Reply, Failure> {
        let Some(id) = call.id().cloned() else { return Ok(Reply::accepted()) };
        let Some(mut wanted) = Filter::of_request(call.message()) else {
            return Ok(refuse::invalid_params(&call, "notifications must be an object"));
        };
        let declared = Needs::declared(call.message().client_capabilities().unwrap_or(b"{}"));
        if self.is_transparent() {
            wanted.leave_tasks();
        } else if wanted.has_tasks() && !declared.has(Needs::TASKS) {
            // Tasks Extension, "Task Status Notifications".
            return Ok(refuse::missing_capability(&call, Needs::TASKS));
        }
        let origin = Arc::new(Origin::of(&call));
        let parts = self.split(&wanted, &origin);
        let begin = self
            .backends
            .iter()
            .zip(parts)
            .enumerate()
            .map(|(server, (backend, part))| self.begin(server, backend, part, &origin, &call));
        let begun = join_all(begin).await;

        let (mut feeds, mut agreed, mut refusal, mut failure) = (Vec::new(), Filter::default(), None, None);
        let (mut open, mut single) = (0, None);
        for (backend, begun) in self.backends.iter().zip(begun) {
            match begun {
                Begun::Open(feed, opened) => {
                    open += 1;
                    agreed.add(opened.agreed.clone());
                    single = Some(opened);
                    feeds.push(feed);
                }
                Begun::Later(feed, trouble) => {
                    failure.get_or_insert(trouble.to_failure(backend.id()));
                    feeds.push(feed);
                }
                Begun::No(trouble) => refusal = refusal.or(trouble),
            }
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
        let own = own.and_then(|opened| opened.acknowledgement.clone());
        agreed.keep_asked(&wanted);
        Ok(Reply::stream(Merged::new(&id, feeds, agreed, declared, own)))
    }

    /// What to ask of each server: tasks of who made them, URIs of their owner, where that is known, and all else of
    /// all.
    fn split(&self, wanted: &Filter, origin: &Origin) -> Vec<Filter> {
        let mut parts = vec![wanted.common(); self.backends.len()];
        for id in wanted.tasks() {
            let Some((server, own)) = names::split(id) else { continue };
            let of_server = self.backends.iter().zip(&mut parts).find(|(backend, _)| backend.id() == server);
            of_server.into_iter().for_each(|(_, part)| part.add_task(own));
        }
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
}
