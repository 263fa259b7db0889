use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use portcullis_core::Secret;
use portcullis_fetch::{Endpoint, Form};

use super::cell::Got;
use super::client_key::ClientKey;
use super::secret_source::SecretSource;
use super::trouble::Trouble;
use crate::BuildError;

/// RFC 7523, section 2.2.
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How the gateway tells a token endpoint that it is the gateway (RFC 6749, section 2.3).
///
/// The secret may change while the gateway runs. If an endpoint says that it does not know the client, the secret is
/// had anew, and if it is another, the endpoint is asked once more.
///
/// ```
/// use portcullis_core::Secret;
/// use portcullis_mcp_upstream::{OAuthClient, SecretSource};
///
/// let client = OAuthClient::basic("gateway", SecretSource::plain(&Secret::new("s3cr3t"))?)?;
/// assert!(!format!("{client:?}").contains("s3cr3t"));
///
/// assert!(OAuthClient::public("").is_err());
/// # Ok::<(), portcullis_mcp_upstream::BuildError>(())
/// ```
#[derive(Clone)]
pub struct OAuthClient {
    id: Arc<str>,
    proof: Proof,
}

#[derive(Clone, Debug)]
enum Proof {
    Nothing,
    Basic(SecretSource),
    Post(SecretSource),
    Key(ClientKey),
}

impl OAuthClient {
    /// `client_secret_basic`: id and secret in the `Authorization` header. What every authorization server must know.
    ///
    /// # Errors
    ///
    /// An id that is empty or not printable ASCII.
    pub fn basic(id: &str, secret: SecretSource) -> Result<Self, BuildError> {
        Self::new(id, Proof::Basic(secret))
    }

    /// `client_secret_post`: id and secret in the form, for servers that know nothing else.
    ///
    /// # Errors
    ///
    /// As for [`basic`](Self::basic).
    pub fn post(id: &str, secret: SecretSource) -> Result<Self, BuildError> {
        Self::new(id, Proof::Post(secret))
    }

    /// `private_key_jwt`: a proof that is signed for each request. No secret leaves the gateway.
    ///
    /// # Errors
    ///
    /// As for [`basic`](Self::basic).
    pub fn private_key_jwt(id: &str, key: ClientKey) -> Result<Self, BuildError> {
        Self::new(id, Proof::Key(key))
    }

    /// A client that has no secret and only says its name. No good for client credentials.
    ///
    /// # Errors
    ///
    /// As for [`basic`](Self::basic).
    pub fn public(id: &str) -> Result<Self, BuildError> {
        Self::new(id, Proof::Nothing)
    }

    fn new(id: &str, proof: Proof) -> Result<Self, BuildError> {
        if id.is_empty() || !id.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            let flaw = "is empty or not printable ASCII";
            return Err(BuildError::Credentials { part: "client id".to_owned(), flaw });
        }
        Ok(Self { id: id.into(), proof })
    }

    pub(super) fn is_public(&self) -> bool {
        matches!(self.proof, Proof::Nothing)
    }

    /// The secret, if the client has one.
    pub(super) fn secret(&self) -> Option<Got<Arc<Secret>>> {
        self.source().map(SecretSource::get)
    }

    /// The secret anew, after an endpoint did not know the client.
    pub(super) fn renew(&self, generation: u64) -> Option<Got<Arc<Secret>>> {
        self.source()?.renew(generation)
    }

    fn source(&self) -> Option<&SecretSource> {
        match &self.proof {
            Proof::Nothing | Proof::Key(_) => None,
            Proof::Basic(source) | Proof::Post(source) => Some(source),
        }
    }

    /// Adds to a form for an endpoint who sends it.
    pub(super) fn sign(
        &self,
        form: Form,
        secret: Option<&Secret>,
        endpoint: &Endpoint,
    ) -> Result<Form, Trouble> {
        Ok(match (&self.proof, secret) {
            (Proof::Key(key), _) => {
                let proof = key.assertion(&self.id, endpoint.as_str(), SystemTime::now())?;
                let form = form.field("client_id", &self.id).field("client_assertion_type", ASSERTION);
                form.field("client_assertion", &proof)
            }
            (Proof::Basic(_), Some(secret)) => form.basic(&self.id, secret),
            (Proof::Post(_), Some(secret)) => {
                form.field("client_id", &self.id).field("client_secret", secret.expose())
            }
            (_, _) => form.field("client_id", &self.id),
        })
    }
}

impl fmt::Debug for OAuthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthClient").field("id", &self.id).field("proof", &self.proof).finish()
    }
}
