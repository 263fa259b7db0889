use std::sync::Arc;
use std::time::Duration;

use super::command::CommandLine;
use crate::ProcessLimits;

/// What one process is started with, and what it may do.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) name: Arc<str>,
    pub(super) command: CommandLine,
    pub(super) limits: ProcessLimits,
    pub(super) max_message: usize,
    pub(super) transfer_timeout: Duration,
    /// For one call; none is no limit.
    pub(super) total_timeout: Option<Duration>,
    pub(super) stop_timeout: Duration,
    pub(super) probe_timeout: Duration,
    pub(super) first_wait: Duration,
    pub(super) longest_wait: Duration,
}
