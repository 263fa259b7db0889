use std::error::Error as _;

use serde_json::Value;

use super::super::ErrorKind;
use super::*;

#[test]
fn refuses_names_that_serde_json_reserves() {
    // What it is about: one text, and two readings of it.
    let doc = br#"{"$serde_json::private::RawValue": "{\"name\": \"delete\"}"}"#;
    assert_eq!(serde_json::from_slice::<Value>(doc).unwrap()["name"], "delete");

    for doc in [
        &doc[..],
        br#"[{"a": {"$serde_json::private::Number": "1"}}]"#,
        br#"{"\u0024serde_json::private::RawValue": "1"}"#,
    ] {
        let error = from_slice::<Value>(doc).unwrap_err();
        assert_eq!(error.document().map(Error::kind), Some(ErrorKind::Unexpected));
    }
    assert!(from_slice::<Value>(br#"{"a": "$serde_json::private::RawValue"}"#).is_ok());
}

#[test]
fn says_what_is_wrong_with_the_document() {
    let error = from_slice::<Value>(br#"{"a":1,"\u0061":2}"#).unwrap_err();
    assert_eq!(error.document().map(Error::kind), Some(ErrorKind::DuplicateKey));
    assert!(error.shape().is_none());
    assert!(error.source().is_some());
}

#[test]
fn does_not_echo_what_does_not_fit() {
    let error = from_slice::<u8>(br#" "hunter2""#).unwrap_err();
    assert!(error.document().is_none());
    assert!(error.shape().is_some_and(|shape| shape.to_string().contains("hunter2")));
    assert!(!error.to_string().contains("hunter2"));
    assert!(error.source().is_none());
}
