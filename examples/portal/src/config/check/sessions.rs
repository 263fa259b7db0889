//! What clients that know sessions get.

use std::ops::RangeInclusive;
use std::time::Duration;

use portcullis_seal::{Key, KeyRing};
use toml::Spanned;

use super::Checker;
use crate::config::raw::{self, SecretText};
use crate::config::{Sessions, secrets};

const A_DAY: Duration = Duration::from_secs(24 * 3600);

/// From what a client survives without a new session to what nobody needs.
const LIFETIME: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(366 * 24 * 3600);

impl Checker<'_> {
    pub(super) fn sessions(&mut self, sessions: raw::Sessions) -> Sessions {
        let lifetime = sessions.lifetime.map(|text| {
            let outside = "is not between 1m and 366d";
            self.time_within("sessions.lifetime", Some(text), A_DAY, LIFETIME, outside)
        });
        Sessions {
            keys: sessions.keys.map(|keys| self.keys(keys)).unwrap_or_default(),
            lifetime,
            max_sessions: self.some_number("sessions.max_sessions", sessions.max_sessions, 1..=10_000_000),
            resume_within: self.some_time("sessions.resume_within", sessions.resume_within),
            max_replay: self.some_size("sessions.max_replay", sessions.max_replay),
            input_timeout: self.some_time("sessions.input_timeout", sessions.input_timeout),
        }
    }

    fn keys(&mut self, written: Spanned<Vec<Spanned<SecretText>>>) -> Vec<Key> {
        let (span, before) = (written.span(), self.problems.len());
        let keys: Vec<_> = written.into_inner().into_iter().filter_map(|text| self.key(text)).collect();
        if before == self.problems.len()
            && let Err(error) = KeyRing::new(keys.clone())
        {
            self.problem(span, format!("sessions.keys: {error}"));
        }
        keys
    }

    fn key(&mut self, text: Spanned<SecretText>) -> Option<Key> {
        let span = text.span();
        let key = secrets::resolve(text.into_inner(), self.environment)
            .and_then(|text| Key::parse(&text).map_err(|error| error.to_string()));
        key.map_err(|fault| self.problem(span, format!("sessions.keys: {fault}"))).ok()
    }
}
