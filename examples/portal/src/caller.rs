//! Who calls on standard input: no request comes with a credential there, so the environment has one.
//!
//! MCP asks programs that speak on standard input to take credentials from their environment (2026-07-28, Authorization,
//! "Protocol Requirements"). The token goes the very way that one in a request would go, and it is looked at again as
//! long as the conversation lasts: when it ends, or is revoked, the conversation does.

use std::convert::Infallible;
use std::time::Duration;

use http::{Extensions, Request, Response, StatusCode, header};
use portcullis_authn::AuthnLayer;
use portcullis_core::{Body, Secret};
use tokio::time::Instant;
use tower::ServiceExt;
use tower_layer::Layer;

/// The variable that holds the token.
pub(crate) const VARIABLE: &str = "PORTCULLIS_TOKEN";

/// How often it is looked at again.
const PERIOD: Duration = Duration::from_secs(1);

/// How long the conversation goes on while the issuer cannot say whether it may.
const GRACE: Duration = Duration::from_secs(30);

/// The token, if there is one. An empty variable is how shells and container files say that there is none.
pub(crate) fn token() -> Option<Secret> {
    std::env::var(VARIABLE).ok().filter(|token| !token.is_empty()).map(Secret::new)
}

/// What is known about whoever holds the token, or the status with which a request would be refused.
pub(crate) async fn identify(authn: &AuthnLayer, token: &Secret) -> Result<Extensions, StatusCode> {
    let echo = tower::service_fn(|request: Request<()>| async move {
        let mut response = Response::new(Body::empty());
        *response.extensions_mut() = request.into_parts().0.extensions;
        Ok::<_, Infallible>(response)
    });
    let Ok(credential) = http::HeaderValue::try_from(format!("Bearer {}", token.expose())) else {
        return Err(StatusCode::UNAUTHORIZED);
    };
    let mut request = Request::new(());
    *request.method_mut() = http::Method::POST;
    request.headers_mut().insert(header::AUTHORIZATION, credential);
    let Ok(mut response) = authn.layer(echo).oneshot(request).await;
    match response.status().is_success() {
        true => Ok(std::mem::take(response.extensions_mut())),
        false => Err(response.status()),
    }
}

/// Waits until the token is not accepted any more.
///
/// What is known of the token is kept as long as it is good, so an issuer is asked only once that has ended. One that does
/// not answer for a moment is no reason to stop; but a token that nobody vouches for any longer is not good for ever.
pub(crate) async fn expired(authn: &AuthnLayer, token: &Secret) -> StatusCode {
    let mut held = Instant::now();
    loop {
        tokio::time::sleep(PERIOD).await;
        match identify(authn, token).await {
            Ok(_) => held = Instant::now(),
            Err(StatusCode::SERVICE_UNAVAILABLE) if held.elapsed() < GRACE => {}
            Err(status) => return status,
        }
    }
}

#[cfg(test)]
mod tests;
