use super::{InvalidHeaderValue, Kind, decode_value, encode_value};
use http::HeaderValue;
use proptest::prelude::*;

#[test]
fn encoding() {
    // The first five are the spec's own examples.
    for (text, want) in [
        ("us-west1", "us-west1"),
        ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        (" padded ", "=?base64?IHBhZGRlZCA=?="),
        ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
        ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
        ("", ""),
        ("a  b", "a  b"),
        ("a\tb", "=?base64?YQli?="),
        ("\t", "=?base64?CQ==?="),
        (" ", "=?base64?IA==?="),
        ("a\r\nX-Evil: 1", "=?base64?YQ0KWC1FdmlsOiAx?="),
        ("\0", "=?base64?AA==?="),
        ("\u{7f}", "=?base64?fw==?="),
        ("=?base64?=", "=?base64?PT9iYXNlNjQ/PQ==?="),
        ("=?base64??=", "=?base64?PT9iYXNlNjQ/Pz0=?="),
        ("=?BASE64?x?=", "=?BASE64?x?="),
        ("=?base64?x", "=?base64?x"),
        ("x?=", "x?="),
        ("file:///projects/myapp/config.json", "file:///projects/myapp/config.json"),
    ] {
        let value = encode_value(text);
        assert_eq!(value, want, "{text:?}");
        assert_eq!(decode_value(&value).unwrap(), text);
    }
}

#[test]
fn decoding() {
    let cases: &[(&[u8], Result<&str, Kind>)] = &[
        (b"plain", Ok("plain")),
        (b"a\tb", Ok("a\tb")),
        (b"", Ok("")),
        (b"=?base64?SGVsbG8=?=", Ok("Hello")),
        (b"=?base64??=", Ok("")),
        (b"=?base64?=", Err(Kind::Base64)),
        (b"=?base64?SGVsbG8?=", Err(Kind::Base64)),
        (b"=?base64?SGVsbG8==?=", Err(Kind::Base64)),
        (b"=?base64?SGVsbG9=?=", Err(Kind::Base64)),
        (b"=?base64?SGVs bG8=?=", Err(Kind::Base64)),
        (b"=?base64?SGVs\tbG8=?=", Err(Kind::Base64)),
        (b"=?base64?SGVs!bG8=?=", Err(Kind::Base64)),
        (b"=?base64?_-__?=", Err(Kind::Base64)),
        (b"=?base64?SGVs?bG8=?=", Err(Kind::Base64)),
        (b"=?base64?/w==?=", Err(Kind::Utf8)),
        (b"=?base64?7aCA?=", Err(Kind::Utf8)),
        (b"=?Base64?SGVsbG8=?=", Ok("=?Base64?SGVsbG8=?=")),
        (b"SGVsbG8=?=", Ok("SGVsbG8=?=")),
        (b"=?base64?SGVsbG8=", Ok("=?base64?SGVsbG8=")),
        (b"=?base64?SGVsbG8=?= ", Err(Kind::Space)),
        (b" x", Err(Kind::Space)),
        (b"x\t", Err(Kind::Space)),
        (b"gr\xc3\xb6\xc3\x9fe", Err(Kind::Characters)),
        (b"\xff", Err(Kind::Characters)),
    ];
    for (value, want) in cases {
        let value = HeaderValue::from_bytes(value).unwrap();
        let want = want.map_err(InvalidHeaderValue);
        assert_eq!(decode_value(&value).as_deref(), want.as_deref(), "{value:?}");
    }
}

proptest! {
    #[test]
    fn what_was_encoded_comes_back(text in any::<String>()) {
        let value = encode_value(&text);
        prop_assert!(value.as_bytes().iter().all(|byte| matches!(byte, b' '..=b'~')));
        prop_assert_eq!(decode_value(&value).unwrap(), text);
    }

    #[test]
    fn decoding_never_panics(bytes in "(=\\?base64\\?)?[ -~\t\u{80}-\u{ff}]{0,20}(\\?=)?") {
        let value = HeaderValue::from_bytes(bytes.as_bytes()).unwrap();
        let _ = decode_value(&value);
    }
}
