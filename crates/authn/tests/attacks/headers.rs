//! The same token in headers that can be read in several ways.

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, StatusCode};
use portcullis_testkit::idp::SigningKey;

use crate::world::*;

#[tokio::test]
async fn one_reading_of_one_header() {
    let key = SigningKey::es256();
    let portal = Portal::new(settings().verifier(verifier(&[&key])));
    let token = key.sign(access_token(), claims());
    let with =
        |value: &[u8]| Request::post("/mcp").header(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
    for scheme in ["Bearer ", "bearer ", "BEARER ", "bEaReR   "] {
        portal.admits(with(format!("{scheme}{token}").as_bytes())).await;
    }
    let [malformed, unknown, wrong] =
        [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED];
    for (what, value, status) in [
        ("a trailing comma", format!("Bearer {token},"), malformed),
        ("two of them", format!("Bearer {token}, Bearer {token}"), malformed),
        ("quotes", format!("Bearer \"{token}\""), malformed),
        ("parameters", format!("Bearer token={token}"), wrong),
        ("a tab in between", format!("Bearer\t{token}"), unknown),
        ("a tab before", format!("Bearer \t{token}"), malformed),
        ("no space", format!("Bearer{token}"), unknown),
        ("a space before", format!(" Bearer {token}"), unknown),
        ("another scheme before", format!("Basic {token}"), unknown),
        ("the scheme twice", format!("Bearer Bearer {token}"), malformed),
        ("DPoP without any", format!("DPoP {token}"), wrong),
        ("the scheme alone", "Bearer".to_owned(), malformed),
        ("nothing", String::new(), unknown),
        ("obs-text", format!("Bearer {token}\u{e9}"), malformed),
    ] {
        let answer = portal.stops(with(value.as_bytes())).await;
        assert_eq!(answer.status, status, "{what}: {answer:?}");
    }
    let answer = portal.stops(with(b"\xff\xfe")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(portal.stops(bearer(&token).header(AUTHORIZATION, "Basic YTpi")).await.status, malformed);
    assert_eq!(
        portal.stops(bearer(&token).header(AUTHORIZATION, format!("Bearer {token}"))).await.status,
        malformed
    );
}

#[tokio::test]
async fn targets_in_other_forms() {
    let key = SigningKey::es256();
    let portal = Portal::new(settings().verifier(verifier(&[&key])));
    let token = key.sign(access_token(), claims());
    let known = "/.well-known/oauth-protected-resource";
    // As HTTP/2 and proxies write them.
    for origin in ["", "https://mcp.example.com", "http://evil.example"] {
        let answer = portal.send(Request::get(format!("{origin}{known}/mcp"))).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.body.contains(RESOURCE), "the resource is what was configured: {answer:?}");
        portal.admits(bearer(&token).uri(format!("{origin}/mcp"))).await;
        portal.refuses(origin, bearer("wrong").uri(format!("{origin}/mcp"))).await;
    }
    // Nearly the path that is public.
    for path in [
        format!("{known}/mcp/"),
        format!("{known}/other"),
        format!("{known}/../../mcp"),
        format!("/{known}"),
        format!("/mcp{known}"),
        "/.well-known/oauth-protected-resourc%65".to_owned(),
        "/.WELL-KNOWN/oauth-protected-resource".to_owned(),
        "*".to_owned(),
    ] {
        let answer = portal.stops(Request::get(&path)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    // Nothing gets through under the public path.
    for method in ["POST", "DELETE", "OPTIONS", "PUT"] {
        portal.stops(bearer(&token).uri(format!("{known}/mcp")).method(method)).await;
    }
}
