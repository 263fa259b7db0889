//! What the codec accepts, another parser reads the same; what a change leaves, both read again.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use portcullis_core::json::{self, ErrorKind, Splice, Walker};
use portcullis_mcp_jsonrpc::{Kind, Message};
use serde::de::IgnoredAny;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let message = Message::parse(Bytes::copy_from_slice(data));
    if !is_accepted(data) {
        assert!(message.is_err(), "no document, and yet a message");
        return;
    }
    let Some(value) = read(data) else { return };
    strings(data, &value);
    if let Ok(message) = message {
        assert_eq!(message.text(), data);
        agrees(&message, &value);
        renames(message, value);
    }
});

/// Our verdict on a text, held against serde_json's.
fn is_accepted(data: &[u8]) -> bool {
    let well_formed = serde_json::from_slice::<IgnoredAny>(data).is_ok();
    match json::check(data) {
        Ok(()) => assert!(well_formed, "accepted, but not JSON"),
        Err(error) if error.kind() == ErrorKind::Syntax => {
            assert!(!well_formed, "JSON, but refused: {error}")
        }
        Err(_) => {}
    }
    json::check(data).is_ok()
}

/// An accepted text, as serde_json reads it.
fn read(data: &[u8]) -> Option<Value> {
    let error = match serde_json::from_slice(data) {
        Ok(value) => return Some(value),
        Err(error) => error.to_string(),
    };
    // What we take and serde_json's `Value` does not: numbers past a double's range, and one level of nesting.
    let known = ["number out of range", "recursion limit exceeded"];
    assert!(known.iter().any(|known| error.starts_with(known)), "accepted, but {error}");
    None
}

/// The walker finds the strings that serde_json found, and each can be put back where it was.
fn strings(data: &[u8], value: &Value) {
    let mut found = Vec::new();
    let mut splice = Splice::new(data);
    let mut walker = Walker::new(data).expect("an accepted document").with_keys();
    while let Some(string) = walker.next().expect("an accepted document") {
        let text = string.text();
        let decoded = text.decode();
        let mut map = text.source_map();
        let mut end = text.range().start;
        for (at, character) in decoded.char_indices() {
            let range = map.range(at..at + character.len_utf8()).expect("a character has a source");
            assert_eq!(range.start, end, "sources leave no gap");
            end = range.end;
        }
        assert_eq!(end, text.range().end, "sources cover the literal");
        splice.replace_text(string.range(), decoded.clone());
        found.push(decoded.into_owned());
    }
    let mut expected = Vec::new();
    collect(value, &mut expected);
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);

    let spliced = splice.finish().expect("ranges of a walk neither overlap nor cut");
    assert_eq!(serde_json::from_slice::<Value>(&spliced).expect("a splice of strings is JSON"), *value);
}

fn collect(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        Value::Object(members) => members.iter().for_each(|(key, item)| {
            into.push(key.clone());
            collect(item, into);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Every part that the message shows is what serde_json finds at its place.
fn agrees(message: &Message, value: &Value) {
    let part = |slice: Option<&[u8]>| -> Option<Value> {
        slice.map(|slice| serde_json::from_slice(slice).expect("a part of an accepted message"))
    };
    let object = |pointer: &str| value.pointer(pointer).filter(|value| value.is_object()).cloned();
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);

    let has = |key: &str| value.get(key).is_some();
    let kind = match (has("method"), has("id"), has("result"), has("error")) {
        (true, true, false, false) => Kind::Request,
        (true, false, false, false) => Kind::Notification,
        (false, true, true, false) => Kind::Result,
        (false, _, false, true) => Kind::Error,
        mixed => panic!("accepted, but of no kind: {mixed:?}"),
    };
    assert_eq!(message.kind(), kind);
    assert_eq!(text("/jsonrpc"), Some("2.0"));
    if let Some(id) = message.id() {
        assert_eq!(serde_json::from_str::<Value>(&id.to_json()).ok().as_ref(), value.get("id"));
    }

    let uri = text("/method").is_some_and(|method| method.starts_with("resources/"));
    assert_eq!(message.method(), text("/method"));
    assert_eq!(part(message.params()), object("/params"));
    assert_eq!(part(message.result()), object("/result"));
    assert_eq!(part(message.error()), object("/error"));
    if message.method().is_some() {
        assert_eq!(message.name(), text(if uri { "/params/uri" } else { "/params/name" }));
        assert_eq!(part(message.arguments()), value.pointer("/params/arguments").cloned());
        assert_eq!(part(message.meta()), object("/params/_meta"));
    }
}

/// A new name changes the name and nothing else, and the message still knows where its parts are.
fn renames(mut message: Message, mut value: Value) {
    if message.method().is_none() || message.name().is_none() {
        return;
    }
    let uri = message.method().is_some_and(|method| method.starts_with("resources/"));
    for name in ["", "a\"b\\c\u{1}\u{1f600}", "plain"] {
        message.set_name(name);
        if let Some(place) = value.pointer_mut(if uri { "/params/uri" } else { "/params/name" }) {
            *place = name.into();
        }
        assert_eq!(serde_json::from_slice::<Value>(message.text()).expect("a renamed message"), value);
        agrees(&message, &value);
    }
}
