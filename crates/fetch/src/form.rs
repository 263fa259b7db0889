use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use portcullis_core::Secret;

use crate::Endpoint;

/// Everything but what `application/x-www-form-urlencoded` leaves as it is.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// The fields of a form, as OAuth endpoints take them.
///
/// ```
/// use portcullis_core::Secret;
/// use portcullis_fetch::{Endpoint, Form};
///
/// let request = Form::new()
///     .field("grant_type", "client_credentials")
///     .basic("gateway", &Secret::new("s3cr3t"))
///     .post(&Endpoint::new("https://login.example.com/token")?);
/// assert_eq!(request.body(), "grant_type=client_credentials");
/// # Ok::<(), portcullis_fetch::EndpointError>(())
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Form {
    body: String,
    authorization: Option<HeaderValue>,
}

impl Form {
    /// A form without a field.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field.
    pub fn field(mut self, name: &str, value: &str) -> Self {
        if !self.body.is_empty() {
            self.body.push('&');
        }
        self.body.extend(utf8_percent_encode(name, FORM));
        self.body.push('=');
        self.body.extend(utf8_percent_encode(value, FORM));
        self
    }

    /// Authenticates with `Authorization: Basic`, both parts form-encoded first (RFC 6749, section 2.3.1).
    pub fn basic(mut self, id: &str, secret: &Secret) -> Self {
        use base64::Engine;
        let pair =
            format!("{}:{}", utf8_percent_encode(id, FORM), utf8_percent_encode(secret.expose(), FORM));
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        // Base64 is always the text of a header.
        if let Ok(mut value) = HeaderValue::from_str(&format!("Basic {encoded}")) {
            value.set_sensitive(true);
            self.authorization = Some(value);
        }
        self
    }

    /// The request that sends the form.
    #[must_use]
    pub fn post(self, to: &Endpoint) -> Request<Bytes> {
        let mut request = Request::new(Bytes::from(self.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = to.uri().clone();
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(value) = self.authorization {
            headers.insert(header::AUTHORIZATION, value);
        }
        request
    }
}

/// Fields hold tokens, so none is shown.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").finish_non_exhaustive()
    }
}
