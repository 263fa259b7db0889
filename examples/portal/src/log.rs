//! Where log lines go: to standard error, one per line, as text or JSON.

use std::io::IsTerminal;
use std::sync::OnceLock;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

use crate::config::Log;

static LEVEL: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();

/// Starts logging, unless the process that this is part of logs already.
pub(crate) fn start(log: Log) {
    let (level, handle) = reload::Layer::new(log.level);
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let registry = tracing_subscriber::registry().with(level);
    let started = match log.json {
        true => registry.with(lines.json()).try_init(),
        false => registry.with(lines).try_init(),
    };
    if started.is_ok() {
        // Only the first to start gets here.
        let _ = LEVEL.set(handle);
    }
}

/// Changes the level.
pub(crate) fn set_level(level: LevelFilter) {
    if let Some(handle) = LEVEL.get() {
        // Fails only when the subscriber is gone, which lives as long as the process.
        let _ = handle.reload(level);
    }
}
