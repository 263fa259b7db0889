#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use portcullis_core::json::quote;
use portcullis_fetch::Endpoint;

use crate::{ConfigError, Resource, scopes};

/// What a service tells clients of how to get a token for it: the document of RFC 9728.
///
/// It is public, says nothing of any caller, and is the same for everybody.
///
/// ```
/// use portcullis_authn::{Metadata, Resource};
///
/// let metadata = Metadata::new(&Resource::new("https://mcp.example.com/mcp")?)
///     .authorization_server("https://login.example.com")?
///     .scopes_supported(["mcp:read"])?
///     .name("Finance tools")
///     .build();
/// assert_eq!(
///     metadata.json(),
///     concat!(
///         r#"{"resource":"https://mcp.example.com/mcp","authorization_servers":["https://login.example.com"],"#,
///         r#""scopes_supported":["mcp:read"],"bearer_methods_supported":["header"],"#,
///         r#""resource_name":"Finance tools"}"#,
///     ),
/// );
///
/// let response = metadata.answer(&http::Method::GET);
/// assert_eq!(response.status(), 200);
/// assert_eq!(metadata.answer(&http::Method::POST).status(), 405);
/// # Ok::<(), portcullis_authn::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Metadata {
    resource: String,
    authorization_servers: Vec<String>,
    scopes: Vec<String>,
    name: Option<String>,
    documentation: Option<String>,
    dpop_algorithms: Vec<String>,
    dpop_required: bool,
    certificate_bound: bool,
    max_age: Duration,
}

impl Metadata {
    /// A document that names the resource and no more.
    pub fn new(resource: &Resource) -> Self {
        Self {
            resource: resource.as_str().to_owned(),
            authorization_servers: Vec::new(),
            scopes: Vec::new(),
            name: None,
            documentation: None,
            dpop_algorithms: Vec::new(),
            dpop_required: false,
            certificate_bound: false,
            max_age: Duration::from_secs(300),
        }
    }

    /// An issuer that clients can get tokens from, as its own metadata spells it. MCP demands one at least.
    ///
    /// `http` is taken, since whoever verifies the issuer's tokens has decided on that.
    ///
    /// # Errors
    ///
    /// What is no issuer identifier (RFC 8414, section 2): no URL, or one with a query, a fragment or credentials.
    pub fn authorization_server(mut self, issuer: &str) -> Result<Self, ConfigError> {
        let flawed = |flaw: &'static str| ConfigError::new("authorization server", issuer, flaw);
        let endpoint =
            Endpoint::insecure_http(issuer).map_err(|error| flawed("is not an issuer").with_source(error))?;
        if endpoint.uri().query().is_some() {
            return Err(flawed("holds a query"));
        }
        if !self.authorization_servers.iter().any(|known| known == issuer) {
            self.authorization_servers.push(issuer.to_owned());
        }
        Ok(self)
    }

    /// The scopes that clients ask for when a challenge names none: the fewest that make the service useful. More are
    /// asked for as operations need them. See [`Scopes::supported`](crate::Scopes::supported).
    ///
    /// # Errors
    ///
    /// What is no scope, and `offline_access`, which is the issuer's business.
    pub fn scopes_supported<I>(mut self, scopes: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        for scope in scopes {
            scopes::add(&mut self.scopes, scope.as_ref())?;
        }
        Ok(self)
    }

    /// What people call the service.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// A page for developers.
    ///
    /// # Errors
    ///
    /// What is no `http` or `https` URL.
    pub fn documentation(mut self, url: &str) -> Result<Self, ConfigError> {
        // A page may be pointed into, which an endpoint may not.
        let page = url.split('#').next().unwrap_or(url);
        Endpoint::insecure_http(page).map_err(|error| {
            ConfigError::new("documentation", url, "is not the URL of a page").with_source(error)
        })?;
        self.documentation = Some(url.to_owned());
        Ok(self)
    }

    /// Proofs of possession are understood, signed by these algorithms (RFC 9449); and if `required`, nothing else is
    /// taken.
    pub fn dpop<I>(mut self, algorithms: I, required: bool) -> Self
    where
        I: IntoIterator<Item: Into<String>>,
    {
        self.dpop_algorithms = algorithms.into_iter().map(Into::into).collect();
        self.dpop_required = required;
        self
    }

    /// Tokens that are bound to the client's certificate are understood (RFC 8705).
    pub fn certificate_bound_tokens(mut self) -> Self {
        self.certificate_bound = true;
        self
    }

    /// How long clients and caches may keep the document; five minutes unless set.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// The document, written once.
    #[must_use]
    pub fn build(self) -> MetadataDocument {
        let mut json = format!(r#"{{"resource":{}"#, quote(&self.resource));
        let list = |name: &str, items: &[String]| match items {
            [] => String::new(),
            items => {
                let items: Vec<_> = items.iter().map(|item| quote(item)).collect();
                format!(r#","{name}":[{}]"#, items.join(","))
            }
        };
        let text = |name: &str, text: &Option<String>| match text {
            None => String::new(),
            Some(text) => format!(r#","{name}":{}"#, quote(text)),
        };
        let flag = |name: &str, set: bool| if set { format!(r#","{name}":true"#) } else { String::new() };
        json += &list("authorization_servers", &self.authorization_servers);
        json += &list("scopes_supported", &self.scopes);
        // MCP: tokens only in the header, never in the query.
        json += r#","bearer_methods_supported":["header"]"#;
        json += &text("resource_name", &self.name);
        json += &text("resource_documentation", &self.documentation);
        json += &list("dpop_signing_alg_values_supported", &self.dpop_algorithms);
        json += &flag("dpop_bound_access_tokens_required", self.dpop_required);
        json += &flag("tls_client_certificate_bound_access_tokens", self.certificate_bound);
        json.push('}');
        MetadataDocument { json: json.into(), headers: headers(self.max_age) }
    }
}

/// The finished document, and how requests for it are answered.
///
/// Cloning copies pointers, and so does answering, but for the map of headers.
#[derive(Clone, Debug)]
pub struct MetadataDocument {
    json: Bytes,
    headers: HeaderMap,
}

impl MetadataDocument {
    /// The JSON text.
    #[must_use]
    pub fn json(&self) -> &Bytes {
        &self.json
    }

    /// The answer to a request for the document: the document, the answer to a browser's preflight, or `405`.
    ///
    /// Pages of any origin may read it: it is public, and clients that live in a browser start with it.
    #[must_use]
    pub fn answer(&self, method: &Method) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        let headers = response.headers_mut();
        match *method {
            Method::GET | Method::HEAD => {
                *headers = self.headers.clone();
                // The length is told of an answer to HEAD too, which has no body to count.
                headers.insert(header::CONTENT_LENGTH, self.json.len().into());
                if *method == Method::GET {
                    *response.body_mut() = self.json.clone();
                }
            }
            Method::OPTIONS => {
                headers.insert(header::ALLOW, ALLOW);
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
                headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOW);
                // Clients send MCP-Protocol-Version with it, which browsers ask about.
                headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ANY);
                headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
                *response.status_mut() = StatusCode::NO_CONTENT;
            }
            _ => {
                headers.insert(header::ALLOW, ALLOW);
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
                *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            }
        }
        response
    }
}

const ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const ANY: HeaderValue = HeaderValue::from_static("*");

fn headers(max_age: Duration) -> HeaderMap {
    let cache = HeaderValue::try_from(format!("public, max-age={}", max_age.as_secs()));
    let mut headers = HeaderMap::with_capacity(5);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, cache.unwrap_or(HeaderValue::from_static("no-cache")));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
}
