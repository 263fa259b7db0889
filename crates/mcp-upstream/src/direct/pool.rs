use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::Duration;

use hyper::client::conn::http1;
use portcullis_core::Body;
use tokio::time::Instant;

use super::poll_now;
use crate::client::Stream;

/// For how long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(60);

/// A connection and what drives it.
pub(super) struct Connection {
    pub(super) sender: http1::SendRequest<Body>,
    driver: Pin<Box<http1::Connection<Stream, Body>>>,
    closed: bool,
    parked: Instant,
}

impl Connection {
    pub(super) fn new(sender: http1::SendRequest<Body>, driver: http1::Connection<Stream, Body>) -> Self {
        Self { sender, driver: Box::pin(driver), closed: false, parked: Instant::now() }
    }

    /// Reads and writes what can be read and written now.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        // What ended the connection reaches whoever waits for a response or a frame on it.
        self.closed = self.closed || self.driver.as_mut().poll(cx).is_ready();
    }

    /// Whether another request may be sent. Nobody is woken by the connection after this.
    fn is_idle(&mut self) -> bool {
        poll_now(self);
        !self.closed && self.sender.is_ready()
    }
}

/// The connections that are idle, the one used last at the end.
pub(super) struct Pool {
    idle: Mutex<Idle>,
    max: usize,
}

#[derive(Default)]
struct Idle {
    connections: VecDeque<Connection>,
    /// Whether a task looks after them.
    swept: bool,
}

impl Pool {
    pub(super) fn new(max: usize) -> Self {
        Self { idle: Mutex::default(), max }
    }

    /// A connection that was open a moment ago. The one used last is the one least likely to be closed by now.
    pub(super) fn take(&self) -> Option<Connection> {
        loop {
            let mut connection = self.idle().connections.pop_back()?;
            if connection.is_idle() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection, if it is idle and there is room.
    pub(super) fn park(self: &Arc<Self>, mut connection: Connection) {
        if self.max == 0 || !connection.is_idle() {
            return;
        }
        connection.parked = Instant::now();
        let mut idle = self.idle();
        idle.connections.push_back(connection);
        let oldest = (idle.connections.len() > self.max).then(|| idle.connections.pop_front());
        let unswept = !std::mem::replace(&mut idle.swept, true);
        drop(idle);
        drop(oldest);
        if unswept {
            self.sweep_from_now_on();
        }
    }

    /// Closes what has been idle for too long, until nothing is idle any more.
    fn sweep_from_now_on(self: &Arc<Self>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let pool = Arc::downgrade(self);
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(IDLE / 4).await;
                let Some(pool) = pool.upgrade() else { return };
                if pool.sweep() {
                    return;
                }
            }
        });
    }

    /// Whether nothing is left.
    fn sweep(&self) -> bool {
        let mut closed = Vec::new();
        let mut idle = self.idle();
        for mut connection in std::mem::take(&mut idle.connections) {
            if connection.parked.elapsed() < IDLE && connection.is_idle() {
                idle.connections.push_back(connection);
            } else {
                closed.push(connection);
            }
        }
        idle.swept = !idle.connections.is_empty();
        let empty = !idle.swept;
        drop(idle);
        drop(closed);
        empty
    }

    /// A panic while the list was changed leaves a list that is still whole, so poisoning is ignored.
    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
