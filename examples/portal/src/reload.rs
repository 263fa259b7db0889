//! Takes a changed configuration over while the portal runs: when the file changes, and on SIGHUP.
//!
//! Every attempt ends in one of two ways. Either the file reads well, everything in it can be built, and every control is
//! proven; then it is in force from the next request on. Or the error is logged, and nothing changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::config::{Config, ConfigError};
use crate::gateway::{BuildError, Live};
use crate::log;

/// How long a folder must be quiet before its file is read: editors write in several steps.
const QUIET: Duration = Duration::from_millis(200);

/// A folder that never is quiet does not keep a change from being seen.
const LONGEST: Duration = Duration::from_secs(2);

/// Watches a file for as long as the portal runs.
pub(crate) struct Reloader {
    file: PathBuf,
    /// What the process was started with.
    started: Config,
    /// What was read last, so that a folder in which something else changes causes no reload.
    seen: Option<Vec<u8>>,
    changes: mpsc::Receiver<()>,
    /// Stops watching when it is dropped.
    _watcher: RecommendedWatcher,
}

impl Reloader {
    /// Starts to watch the folder and not the file: editors, and Kubernetes, put another file in its place.
    ///
    /// # Errors
    ///
    /// If the folder cannot be watched.
    pub(crate) fn watch(file: &Path, started: Config) -> Result<Self, notify::Error> {
        let (sender, changes) = mpsc::channel(1);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| is_change(event.kind)) {
                // When one wake-up is waiting already, a second would say nothing new.
                let _ = sender.try_send(());
            }
        })?;
        let folder = match file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(Self {
            seen: std::fs::read(file).ok(),
            file: file.to_owned(),
            started,
            changes,
            _watcher: watcher,
        })
    }

    /// Reloads when there is reason to, for ever.
    ///
    /// # Errors
    ///
    /// If SIGHUP cannot be waited for.
    pub(crate) async fn run(mut self, live: Arc<Live>) -> std::io::Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        loop {
            let asked = tokio::select! {
                _ = hangup.recv() => true,
                Some(()) = self.changes.recv() => {
                    // Either end will do.
                    let _ = tokio::time::timeout(LONGEST, self.quiet()).await;
                    false
                }
            };
            let now = tokio::fs::read(&self.file).await.ok();
            // Whoever sends a signal may have changed a secret, which is not in this file.
            if asked || now.is_some() && now != self.seen {
                self.seen = now;
                self.reload(&live).await;
            }
        }
    }

    async fn quiet(&mut self) {
        while let Ok(Some(())) = tokio::time::timeout(QUIET, self.changes.recv()).await {}
    }

    async fn reload(&self, live: &Live) {
        match self.attempt(live).await {
            Ok(()) => {
                live.count_reload(true);
                tracing::info!(file = %self.file.display(), "reloaded the configuration");
            }
            Err(error) => {
                live.count_reload(false);
                tracing::error!(%error, "the configuration was not reloaded; the one before stays in force");
            }
        }
    }

    async fn attempt(&self, live: &Live) -> Result<(), ReloadError> {
        let next = Config::load(&self.file).map_err(ReloadError::Config)?;
        let restart = restart_needed(&self.started, &next);
        let level = next.log.level;
        live.replace(next).await.map_err(ReloadError::Build)?;
        log::set_level(level);
        if !restart.is_empty() {
            tracing::warn!(settings = restart.join(", "), "these changed and need a restart to take effect");
        }
        Ok(())
    }
}

/// Which of the settings that only a start reads have changed.
fn restart_needed(now: &Config, next: &Config) -> Vec<&'static str> {
    let changed = [
        ("listen", now.listen != next.listen),
        ("admin.listen", now.admin != next.admin),
        ("log.format", now.log.json != next.log.json),
        ("limits.max_connections", now.limits.max_connections != next.limits.max_connections),
    ];
    changed.into_iter().filter(|(_, changed)| *changed).map(|(setting, _)| setting).collect()
}

/// Reading a file is an event too, and ours would wake us for ever.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

#[derive(Debug)]
enum ReloadError {
    Config(ConfigError),
    Build(BuildError),
}

impl std::fmt::Display for ReloadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Build(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_only_a_restart_changes() {
        let portal = "[[portal]]\nid = 'a'\n[[portal.server]]\nid = 'b'\nurl = 'http://localhost/mcp'\n";
        let parse = |top: &str| Config::parse("test", &format!("{top}\n{portal}")).unwrap();
        let now = parse("");
        assert!(restart_needed(&now, &parse("limits.max_body = '1MiB'")).is_empty());
        let next = parse(
            "listen = 'localhost:1'\nadmin.listen = 'localhost:2'\nlimits.max_connections = 7\nlog.format = 'json'",
        );
        let all = ["listen", "admin.listen", "log.format", "limits.max_connections"];
        assert_eq!(restart_needed(&now, &next), all);
    }

    #[test]
    fn reading_is_not_a_change() {
        assert!(!is_change(EventKind::Access(AccessKind::Open(AccessMode::Read))));
        assert!(!is_change(EventKind::Access(AccessKind::Close(AccessMode::Read))));
        assert!(is_change(EventKind::Access(AccessKind::Close(AccessMode::Write))));
        assert!(is_change(EventKind::Create(notify::event::CreateKind::File)));
    }
}
