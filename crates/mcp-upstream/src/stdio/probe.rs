//! Asks a fresh process which era it is of (2026-07-28, stdio, "Backward Compatibility").

use std::time::Duration;

use portcullis_mcp_jsonrpc::Failure;

use super::process::Process;
use super::stream;
use crate::channels;
use crate::duplex::cancellation;
use crate::probe::{self, Verdict};

/// Asks a process that was asked nothing before. One that keeps silent is a legacy one.
///
/// # Errors
///
/// It went away over the question, or before it.
pub(super) async fn probe(process: &Process, patience: Duration) -> Result<Verdict, Failure> {
    let message = probe::discover();
    let asked = async {
        let mut exchange = process.duplex().expect(&message).map_err(stream::into_failure)?;
        process.send(&message).await?;
        match channels::answer(&mut exchange).await {
            Some(Ok(answer)) => Ok(probe::of_answer(&answer)),
            Some(Err(error)) => Err(stream::into_failure(error)),
            None => Ok(Verdict::Legacy),
        }
    };
    match tokio::time::timeout(patience, asked).await {
        Ok(Err(failure)) if process.broken().is_some() => Err(failure),
        // An answer that cannot be read.
        Ok(Err(_)) => Ok(Verdict::Legacy),
        Ok(verdict) => verdict,
        Err(_) => {
            process.cancel(cancellation(&probe::id(), "no answer in time"));
            Ok(Verdict::Legacy)
        }
    }
}
