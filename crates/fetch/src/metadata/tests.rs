#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashMap;
use std::sync::Mutex;

use bytes::Bytes;
use http::Request;

use super::*;
use crate::{BoxFuture, FetchError};

/// Answers by URL: a status and a document, or nobody there. Everything else is `404`.
#[derive(Debug, Default)]
struct Site {
    answers: HashMap<String, Option<(u16, String)>>,
    asked: Mutex<Vec<String>>,
}

impl Site {
    fn has(mut self, url: &str, status: u16, document: &str) -> Self {
        self.answers.insert(url.to_owned(), Some((status, document.to_owned())));
        self
    }

    fn down_at(mut self, url: &str) -> Self {
        self.answers.insert(url.to_owned(), None);
        self
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Fetch for Site {
    fn fetch(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, FetchError>> {
        let url = request.uri().to_string();
        self.asked.lock().unwrap().push(url.clone());
        let answer = match self.answers.get(&url) {
            Some(None) => Err(FetchError::unreachable("login.example", "nobody listens")),
            Some(Some((status, document))) => {
                Ok(Response::builder().status(*status).body(document.clone().into()).unwrap())
            }
            None => Ok(Response::builder().status(404).body(Bytes::new()).unwrap()),
        };
        Box::pin(std::future::ready(answer))
    }
}

fn document(issuer: &str) -> String {
    format!(
        r#"{{"issuer":"{issuer}","jwks_uri":"https://keys.example/jwks","token_endpoint":"{issuer}/token"}}"#
    )
}

const OAUTH: &str = "https://login.example/.well-known/oauth-authorization-server/tenant";
const INSERTED: &str = "https://login.example/.well-known/openid-configuration/tenant";
const APPENDED: &str = "https://login.example/tenant/.well-known/openid-configuration";

#[tokio::test]
async fn the_places_are_asked_in_the_order_of_mcp() {
    for (issuer, places) in [
        ("https://login.example/tenant", &[OAUTH, INSERTED, APPENDED][..]),
        ("https://login.example/tenant/", &[OAUTH, INSERTED, APPENDED]),
        (
            "https://login.example",
            &[
                "https://login.example/.well-known/oauth-authorization-server",
                "https://login.example/.well-known/openid-configuration",
            ],
        ),
        (
            "https://login.example:8443/",
            &[
                "https://login.example:8443/.well-known/oauth-authorization-server",
                "https://login.example:8443/.well-known/openid-configuration",
            ],
        ),
    ] {
        let site = Site::default();
        let error = discover(&site, &Endpoint::new(issuer).unwrap()).await.unwrap_err();
        assert_eq!(site.asked(), places, "{issuer}");
        assert!(!error.is_transient());
        assert_eq!(error.to_string().matches("404").count(), places.len(), "{error}");
    }
}

#[tokio::test]
async fn a_place_without_a_usable_document_is_passed_over() {
    let issuer = Endpoint::new("https://login.example/tenant").unwrap();
    let twice = r#"{"issuer":"https://login.example/tenant","issuer":"https://login.example/tenant"}"#;
    let root = document("https://login.example");
    let plain = r#"{"issuer":"https://login.example/tenant","jwks_uri":"http://login.example/keys"}"#;
    for unusable in ["<html>", "", "{}", "null", r#"{"issuer":7}"#, twice, &root, plain] {
        let site = Site::default().has(OAUTH, 200, unusable).has(APPENDED, 200, &document(issuer.as_str()));
        let metadata = discover(&site, &issuer).await.unwrap();
        assert_eq!(site.asked(), [OAUTH, INSERTED, APPENDED], "{unusable}");
        assert_eq!(metadata.issuer(), &issuer);
        assert_eq!(metadata.jwks_uri().unwrap().as_str(), "https://keys.example/jwks");
        assert_eq!(metadata.token_endpoint().unwrap().as_str(), "https://login.example/tenant/token");
        assert!(metadata.introspection_endpoint().is_none());
    }
    // A redirect is not followed, nor is its document read.
    let site = Site::default().has(OAUTH, 302, &document(issuer.as_str()));
    assert!(discover(&site, &issuer).await.unwrap_err().to_string().contains("302"));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_not_asked_further() {
    let issuer = Endpoint::new("https://login.example/tenant").unwrap();
    for site in [
        Site::default().down_at(OAUTH),
        Site::default().has(OAUTH, 503, ""),
        Site::default().has(OAUTH, 500, &document(issuer.as_str())),
        Site::default().has(OAUTH, 429, ""),
    ] {
        let site = site.has(APPENDED, 200, &document(issuer.as_str()));
        let error = discover(&site, &issuer).await.unwrap_err();
        assert_eq!(site.asked(), [OAUTH]);
        assert!(error.is_transient() && error.to_string().contains("login.example"), "{error}");
    }
}

#[tokio::test]
async fn an_issuer_is_compared_byte_by_byte() {
    for (configured, named) in [
        ("https://login.example", "https://login.example/"),
        ("https://login.example/", "https://login.example"),
        ("https://login.example", "https://LOGIN.example"),
        ("https://login.example", "https://login.example:443"),
        ("https://login.example", "https://honest.example"),
    ] {
        let place = "https://login.example/.well-known/openid-configuration";
        let site = Site::default().has(place, 200, &document(named));
        let error = discover(&site, &Endpoint::new(configured).unwrap()).await.unwrap_err();
        assert!(error.to_string().contains(&format!("another issuer, {named:?}")), "{error}");
    }
}

#[test]
fn what_a_server_says_about_itself_does_not_flood_the_log() {
    let issuer = Endpoint::new("https://login.example").unwrap();
    let error = ServerMetadata::parse(document(&"x".repeat(9000)).as_bytes(), &issuer).unwrap_err();
    assert!(error.to_string().len() < 400, "{error}");
}

#[test]
fn endpoints_are_as_safe_as_the_issuer() {
    let plain = br#"{"issuer":"http://127.0.0.1:9","introspection_endpoint":"http://127.0.0.1:9/i"}"#;
    let issuer = Endpoint::insecure_http("http://127.0.0.1:9").unwrap();
    let metadata = ServerMetadata::parse(plain, &issuer).unwrap();
    assert_eq!(metadata.introspection_endpoint().unwrap().as_str(), "http://127.0.0.1:9/i");
    for unfit in ["http://login.example/i", "/i", "", "https://me:secret@login.example/i"] {
        let document = format!(r#"{{"issuer":"https://login.example","introspection_endpoint":"{unfit}"}}"#);
        let issuer = Endpoint::new("https://login.example").unwrap();
        let error = ServerMetadata::parse(document.as_bytes(), &issuer).unwrap_err().to_string();
        assert!(error.contains("\"introspection_endpoint\"") && !error.contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn an_issuer_with_a_query_is_no_issuer() {
    let site = Site::default();
    let error =
        discover(&site, &Endpoint::new("https://login.example/?tenant=1").unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("query") && !error.is_transient(), "{error}");
    assert!(site.asked().is_empty());
}
