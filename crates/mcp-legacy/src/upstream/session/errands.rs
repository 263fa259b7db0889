//! What the session itself says to the server, on behalf of no call in particular.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use http::Extensions;
use portcullis_mcp_jsonrpc::{Failure, FailureKind, Fragment, Id, Message};
use tokio::time::timeout;

use super::Session;
use crate::upstream::level::Level;
use crate::upstream::{ChannelError, Outgoing, route};

/// How many messages may be on their way to the server that nobody waits for.
pub(super) const MAX_ERRANDS: usize = 64;

/// How long such a message may take, and how long the server may take to do what the session itself asks for.
const ERRAND: Duration = Duration::from_secs(10);

/// How long a call waits for the level of the server's log.
const SET_LEVEL: Duration = Duration::from_secs(2);

impl Session {
    /// Sends the server a message that nobody waits for.
    pub(in crate::upstream) fn tell(&self, message: Message) {
        let Ok(permit) = self.errands.clone().try_acquire_owned() else {
            if !self.complained.swap(true, Ordering::Relaxed) {
                tracing::warn!("a server takes messages too slowly; some are dropped");
            }
            return;
        };
        let channel = self.channel.clone();
        self.runtime.spawn(async move {
            let sent = timeout(ERRAND, async {
                let outgoing = Outgoing { message, extensions: Extensions::new() };
                let mut incoming = channel.send(outgoing).await?;
                // What a request of this kind is answered, nobody asks for; but it must not end before.
                while let Some(message) = incoming.next().await {
                    message?;
                }
                Ok::<_, ChannelError>(())
            });
            if let Ok(Err(error)) = sent.await {
                tracing::debug!(%error, "a message to the server got lost");
            }
            drop(permit);
        });
    }

    /// Tells the server that its request came to nothing.
    pub(in crate::upstream) fn refuse(&self, request: &Id, code: i64, text: &str) {
        self.tell(Message::from_error(Some(request), code, text, None));
    }

    /// Asks the server something that concerns the session.
    pub(in crate::upstream) async fn ask(
        self: &Arc<Self>,
        method: &str,
        params: &Fragment,
        limit: Duration,
    ) -> Result<Message, ChannelError> {
        let id = Id::from(self.next_id());
        let message = Message::from_request(&id, method, params);
        let asked = timeout(limit, async {
            let mut incoming = self.channel.send(Outgoing { message, extensions: Extensions::new() }).await?;
            while let Some(message) = incoming.next().await {
                let message = message?;
                if message.is_answer() && message.id() == Some(&id) {
                    return Ok(message);
                }
                route::unsolicited(self, message);
            }
            Err(ChannelError::Failed(Failure::new(FailureKind::Close)))
        });
        asked.await.unwrap_or_else(|_| Err(ChannelError::Failed(Failure::new(FailureKind::Timeout))))
    }

    /// Has the server tell what a call wants to hear. What others want to hear less of is kept from them here, so the
    /// level is only ever lowered.
    pub(in crate::upstream) async fn log_from(self: &Arc<Self>, level: Level) {
        if !self.hello.logging || self.level.wants(level) {
            return;
        }
        let params = Fragment::parse(format!(r#"{{"level":"{}"}}"#, level.as_str()));
        let Ok(params) = params else { return };
        match self.ask("logging/setLevel", &params, SET_LEVEL).await {
            // A server that says no will say no again.
            Ok(_) if !self.level.wants(level) => self.level.set(Some(level)),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "the level of the server's log could not be set"),
        }
    }
}
