//! One client: a connection, the call it makes, and the check of each reply.

use std::io;

use crate::request::{Request, Shape};
use crate::target::Target;
use crate::verify::Verifier;
use crate::wire::Connection;

/// Calls the tool, one call after the other, always of the same shape.
#[derive(Debug)]
pub(crate) struct Caller {
    connection: Connection,
    request: Request,
    verifier: Verifier,
}

impl Caller {
    pub(crate) async fn open(target: &Target, shape: Shape) -> io::Result<Self> {
        let (connection, era) = target.open().await?;
        Ok(Self { connection, request: target.call(&era, shape), verifier: Verifier::new(shape) })
    }

    /// A second client on a connection of its own, which trusts what this one has checked in full.
    pub(crate) async fn another(&self, target: &Target, shape: Shape) -> io::Result<Self> {
        let another = Self::open(target, shape).await?;
        Ok(Self { verifier: self.verifier.clone(), ..another })
    }

    /// Makes the call `id` and reads its whole reply.
    ///
    /// # Errors
    ///
    /// The connection broke, or the reply is not what it should be.
    pub(crate) async fn call(&mut self, id: u64) -> io::Result<()> {
        let head = self.connection.send(self.request.with_id(id)).await?;
        self.verifier.begin(id);
        while let Some(piece) = self.connection.piece().await? {
            self.verifier.piece(piece);
        }
        if head.status != 200 {
            return Err(io::Error::other(format!("HTTP {}", head.status)));
        }
        self.verifier.end(id).map_err(io::Error::other)
    }
}
