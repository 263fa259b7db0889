mod quoted;
mod rejection;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, header};

use self::quoted::{push, push_scopes};
pub use self::rejection::Rejection;
use crate::Resource;

/// How callers who are not let in learn what to do: status, `WWW-Authenticate` and a body (RFC 6750, RFC 9728).
///
/// ```
/// use http::{Method, header::WWW_AUTHENTICATE};
/// use portcullis_authn::{Challenges, Rejection, Resource};
///
/// let challenges = Challenges::new(&Resource::new("https://mcp.example.com/mcp")?, ["mcp:read"]);
/// let response = challenges.answer(&Method::POST, &Rejection::Missing, &["mcp:read"]);
/// assert_eq!(response.status(), 401);
/// assert_eq!(
///     response.headers()[WWW_AUTHENTICATE],
///     "Bearer resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\", \
///      scope=\"mcp:read\"",
/// );
/// # Ok::<(), portcullis_authn::ConfigError>(())
/// ```
///
/// # Cost
///
/// A caller without a credential, or with a wrong one, who is asked for the base scopes gets headers that were written
/// when this was built: that is what a flood consists of.
#[derive(Clone, Debug)]
pub struct Challenges {
    metadata_url: String,
    base: Vec<String>,
    dpop_algorithms: Option<String>,
    missing: Written,
    invalid: Written,
}

/// One challenge per scheme, `Bearer` first: clients of MCP look no further than the first word.
#[derive(Clone, Debug, Default)]
struct Written {
    bearer: Option<HeaderValue>,
    dpop: Option<HeaderValue>,
}

impl Written {
    fn append_to(self, headers: &mut HeaderMap) {
        for value in [self.bearer, self.dpop].into_iter().flatten() {
            headers.append(header::WWW_AUTHENTICATE, value);
        }
    }
}

impl Challenges {
    /// The challenges of a resource that asks for these scopes as long as nothing more particular is known.
    #[must_use]
    pub fn new<I>(resource: &Resource, base: I) -> Self
    where
        I: IntoIterator<Item: Into<String>>,
    {
        let challenges = Self {
            metadata_url: resource.metadata_url().to_owned(),
            base: base.into_iter().map(Into::into).collect(),
            dpop_algorithms: None,
            missing: Written::default(),
            invalid: Written::default(),
        };
        challenges.rewritten()
    }

    /// Also offers proofs of possession, signed by these algorithms (RFC 9449, section 7.1).
    #[must_use]
    pub fn dpop<I>(mut self, algorithms: I) -> Self
    where
        I: IntoIterator<Item: Into<String>>,
    {
        let algorithms: Vec<String> = algorithms.into_iter().map(Into::into).collect();
        self.dpop_algorithms = Some(algorithms.join(" "));
        self.rewritten()
    }

    /// The whole answer to a caller who is not let in. `wanted` are all the scopes of what was asked for.
    ///
    /// The answer to a `HEAD` has no body.
    #[must_use]
    pub fn answer<S>(&self, method: &Method, rejection: &Rejection, wanted: &[S]) -> Response<Bytes>
    where
        S: AsRef<str>,
    {
        let mut response = Response::new(rejection.body());
        *response.status_mut() = rejection.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Rejection::Unavailable(wait) = rejection {
            // Rounded up: too early is in vain.
            let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        self.append_to(headers, rejection, wanted);
        if method == Method::HEAD {
            // The length is told all the same: there is no body to count.
            let length = response.body().len();
            response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
            *response.body_mut() = Bytes::new();
        }
        response
    }

    /// Adds the `WWW-Authenticate` headers alone, to an answer that somebody else has written.
    pub fn append_to<S>(&self, headers: &mut HeaderMap, rejection: &Rejection, wanted: &[S])
    where
        S: AsRef<str>,
    {
        let usual = || self.base.iter().map(String::as_str).eq(wanted.iter().map(AsRef::as_ref));
        let written = match rejection {
            // No token would help, so none is asked for.
            Rejection::Forbid | Rejection::Unavailable(_) => return,
            Rejection::Missing if usual() => self.missing.clone(),
            Rejection::Invalid if usual() => self.invalid.clone(),
            _ => self.write(rejection, wanted),
        };
        written.append_to(headers);
    }

    fn rewritten(mut self) -> Self {
        self.missing = self.write(&Rejection::Missing, &self.base);
        self.invalid = self.write(&Rejection::Invalid, &self.base);
        self
    }

    fn write<S: AsRef<str>>(&self, rejection: &Rejection, wanted: &[S]) -> Written {
        let bearer = self.challenge("Bearer", None, rejection, wanted);
        let dpop = self.dpop_algorithms.as_deref();
        let dpop = dpop.map(|algorithms| self.challenge("DPoP", Some(algorithms), rejection, wanted));
        // What is written is visible ASCII, so no value is ever lost.
        let value = |text: String| HeaderValue::try_from(text).ok();
        Written { bearer: value(bearer), dpop: dpop.and_then(value) }
    }

    fn challenge<S: AsRef<str>>(
        &self,
        scheme: &str,
        algorithms: Option<&str>,
        rejection: &Rejection,
        wanted: &[S],
    ) -> String {
        let mut text = scheme.to_owned();
        if let Some(algorithms) = algorithms {
            push(&mut text, "algs", algorithms);
        }
        // A wrong proof is no error of the scheme that has none.
        let blamed = algorithms.is_some() || !matches!(rejection, Rejection::InvalidProof);
        // Whoever showed nothing made no error (RFC 6750, section 3.1).
        if blamed && let Some(error) = rejection.error() {
            push(&mut text, "error", error);
            push(&mut text, "error_description", rejection.description());
        }
        if let Rejection::StepUp { acr_values, max_age } = rejection {
            if let Some(values) = acr_values {
                push(&mut text, "acr_values", values);
            }
            if let Some(seconds) = max_age {
                push(&mut text, "max_age", &seconds.to_string());
            }
        }
        push(&mut text, "resource_metadata", &self.metadata_url);
        push_scopes(&mut text, wanted);
        text
    }
}
