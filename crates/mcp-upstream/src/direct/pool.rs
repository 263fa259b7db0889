use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::client::conn::http1;
use portcullis_core::Body;
use tokio::time::Instant;

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

    /// Whether another request may be sent. From here on, what happens to the connection wakes `waker`.
    fn is_idle(&mut self, waker: &Waker) -> bool {
        self.drive(&mut Context::from_waker(waker));
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
    /// The task that closes what the server has closed, or what nobody has used for too long. One for all of them, and
    /// asleep while calls come and go.
    sweeper: Option<Waker>,
}

impl Pool {
    pub(super) fn new(max: usize) -> Self {
        Self { idle: Mutex::default(), max }
    }

    /// A connection that is open. The one used last is the one least likely to be closed in a moment.
    pub(super) fn take(&self) -> Option<Connection> {
        loop {
            let mut connection = self.idle().connections.pop_back()?;
            if connection.is_idle(Waker::noop()) {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection, if it is idle and there is room.
    pub(super) fn park(self: &Arc<Self>, mut connection: Connection) {
        let Some(sweeper) = self.sweeper() else { return };
        if !connection.is_idle(&sweeper) {
            return;
        }
        connection.parked = Instant::now();
        let mut idle = self.idle();
        idle.connections.push_back(connection);
        let oldest = (idle.connections.len() > self.max).then(|| idle.connections.pop_front());
        drop(idle);
        drop(oldest);
    }

    /// The sweeper, which starts with the first connection; none outside of a runtime, where nothing can be kept.
    fn sweeper(self: &Arc<Self>) -> Option<Waker> {
        if let Some(waker) = &self.idle().sweeper {
            return Some(waker.clone());
        }
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        self.idle().sweeper = Some(Waker::noop().clone());
        runtime.spawn(sweep(Arc::downgrade(self)));
        Some(Waker::noop().clone())
    }

    fn sweep(&self, waker: &Waker) {
        let mut closed = Vec::new();
        let mut idle = self.idle();
        for mut connection in std::mem::take(&mut idle.connections) {
            if connection.parked.elapsed() < IDLE && connection.is_idle(waker) {
                idle.connections.push_back(connection);
            } else {
                closed.push(connection);
            }
        }
        idle.sweeper = Some(waker.clone());
        drop(idle);
        drop(closed);
    }

    /// A panic while the list was changed leaves a list that is still whole, so poisoning is ignored.
    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(sweeper) = self.idle().sweeper.take() {
            sweeper.wake();
        }
    }
}

/// Runs until the pool is gone.
async fn sweep(pool: Weak<Pool>) {
    let mut timer = Box::pin(tokio::time::sleep(IDLE / 4));
    std::future::poll_fn(move |cx| {
        let Some(pool) = pool.upgrade() else { return Poll::Ready(()) };
        while timer.as_mut().poll(cx).is_ready() {
            timer.as_mut().reset(Instant::now() + IDLE / 4);
        }
        pool.sweep(cx.waker());
        Poll::Pending
    })
    .await;
}
