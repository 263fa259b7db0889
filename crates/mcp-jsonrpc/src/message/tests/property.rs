//! Properties that hold for every text, not just for those somebody thought of.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// A string literal in one of its many spellings.
fn literal() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z_/]{1,4}".prop_map(|text| text),
        Just("\\n".to_owned()),
        Just("\\\"".to_owned()),
        Just("\\u0061".to_owned()),
        Just("\\ud83d\\ude00".to_owned()),
        Just("ö😀".to_owned()),
    ];
    vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn value() -> impl Strategy<Value = String> {
    let leaf =
        prop_oneof![literal(), Just("1.10".to_owned()), Just("null".to_owned()), Just("true".to_owned())];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(" , "))),
            inner.prop_map(|item| format!("{{\"k\" : {item}}}")),
        ]
    })
}

fn id() -> impl Strategy<Value = Id> {
    prop_oneof![any::<i64>().prop_map(Id::from), any::<String>().prop_map(|text| Id::from(&*text))]
}

/// Params in any order, with unknown members between the known ones.
fn params() -> impl Strategy<Value = String> {
    let known = (literal(), literal(), value(), value(), any::<bool>()).prop_map(
        |(name, uri, arguments, more, meta)| {
            let mut members = vec![
                format!("\"name\": {name}"),
                format!("\"uri\":{uri}"),
                format!("\"arguments\" : {arguments}"),
                format!("\"future\":{more}"),
            ];
            if meta {
                members.push(format!(
                    "\"_meta\":{{\"io.modelcontextprotocol/protocolVersion\":{name},\"x\":{more}}}"
                ));
            }
            members
        },
    );
    (known.prop_shuffle(), 0..=5_usize).prop_map(|(members, keep)| {
        let kept: Vec<_> = members.into_iter().take(keep).collect();
        format!("{{{}}}", kept.join(" ,\n"))
    })
}

fn request() -> impl Strategy<Value = String> {
    let method =
        prop_oneof![Just("\"tools/call\""), Just("\"resources/read\""), Just("\"\\u0074ools/call\"")];
    (id(), method, params(), value())
        .prop_map(|(id, method, params, more)| {
            vec![
                "\"jsonrpc\":\"2.0\"".to_owned(),
                format!("\"id\": {}", id.to_json()),
                format!("\"method\":{method}"),
                format!("\"params\":{params}"),
                format!("\"x\":{more}"),
            ]
        })
        .prop_shuffle()
        .prop_map(|members| format!(" {{{}}} ", members.join(",")))
}

/// What everybody else reads in a text, looked up the slow way.
fn assert_agrees_with_serde(message: &Message) {
    let value: Value = serde_json::from_slice(message.text()).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    assert_eq!(message.method().map(str::to_owned), text(&value["method"]));
    let read = |slice: Option<&[u8]>| slice.map(|slice| serde_json::from_slice::<Value>(slice).unwrap());
    let some = |value: &Value| (!value.is_null()).then(|| value.clone());
    assert_eq!(read(message.params()), some(&value["params"]));
    assert_eq!(read(message.result()), some(&value["result"]));
    if message.is_answer() {
        assert_eq!(message.error_code(), value["error"]["code"].as_i64());
    } else {
        let resource = message.method().unwrap().starts_with("resources/");
        let key = if resource { "uri" } else { "name" };
        assert_eq!(message.name().map(str::to_owned), text(&value["params"][key]));
        let arguments = value["params"].get("arguments").cloned();
        assert_eq!(read(message.arguments()), arguments);
    }
    match message.id() {
        Some(id) => assert_eq!(serde_json::from_str::<Value>(&id.to_json()).unwrap(), value["id"]),
        None => assert!(value["id"].is_null()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_renamed_message_reads_back(text in request(), name in any::<String>()) {
        let mut message = message(&text);
        assert_reads_back(&message);
        let named = message.name().is_some();
        message.set_name(&name);
        prop_assert_eq!(message.name(), named.then_some(&*name));
        assert_reads_back(&message);
        assert_agrees_with_serde(&message);
    }

    #[test]
    fn a_built_message_reads_back(id in id(), method in any::<String>(), params in params(), code in any::<i64>()) {
        let params = fragment(&params);
        for message in [
            Message::from_request(&id, &method, &params),
            Message::from_notification(&method, &params),
            Message::from_result(&id, &params),
            Message::from_error(Some(&id), code, &method, Some(&params)),
            Message::from_error(None, code, &method, None),
        ] {
            assert_reads_back(&message);
            assert_agrees_with_serde(&message);
        }
    }

    /// Valid messages with a few bytes changed: still refused or read as everybody else does, and never a panic.
    #[test]
    fn what_is_accepted_is_read_as_by_others(
        text in request(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = text.into_bytes();
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        match Message::parse(bytes.into()) {
            Ok(message) => assert_agrees_with_serde(&message),
            Err(_) => prop_assert!(!changes.is_empty(), "a valid message was refused"),
        }
    }

    #[test]
    fn no_text_makes_it_panic(bytes in vec(any::<u8>(), 0..64)) {
        let _ = Message::parse(bytes.into());
    }
}
