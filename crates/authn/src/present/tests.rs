#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use http::HeaderValue;

use super::*;

fn places() -> Places {
    Places {
        service_id: HeaderName::from_static("portcullis-client-id"),
        service_secret: HeaderName::from_static("portcullis-client-secret"),
        certificate: None,
        max_credential: 64,
    }
}

/// What is found in the headers, in words.
fn found(headers: &[(&str, &[u8])], uri: &str) -> Result<Option<String>, Malformed> {
    let map = headers
        .iter()
        .map(|(name, value)| (HeaderName::try_from(*name).unwrap(), HeaderValue::from_bytes(value).unwrap()))
        .collect();
    let extensions = Extensions::new();
    let presented = places().find(&uri.parse().unwrap(), &map, &extensions, &Networks::new())?;
    presented.credential.iter().try_for_each(Shown::check)?;
    Ok(presented.credential.map(|shown| match shown {
        Shown::Token { text, dpop: false } => format!("token {text}"),
        Shown::Token { text, dpop: true } => format!("bound token {text}"),
        Shown::Service { id, secret } => format!("service {id} with {secret}"),
        Shown::Certificate(_) => "certificate".to_owned(),
    }))
}

#[test]
fn a_header_has_one_reading() {
    let too_long = format!("Bearer {}", "a".repeat(65));
    type Reading = Result<Option<&'static str>, ()>;
    let rows: [(&[u8], Reading); 22] = [
        (b"Bearer a.b-c_d~e+f/g=", Ok(Some("token a.b-c_d~e+f/g="))),
        (b"bearer biscuit:a", Ok(Some("token biscuit:a"))),
        (b"BEARER   a  ", Ok(Some("token a"))),
        (b"DPoP a", Ok(Some("bound token a"))),
        (b"dpop a", Ok(Some("bound token a"))),
        (too_long.as_bytes(), Err(())),
        (b"Bearer", Err(())),
        (b"Bearer ", Err(())),
        (b"Bearer a b", Err(())),
        (b"Bearer a,", Err(())),
        (b"Bearer a\tb", Err(())),
        (b"Bearer \ta", Err(())),
        (b"Bearer \"a\"", Err(())),
        (b"Bearer a\xc3\xa9", Err(())),
        (b"Bearer a\xff", Err(())),
        (b"Bearer\ta", Ok(None)),
        (b"Bearera", Ok(None)),
        (b" Bearer a", Ok(None)),
        (b"Basic YTpi", Ok(None)),
        (b"", Ok(None)),
        (b"Basic \xc3\xa9", Err(())),
        (b"\xff\xfe", Err(())),
    ];
    for (value, expected) in rows {
        let found = found(&[("authorization", value)], "/mcp");
        let text = String::from_utf8_lossy(value);
        assert_eq!(found.as_ref().map(Option::as_deref).map_err(drop), expected, "{text}");
    }
    let long = format!("Bearer {}", "a".repeat(64));
    assert!(found(&[("authorization", long.as_bytes())], "/").is_ok_and(|found| found.is_some()));
}

#[test]
fn every_byte_is_of_a_token_or_not() {
    for byte in 0..128_u8 {
        let text = char::from(byte).to_string();
        let expected = byte.is_ascii_alphanumeric() || b"-._~+/=:".contains(&byte);
        assert_eq!(is_token(&text), expected, "{byte}");
        assert_eq!(is_token(&format!("{}{text}{}", "a".repeat(40), "b".repeat(40))), expected, "{byte}");
    }
    assert!(!is_token("") && !is_token("\u{e1}") && !is_token("a\u{1d00}"));
}

#[test]
fn one_credential_and_not_in_the_url() {
    let service: [(&str, &[u8]); 2] =
        [("portcullis-client-id", b"nightly"), ("portcullis-client-secret", b"s")];
    let token: (&str, &[u8]) = ("authorization", b"Bearer a");
    assert_eq!(found(&service, "/").unwrap().unwrap(), "service nightly with s");
    assert!(found(&[service[0], service[1], token], "/").is_err());
    assert!(found(&[service[0], service[1], ("authorization", b"Basic YTpi")], "/").is_ok());
    for half in service {
        assert!(found(&[half], "/").is_err() && found(&[half, half], "/").is_err());
    }
    assert!(found(&[token, token], "/").is_err());
    for (query, fine) in [
        ("a=access_token", true),
        ("token=a", true),
        ("access_token", false),
        ("a&access_token=b", false),
        ("a;access_token=b", false),
        ("%61ccess_token=b", false),
        ("access%5Ftoken=b", false),
        ("my_access_token=b", false),
        ("%ff=%", true),
    ] {
        assert_eq!(found(&[token], &format!("/mcp?{query}")).is_ok(), fine, "{query}");
    }
}
