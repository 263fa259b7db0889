//! Whether the client has opened a session on the channel.

use std::sync::Arc;

use tokio::sync::watch;

use crate::front::Session;

/// How far the session is.
#[derive(Clone, Debug, Default)]
pub(super) enum Era {
    /// Nobody has asked for one.
    #[default]
    Modern,
    /// It has been asked for, and the service inside has not answered yet.
    Opening,
    /// It is open.
    Legacy(Arc<Session>),
}

/// The session of a channel, for those who can wait for it to be opened.
#[derive(Clone, Debug)]
pub(super) struct Eras {
    era: Arc<watch::Sender<Era>>,
}

impl Eras {
    pub(super) fn new() -> Self {
        Self { era: Arc::new(watch::Sender::new(Era::Modern)) }
    }

    /// Begins to open the session. False if it is open or being opened.
    pub(super) fn begin(&self) -> bool {
        self.era.send_if_modified(|era| {
            let begins = matches!(era, Era::Modern);
            if begins {
                *era = Era::Opening;
            }
            begins
        })
    }

    /// The session is open, or could not be opened.
    pub(super) fn settle(&self, session: Option<Arc<Session>>) {
        self.era.send_replace(session.map_or(Era::Modern, Era::Legacy));
    }

    pub(super) fn now(&self) -> Era {
        self.era.borrow().clone()
    }

    /// The session, once it is open; none if it could not be opened.
    pub(super) async fn session(&self) -> Option<Arc<Session>> {
        let mut era = self.era.subscribe();
        match era.wait_for(|era| !matches!(era, Era::Opening)).await.as_deref() {
            Ok(Era::Legacy(session)) => Some(Arc::clone(session)),
            _ => None,
        }
    }
}
