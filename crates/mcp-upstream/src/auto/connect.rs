//! Channels to a server that speaks either of the two transports with sessions.

use std::sync::{Arc, OnceLock};

use futures_util::stream;
use http::Extensions;
use portcullis_core::Principal;
use portcullis_mcp_jsonrpc::{Failure, FailureKind, Kind, Message};
use portcullis_mcp_legacy::upstream::{BoxFuture, Channel, ChannelError, Connect, Incoming, Outgoing};

use super::{Found, verdict};
use crate::endpoint::Endpoint;
use crate::failure;
use crate::legacy::{Refused, Streamable, or_answer};
use crate::sse::{NotSse, SseChannel, open};
use crate::{Era, channels};

/// Opens channels by Streamable HTTP, or by HTTP+SSE if that is known to be what the server speaks.
pub(crate) struct AutoConnect {
    pub(crate) endpoint: Endpoint,
    pub(crate) found: Arc<Found>,
}

impl Connect for AutoConnect {
    fn connect<'a>(
        &'a self,
        principal: Option<&'a Principal>,
    ) -> BoxFuture<'a, Result<Arc<dyn Channel>, Failure>> {
        Box::pin(async move {
            let endpoint = self.endpoint.owned_by(principal)?;
            let channel = Either {
                streamable: Streamable::new(endpoint.clone()),
                sse: OnceLock::new(),
                endpoint,
                found: Arc::clone(&self.found),
            };
            if self.found.era() == Some(Era::Sse) {
                match open(&channel.endpoint).await {
                    Ok(sse) => drop(channel.sse.set(sse)),
                    // There is no such stream any more. `initialize` will show what there is instead.
                    Err(NotSse::Status(status))
                        if failure::of_status(status).kind() == FailureKind::Garbage => {}
                    Err(refused) => return Err(refused.into_failure()),
                }
            }
            let channel: Arc<dyn Channel> = Arc::new(channel);
            Ok(channel)
        })
    }
}

/// A channel that finds out with its first message, `initialize`, which transport it is for.
struct Either {
    streamable: Streamable,
    sse: OnceLock<SseChannel>,
    endpoint: Endpoint,
    found: Arc<Found>,
}

impl Either {
    async fn send(&self, outgoing: Outgoing) -> Result<Incoming, ChannelError> {
        if let Some(sse) = self.sse.get() {
            return sse.send(outgoing).await;
        }
        if outgoing.message.method() != Some("initialize") {
            return or_answer(self.streamable.post(outgoing).await);
        }
        let message = outgoing.message.clone();
        // A modern server that is asked for a session on behalf of a legacy client stays one.
        if self.found.era() == Some(Era::Modern) {
            let posted = self.streamable.post(outgoing).await;
            return self.as_well(posted).await;
        }
        match self.streamable.post(outgoing).await {
            Err(Refused::Modern) => {
                self.found.set(Era::Modern);
                Err(Refused::Modern.into_error())
            }
            Err(refused) if refused.suggests_sse() => self.fall_back(message, refused).await,
            posted => {
                if posted.is_ok() {
                    self.found.set(Era::Legacy);
                }
                or_answer(posted)
            }
        }
    }

    /// Whether a modern server holds sessions too. One that answers `initialize` and names no session keeps none: it could
    /// not ask its client for anything, while in 2026-07-28 it can. What says nothing of the method decides nothing.
    async fn as_well(&self, posted: Result<Incoming, Refused>) -> Result<Incoming, ChannelError> {
        let answer = match posted {
            Ok(mut incoming) => channels::answer(&mut incoming).await,
            Err(Refused::Failure(failure)) => return Err(ChannelError::Failed(failure)),
            Err(refused) if refused.status().is_some_and(verdict::is_undecided) => {
                return Err(refused.into_error());
            }
            Err(_) => None,
        };
        let yes = match &answer {
            Some(Ok(answer)) => answer.kind() == Kind::Result && self.streamable.has_id(),
            Some(Err(_)) => return Ok(Box::pin(stream::iter(answer))),
            None => false,
        };
        self.found.set_sessions(yes);
        if yes { Ok(Box::pin(stream::iter(answer))) } else { Err(Refused::Modern.into_error()) }
    }

    /// 2025-11-25, Transports, "Backwards Compatibility": a GET that opens with an `endpoint` event is HTTP+SSE.
    async fn fall_back(&self, initialize: Message, refused: Refused) -> Result<Incoming, ChannelError> {
        let Ok(sse) = open(&self.endpoint).await else {
            // It is neither of the two, so what it was taken for is wrong, too.
            self.found.forget();
            return or_answer(Err(refused));
        };
        self.found.set(Era::Sse);
        let outgoing = Outgoing { message: initialize, extensions: Extensions::new() };
        self.sse.get_or_init(|| sse).send(outgoing).await
    }
}

impl Channel for Either {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Incoming, ChannelError>> {
        Box::pin(Either::send(self, outgoing))
    }

    fn listen(&self) -> BoxFuture<'_, Result<Option<Incoming>, ChannelError>> {
        match self.sse.get() {
            Some(sse) => sse.listen(),
            None => self.streamable.listen(),
        }
    }

    fn negotiated(&self, version: &str) {
        match self.sse.get() {
            Some(sse) => sse.negotiated(version),
            None => self.streamable.negotiated(version),
        }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        match self.sse.get() {
            Some(sse) => sse.close(),
            None => self.streamable.close(),
        }
    }
}
