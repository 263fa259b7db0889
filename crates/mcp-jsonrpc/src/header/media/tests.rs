use super::{Accept, accepts, is_event_stream, is_json};
use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

fn accept(lines: &[&str]) -> (bool, bool) {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(ACCEPT, HeaderValue::from_str(line).unwrap());
    }
    let Accept { json, event_stream, .. } = accepts(&headers);
    (json, event_stream)
}

#[test]
fn accept_headers() {
    for (lines, want) in [
        (&[][..], (false, false)),
        (&[""], (false, false)),
        (&["application/json, text/event-stream"], (true, true)),
        (&["text/event-stream,application/json"], (true, true)),
        (&["application/json", "text/event-stream"], (true, true)),
        (&["APPLICATION/Json;Q=0.5"], (true, false)),
        (&["text/event-stream"], (false, true)),
        (&["*/*"], (true, true)),
        (&["application/*"], (true, false)),
        (&["text/*;q=0.1"], (false, true)),
        (&["*/json"], (false, false)),
        (&["text/html"], (false, false)),
        (&["*/*, text/event-stream;q=0"], (true, false)),
        (&["text/event-stream;q=0.0", "*/*"], (true, false)),
        (&["text/*;q=0, text/event-stream"], (false, true)),
        (&["*/*;q=0, application/json"], (true, false)),
        (&["application/json;q=0, application/json"], (true, false)),
        (&["application/json;q=0.001"], (true, false)),
        (&["application/json;q=1.000"], (true, false)),
        (&["application/json;q=1.001"], (false, false)),
        (&["application/json;q=0.0001"], (false, false)),
        (&["application/json;q=2"], (false, false)),
        (&["application/json;q="], (false, false)),
        (&["application/json;q=x, text/event-stream"], (false, true)),
        (&["application/json ; charset=utf-8 ; q=1"], (true, false)),
        (&["application/json;, ,text/event-stream;"], (true, true)),
        (&["text/plain;x=\", application/json, \""], (false, false)),
        (&["text/plain;x=\"\\\", application/json\", text/event-stream"], (false, true)),
        (&["text/plain;x=\"a, application/json"], (false, false)),
        (&["application/json text/event-stream"], (false, false)),
        (&["application /json"], (false, false)),
    ] {
        assert_eq!(accept(lines), want, "{lines:?}");
    }
}

#[test]
fn what_is_weightier_or_named_first_is_preferred() {
    for (lines, want) in [
        (&[][..], false),
        (&["application/json, text/event-stream"], false),
        (&["text/event-stream, application/json"], true),
        (&["text/event-stream", "application/json"], true),
        (&["application/json", "text/event-stream"], false),
        (&["application/json;q=0.9, text/event-stream"], true),
        (&["application/json;q=0.901, text/event-stream;q=0.9"], false),
        (&["text/event-stream;q=0.9, application/json;q=0.95"], false),
        (&["text/event-stream;q=1.0, application/json;q=1.000"], true),
        (&["*/*"], false),
        (&["text/*, */*"], true),
        (&["text/*, application/json"], false),
        (&["*/*, application/json"], false),
        (&["*/*, text/event-stream"], true),
        (&["text/event-stream"], true),
        (&["application/json"], false),
        (&["text/event-stream;q=0, application/json;q=0"], false),
        (&["text/event-stream;q=0, */*"], false),
        (&["text/html, text/event-stream, application/json"], true),
        (&["text/event-stream;q=2, application/json, text/event-stream"], false),
        (&["text/event-stream;q=0.5, application/json, text/event-stream"], false),
    ] {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT, HeaderValue::from_str(line).unwrap());
        }
        assert_eq!(accepts(&headers).prefers_event_stream, want, "{lines:?}");
    }
}

#[test]
fn lines_beyond_ascii_are_passed_over() {
    let mut headers = HeaderMap::new();
    headers.append(ACCEPT, HeaderValue::from_bytes(b"*/*;x=\xff").unwrap());
    assert_eq!(accepts(&headers), Accept::default());
}

#[test]
fn content_types() {
    for (value, want) in [
        ("application/json", true),
        (" Application/JSON ", true),
        ("application/json;charset=utf-8", true),
        ("application/json; charset=UTF-8", true),
        ("application/json; Charset=\"utf-8\"", true),
        ("application/json; profile=x", true),
        ("application/json; profile=\"a;charset=utf-16\"", true),
        ("application/json;", true),
        ("application/json; charset=utf8", false),
        ("application/json; charset=utf-16", false),
        ("application/json; charset=latin1", false),
        ("application/json; charset=utf-8; charset=utf-16", false),
        ("application/json; charset=", false),
        ("application/json; charset = utf-8", false),
        ("application/json; charset", false),
        ("application/json; charset=\"utf-8", false),
        ("application/json, text/html", false),
        ("application/json, application/json", false),
        ("application/json-patch+json", false),
        ("application/vnd.api+json", false),
        ("application/*", false),
        ("*/*", false),
        ("json", false),
        ("", false),
    ] {
        assert_eq!(is_json(&HeaderValue::from_static(value)), want, "{value:?}");
    }
    assert!(is_event_stream(&HeaderValue::from_static("text/event-stream; charset=utf-8")));
    assert!(!is_event_stream(&HeaderValue::from_static("text/event-stream; charset=utf-16")));
    assert!(!is_event_stream(&HeaderValue::from_static("text/event-stream2")));
}

proptest! {
    #[test]
    fn never_panics(text in "[ -~]{0,40}|(application/json|text|[*/;,=q.\"\\\\ ]){0,20}") {
        accept(&[&text]);
        let _ = is_json(&HeaderValue::from_str(&text).unwrap());
    }

    #[test]
    fn order_does_not_matter(
        elements in prop::collection::vec("(application|text|\\*)/(json|event-stream|\\*)(;q=[01](\\.[05])?)?", 0..6),
    ) {
        let mut reversed = elements.clone();
        reversed.reverse();
        let lines: Vec<&str> = reversed.iter().map(String::as_str).collect();
        prop_assert_eq!(accept(&[&elements.join(", ")]), accept(&lines));
    }
}
