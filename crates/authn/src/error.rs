use std::borrow::Cow;
use std::fmt;

use portcullis_core::BoxError;

/// A setting that is not taken, found when a service is put together and not when the first caller comes.
///
/// The text names the setting, the value at fault and what is wrong with it. It never holds a secret.
#[derive(Debug)]
pub struct ConfigError {
    setting: &'static str,
    value: String,
    flaw: Cow<'static, str>,
    source: Option<BoxError>,
}

/// How much of a value an error shows.
const SHOWN: usize = 200;

impl ConfigError {
    /// `setting` cannot be `value`, because it `flaw`: a verb phrase such as "holds a fragment".
    pub(crate) fn new(setting: &'static str, value: &str, flaw: impl Into<Cow<'static, str>>) -> Self {
        let mut value = value.to_owned();
        if let Some((end, _)) = value.char_indices().nth(SHOWN) {
            value.truncate(end);
            value.push('…');
        }
        Self { setting, value, flaw: flaw.into(), source: None }
    }

    /// What is behind it.
    pub(crate) fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Which setting it is.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        self.setting
    }

    /// The value at fault; its beginning, if it is long.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, value, flaw, .. } = self;
        write!(f, "{setting} {value:?} {flaw}")
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_the_value_and_stays_short() {
        let error = ConfigError::new("resource", &"é".repeat(1_000), "is too long");
        let text = error.to_string();
        assert!(text.starts_with("resource \"éé") && text.ends_with("…\" is too long"), "{text}");
        assert_eq!(text.chars().filter(|char| *char == 'é').count(), SHOWN);
    }

    #[test]
    fn the_source_is_kept() {
        let error = ConfigError::new("file", "keys.json", "cannot be read").with_source("no such file");
        let source = std::error::Error::source(&error).map(ToString::to_string);
        assert_eq!(source.as_deref(), Some("no such file"));
    }
}
