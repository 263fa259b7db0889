use zeroize::Zeroizing;

/// A value that must not show: a token, a password, a key.
///
/// `Debug` prints `[redacted]`, there is no `Display`, and the memory is wiped when the value is dropped. Whoever needs
/// the text says so with [`expose`](Self::expose), which is easy to search for in a review.
///
/// ```
/// use portcullis_core::Secret;
///
/// let token = Secret::new("s3cr3t");
/// assert_eq!(format!("{token:?}"), "[redacted]");
/// assert_eq!(token.expose(), "s3cr3t");
/// assert!(token != Secret::new("s3cr3t!") && token != Secret::new("s3cr3T"));
/// ```
#[derive(Clone)]
pub struct Secret {
    text: Zeroizing<String>,
}

impl Secret {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: Zeroizing::new(text.into()) }
    }

    /// The text itself. It must not reach a log, an error, a reply or a cache key.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }
}

/// Takes as long for texts that differ at once as for those that differ at the end.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let (one, other) = (self.text.as_bytes(), other.text.as_bytes());
        let difference = one.iter().zip(other).fold(0, |sum, (one, other)| sum | (one ^ other));
        one.len() == other.len() && std::hint::black_box(difference) == 0
    }
}

impl Eq for Secret {}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}
