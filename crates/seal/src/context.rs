use portcullis_core::Principal;

/// What a token is for, where it was made and for whom. It is not in the token: whoever opens one has to know it.
///
/// Each part is written with its length, so that two contexts are equal only if all their parts are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Context {
    bytes: Vec<u8>,
}

impl Context {
    /// A context for one purpose. Tokens of different purposes never open as each other.
    pub fn new(purpose: &str) -> Self {
        Self { bytes: Vec::new() }.part(b"portcullis-seal-1").part(purpose.as_bytes())
    }

    /// Adds a name: of a portal, a route, a server.
    pub fn text(self, text: &str) -> Self {
        self.part(text.as_bytes())
    }

    /// Adds any bytes.
    pub fn bytes(self, bytes: &[u8]) -> Self {
        self.part(bytes)
    }

    /// Adds who it is for: the subject, its kind and issuer, and the agents in between. Groups, scopes and attributes
    /// stay out, because they change while the identity remains. `None` is a caller that nobody verified.
    pub fn principal(mut self, principal: Option<&Principal>) -> Self {
        let Some(principal) = principal else { return self.part(b"nobody") };
        self = self.part(b"somebody").part(principal.kind().as_str().as_bytes());
        self = self.optional(principal.issuer()).part(principal.subject().as_bytes());
        for actor in principal.actors() {
            self = self.optional(actor.issuer()).part(actor.subject().as_bytes());
        }
        self.part(&principal.actors().len().to_le_bytes())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn optional(self, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.part(b"some").part(text.as_bytes()),
            None => self.part(b"none"),
        }
    }

    fn part(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(bytes);
        self
    }
}
