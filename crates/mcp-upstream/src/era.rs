/// Which MCP a server speaks, and over which transport.
///
/// ```
/// use portcullis_mcp_upstream::{Era, HttpUpstream};
///
/// // Nothing is known before the first call, unless it was said.
/// let upstream = HttpUpstream::builder("http://127.0.0.1:3000/mcp")?.build()?;
/// assert_eq!(upstream.era(), None);
///
/// let upstream = HttpUpstream::builder("http://127.0.0.1:3000/sse")?.era(Era::Sse).build()?;
/// assert_eq!(upstream.era(), Some(Era::Sse));
/// # Ok::<(), portcullis_mcp_upstream::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Era {
    /// Whichever the server speaks: it is asked, with the first call, and again when what it said proves wrong.
    #[default]
    Auto,
    /// 2026-07-28, without sessions.
    Modern,
    /// 2025-03-26 to 2025-11-25: Streamable HTTP with sessions.
    Legacy,
    /// 2024-11-05: HTTP+SSE, one event stream and an address to post to.
    Sse,
}

impl Era {
    /// The word that configuration and health pages use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Modern => "modern",
            Self::Legacy => "legacy",
            Self::Sse => "sse",
        }
    }
}
