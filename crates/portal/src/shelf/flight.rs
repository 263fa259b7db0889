//! One question to a server, and all who wait for its answer.

use std::sync::Arc;

use portcullis_mcp_jsonrpc::FailureKind;
use tokio::sync::watch;

use super::{Fetched, Keep, Shelf, Stock};
use crate::class::Class;
use crate::trouble::Trouble;

/// How a question ended.
#[derive(Debug)]
pub(super) enum Landed<T> {
    Answer(Stock<T>),
    Trouble(Trouble),
}

impl<T> Clone for Stock<T> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), ..*self }
    }
}

impl<T> Clone for Landed<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Answer(stock) => Self::Answer(stock.clone()),
            Self::Trouble(trouble) => Self::Trouble(trouble.clone()),
        }
    }
}

/// A question under way, as the shelf knows it.
#[derive(Debug)]
pub(super) struct Flight<T> {
    pub(super) number: u64,
    pub(super) owner: Class,
    /// Whether callers of other classes may wait for it, in the hope for a public answer.
    pub(super) open: bool,
    pub(super) epoch: u64,
    pub(super) landed: watch::Receiver<Option<Landed<T>>>,
}

/// A question under way, as the task that asks it knows it.
#[derive(Debug)]
pub(super) struct Takeoff<T> {
    pub(super) number: u64,
    pub(super) owner: Class,
    pub(super) epoch: u64,
    pub(super) landed: watch::Sender<Option<Landed<T>>>,
}

impl<T> Takeoff<T> {
    pub(super) fn report(self, landed: Landed<T>) {
        self.landed.send_replace(Some(landed));
    }
}

/// A question under way, as those who wait for it know it.
#[derive(Debug)]
pub(super) struct Landing<T> {
    pub(super) owner: Class,
    pub(super) landed: watch::Receiver<Option<Landed<T>>>,
}

impl<T> Landing<T> {
    pub(super) async fn wait(&mut self) -> Landed<T> {
        match self.landed.wait_for(Option::is_some).await.map(|landed| landed.clone()) {
            Ok(Some(landed)) => landed,
            Ok(None) | Err(_) => Landed::Trouble(lost()),
        }
    }
}

fn lost() -> Trouble {
    Trouble::new(FailureKind::Internal, "the question was lost")
}

/// Sees to it that a question lands, even if its task panics or is aborted.
pub(super) struct Guard<T: Keep> {
    shelf: Arc<Shelf<T>>,
    takeoff: Option<Takeoff<T>>,
}

impl<T: Keep> Guard<T> {
    pub(super) fn new(shelf: Arc<Shelf<T>>, takeoff: Takeoff<T>) -> Self {
        Self { shelf, takeoff: Some(takeoff) }
    }

    pub(super) fn land(mut self, answer: Result<Fetched<T>, Trouble>) {
        if let Some(takeoff) = self.takeoff.take() {
            self.shelf.land(takeoff, answer);
        }
    }
}

impl<T: Keep> Drop for Guard<T> {
    fn drop(&mut self) {
        if let Some(takeoff) = self.takeoff.take() {
            self.shelf.land(takeoff, Err(lost()));
        }
    }
}
