//! Text of a child's that goes into a log: bounded, with nothing in it that a terminal would obey, and not too often.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

/// Shows the beginning of a text, control characters as escapes.
pub(super) struct Shown<'a> {
    pub(super) text: &'a [u8],
    pub(super) most: usize,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin = self.text.get(..self.most).unwrap_or(self.text);
        for chunk in begin.utf8_chunks() {
            for char in chunk.valid().chars() {
                match char {
                    '\t' => f.write_str(" ")?,
                    // Also the characters that turn the direction of writing: a log line must read as it is.
                    '\u{200E}'
                    | '\u{200F}'
                    | '\u{202A}'..='\u{202E}'
                    | '\u{2028}'
                    | '\u{2029}'
                    | '\u{2066}'..='\u{2069}' => {
                        write!(f, "{}", char.escape_unicode())?;
                    }
                    _ if char.is_control() => write!(f, "{}", char.escape_default())?,
                    _ => write!(f, "{char}")?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        if begin.len() < self.text.len() {
            f.write_str("...")?;
        }
        Ok(())
    }
}

/// Lets so many lines through per second, and counts the others.
#[derive(Debug)]
pub(super) struct Rate {
    per_second: u32,
    left: u32,
    since: Instant,
    dropped: u64,
}

impl Rate {
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second, left: per_second, since: Instant::now(), dropped: 0 }
    }

    /// Whether a line may be logged, and if so how many were not since the last one.
    pub(super) fn admit(&mut self) -> Option<u64> {
        let now = Instant::now();
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            self.since = now;
            self.left = self.per_second;
        }
        if self.left == 0 {
            self.dropped = self.dropped.saturating_add(1);
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.dropped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &[u8]) -> String {
        Shown { text, most: 20 }.to_string()
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_shown() {
        assert_eq!(shown("ready\tgo \u{e9}".as_bytes()), "ready go \u{e9}");
        assert_eq!(shown(b"\x1b[2Jclear\r"), "\\u{1b}[2Jclear\\r");
        assert_eq!(shown(b"\xff\x00"), "\\xff\\u{0}");
        assert_eq!(shown("a\u{202e}b\u{85}".as_bytes()), "a\\u{202e}b\\u{85}");
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(shown(&[b'x'; 21]), format!("{}...", "x".repeat(20)));
        assert_eq!(shown(&[b'x'; 20]), "x".repeat(20));
        // In the middle of a character.
        assert!(shown("\u{e9}".repeat(15).as_bytes()).starts_with("\u{e9}"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_counted() {
        let mut rate = Rate::new(2);
        assert_eq!([rate.admit(), rate.admit(), rate.admit(), rate.admit()], [Some(0), Some(0), None, None]);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!([rate.admit(), rate.admit(), rate.admit()], [Some(2), Some(0), None]);
    }
}
