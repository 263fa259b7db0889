mod property;

use bytes::Bytes;
use portcullis_core::{Document, json};

use super::{Flaw, Fragment, Kind, Message, MessageError, Part};
use crate::Id;

fn parse(text: &str) -> Result<Message, MessageError> {
    Message::parse(Bytes::copy_from_slice(text.as_bytes()))
}

fn message(text: &str) -> Message {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn fragment(text: &str) -> Fragment {
    Fragment::parse(text.to_owned()).unwrap()
}

/// Whatever a message was made by, reading its text again must find the same things in the same places.
#[track_caller]
fn assert_reads_back(message: &Message) {
    let again = Message::parse(message.text().clone()).unwrap();
    let places = |message: &Message| format!("{:?}", message.envelope);
    assert_eq!(places(message), places(&again), "{:?}", message.text());
    assert_eq!(message.method(), again.method());
    assert_eq!(message.name(), again.name());
}

#[test]
fn what_is_not_a_message_is_refused_with_the_id_where_there_is_one() {
    let deep = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"a":{open}{close}}}}}"#)
    };
    let too_deep = deep(json::MAX_DEPTH - 1);
    message(&deep(json::MAX_DEPTH - 2));
    let bomb = "[".repeat(100_000);

    #[derive(Debug, PartialEq)]
    enum Class {
        Json(json::ErrorKind),
        Batch,
        Shape,
    }
    use Class::{Batch, Shape};
    const SYNTAX: Class = Class::Json(json::ErrorKind::Syntax);
    const TWICE: Class = Class::Json(json::ErrorKind::DuplicateKey);
    const UNICODE: Class = Class::Json(json::ErrorKind::NotUnicode);
    const DEEP: Class = Class::Json(json::ErrorKind::TooDeep);

    for (name, text, class, id) in [
        ("nothing", "", SYNTAX, None),
        ("space", " \n", SYNTAX, None),
        ("half", r#"{"jsonrpc":"2.0","id":1,"method":"m""#, SYNTAX, Some(1)),
        ("half a string", r#"{"jsonrpc":"2.0","id":1,"method":"m"#, SYNTAX, Some(1)),
        ("trailing comma", r#"{"jsonrpc":"2.0","id":1,"method":"m",}"#, SYNTAX, Some(1)),
        ("trailing data", r#"{"jsonrpc":"2.0","id":1,"method":"m"}{}"#, SYNTAX, Some(1)),
        ("single quotes", r#"{'jsonrpc':'2.0'}"#, SYNTAX, None),
        ("comment", r#"{"jsonrpc":"2.0",/**/"id":1,"method":"m"}"#, SYNTAX, None),
        ("NaN", r#"{"jsonrpc":"2.0","id":NaN,"method":"m"}"#, SYNTAX, None),
        ("leading zero", r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"n":01}}"#, SYNTAX, Some(1)),
        ("number in two", r#"{"jsonrpc":"2.0","id":7 8,"method":"m"}"#, SYNTAX, Some(7)),
        ("NUL after", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}\0", SYNTAX, Some(1)),
        ("NUL in a string", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\0\"}", SYNTAX, Some(1)),
        ("byte order mark", "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}", SYNTAX, None),
        ("lone high", r#"{"jsonrpc":"2.0","id":1,"method":"\ud800"}"#, UNICODE, Some(1)),
        ("lone low", r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":"\udc00"}}"#, UNICODE, Some(1)),
        ("lone in a key", r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"\ud800":1}}"#, UNICODE, Some(1)),
        ("key twice", r#"{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}"#, TWICE, Some(1)),
        ("key twice, escaped", r#"{"jsonrpc":"2.0","id":1,"method":"a","\u006dethod":"b"}"#, TWICE, Some(1)),
        (
            "key twice in params",
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"name":"a","name":"b"}}"#,
            TWICE,
            Some(1),
        ),
        (
            "key twice in params, escaped",
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"name":"a","n\u0061me":"b"}}"#,
            TWICE,
            Some(1),
        ),
        (
            "key twice, deep",
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":[{"b":{"x":1,"\u0078":2}}]}}"#,
            TWICE,
            Some(1),
        ),
        (
            "key twice in an unknown member",
            r#"{"jsonrpc":"2.0","id":1,"method":"m","future":{"x":1,"x":2}}"#,
            TWICE,
            Some(1),
        ),
        ("too deep", &too_deep, DEEP, Some(1)),
        ("a bomb", &bomb, DEEP, None),
        ("batch", r#"[{"jsonrpc":"2.0","id":1,"method":"m"}]"#, Batch, None),
        ("empty batch", "[]", Batch, None),
        ("broken batch", "[1", SYNTAX, None),
        ("string", r#""m""#, Shape, None),
        ("number", "1", Shape, None),
        ("null", "null", Shape, None),
        ("empty object", "{}", Shape, None),
        ("no jsonrpc", r#"{"id":1,"method":"m"}"#, Shape, Some(1)),
        ("other jsonrpc", r#"{"jsonrpc":"1.0","id":1,"method":"m"}"#, Shape, Some(1)),
        ("jsonrpc as a number", r#"{"jsonrpc":2.0,"id":1,"method":"m"}"#, Shape, Some(1)),
        ("id null", r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#, Shape, None),
        ("id with a fraction", r#"{"jsonrpc":"2.0","id":1.5,"method":"m"}"#, Shape, None),
        ("id of minus nothing", r#"{"jsonrpc":"2.0","id":-0,"method":"m"}"#, Shape, None),
        ("id with an exponent", r#"{"jsonrpc":"2.0","id":1e2,"method":"m"}"#, Shape, None),
        ("id as an object", r#"{"jsonrpc":"2.0","id":{"a":1},"method":"m"}"#, Shape, None),
        ("id as an array", r#"{"jsonrpc":"2.0","id":[1],"method":"m"}"#, Shape, None),
        ("id as a bool", r#"{"jsonrpc":"2.0","id":true,"method":"m"}"#, Shape, None),
        ("huge id", r#"{"jsonrpc":"2.0","id":9223372036854775808,"method":"m"}"#, Shape, None),
        ("no method", r#"{"jsonrpc":"2.0","id":1}"#, Shape, Some(1)),
        ("method as a number", r#"{"jsonrpc":"2.0","id":1,"method":1}"#, Shape, Some(1)),
        ("method as null", r#"{"jsonrpc":"2.0","id":1,"method":null}"#, Shape, Some(1)),
        ("params as an array", r#"{"jsonrpc":"2.0","id":1,"method":"m","params":[]}"#, Shape, Some(1)),
        ("params as null", r#"{"jsonrpc":"2.0","id":1,"method":"m","params":null}"#, Shape, Some(1)),
        ("params as a string", r#"{"jsonrpc":"2.0","id":1,"method":"m","params":"{}"}"#, Shape, Some(1)),
        ("method and result", r#"{"jsonrpc":"2.0","id":1,"method":"m","result":{}}"#, Shape, Some(1)),
        ("method and error", r#"{"jsonrpc":"2.0","id":1,"method":"m","error":{"code":1}}"#, Shape, Some(1)),
        ("result and error", r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1}}"#, Shape, Some(1)),
        ("result without id", r#"{"jsonrpc":"2.0","result":{}}"#, Shape, None),
        ("result with null id", r#"{"jsonrpc":"2.0","id":null,"result":{}}"#, Shape, None),
        ("result as null", r#"{"jsonrpc":"2.0","id":1,"result":null}"#, Shape, Some(1)),
        ("result as an array", r#"{"jsonrpc":"2.0","id":1,"result":[]}"#, Shape, Some(1)),
        ("error as a string", r#"{"jsonrpc":"2.0","id":1,"error":"no"}"#, Shape, Some(1)),
        ("error without a code", r#"{"jsonrpc":"2.0","id":1,"error":{"message":"no"}}"#, Shape, Some(1)),
        ("code as a string", r#"{"jsonrpc":"2.0","id":1,"error":{"code":"1"}}"#, Shape, Some(1)),
        ("code with a fraction", r#"{"jsonrpc":"2.0","id":1,"error":{"code":1.5}}"#, Shape, Some(1)),
    ] {
        let error = parse(text).map(|_| ()).expect_err(name);
        let found = match error.flaw() {
            Flaw::Json(error) => Class::Json(error.kind()),
            Flaw::Batch => Batch,
            Flaw::Shape(_) => Shape,
        };
        assert_eq!(found, class, "{name}: {error}");
        assert_eq!(error.id(), id.map(Id::from).as_ref(), "{name}: {error}");
    }
}

#[test]
fn bytes_that_are_not_text_are_refused() {
    for bytes in [&b"\xff"[..], b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xc3\"}", b"\xff\xfe{\0}\0"] {
        let error = Message::parse(Bytes::copy_from_slice(bytes)).unwrap_err();
        assert!(matches!(error.flaw(), Flaw::Json(_)), "{error}");
    }
}

/// Which of the two is meant nobody can tell, in an object of any size.
#[test]
fn a_key_that_comes_twice_is_found_in_large_objects_too() {
    let many: String = (0..1_000).map(|n| format!(r#","x{n}":{n}"#)).collect();
    let twice = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"a"{many},"m\u0065thod":"b"}}"#);
    assert!(matches!(parse(&twice).unwrap_err().flaw(), Flaw::Json(_)));
}

#[test]
fn errors_quote_nothing_of_the_message() {
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"method":"s3cret","s3cret":1,"s3cret":2}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"s3cret","params":["s3cret"]}"#,
        r#"{"jsonrpc":"s3cret"}"#,
        r#"["s3cret"]"#,
    ] {
        let error = parse(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}

#[test]
fn kinds() {
    for (text, kind) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#, Kind::Request),
        (r#"{"method":"m","id":"","jsonrpc":"2.0","params":{}}"#, Kind::Request),
        (r#"{"jsonrpc":"2.0","method":"m"}"#, Kind::Notification),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, Kind::Result),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":""}}"#, Kind::Error),
        (r#"{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":""}}"#, Kind::Error),
        (r#"{"jsonrpc":"2.0","error":{"code":-1,"message":""}}"#, Kind::Error),
    ] {
        let message = message(text);
        assert_eq!(message.kind(), kind, "{text}");
        assert_eq!(message.is_answer(), matches!(kind, Kind::Result | Kind::Error));
        assert_reads_back(&message);
    }
}

#[test]
fn ids_are_echoed_as_they_were_meant() {
    for (written, id, echo) in [
        ("0", Id::from(0), "0"),
        ("-7", Id::from(-7), "-7"),
        ("9223372036854775807", Id::from(i64::MAX), "9223372036854775807"),
        ("-9223372036854775808", Id::from(i64::MIN), "-9223372036854775808"),
        (r#""""#, Id::from(""), r#""""#),
        (r#""7""#, Id::from("7"), r#""7""#),
        (r#""listen:0""#, Id::from("listen:0"), r#""listen:0""#),
        (r#""a\"\\\n\u0001""#, Id::from("a\"\\\n\u{1}"), r#""a\"\\\n\u0001""#),
        (r#""\u0061\/""#, Id::from("a/"), r#""a/""#),
        (r#""\ud83d\ude00""#, Id::from("😀"), r#""😀""#),
    ] {
        let request = message(&format!(r#"{{"jsonrpc":"2.0","id":{written},"method":"m"}}"#));
        assert_eq!(request.id(), Some(&id), "{written}");
        assert_eq!(id.to_json(), echo);
        let answer = Message::from_error(request.id(), -1, "no", None);
        assert_eq!(message(std::str::from_utf8(answer.text()).unwrap()).id(), Some(&id), "{written}");
    }
}

#[test]
fn the_accessors_decode_what_is_escaped() {
    let text = r#"{"jsonrpc":"2.0","id":1,"m\u0065thod":"tools\/call","params":{"n\u0061me":"a\u0062\n",
        "\u005fmeta":{"io.modelcontextprotocol\/protocolVersion":"2026\u002d07-28",
        "io.modelcontextprotocol/client\u0043apabilities":{ "x":1 }},"argument\u0073":[1, 2]}}"#;
    let message = message(text);
    assert_eq!(message.method(), Some("tools/call"));
    assert_eq!(message.name(), Some("ab\n"));
    assert_eq!(message.protocol_version(), Some("2026-07-28"));
    assert_eq!(message.client_capabilities(), Some(&br#"{ "x":1 }"#[..]));
    assert_eq!(message.arguments(), Some(&b"[1, 2]"[..]));
    for (part, slice) in [
        (Part::Params, message.params()),
        (Part::Arguments, message.arguments()),
        (Part::Meta, message.meta()),
        (Part::Result, None),
        (Part::Error, None),
    ] {
        assert_eq!(message.range_of(part).map(|range| &message.text()[range]), slice, "{part:?}");
    }
    assert_eq!(&message.text()[message.content()], message.params().unwrap());
}

#[test]
fn resources_are_named_by_their_uri() {
    let text = |method: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"name":"n","uri":"u"}}}}"#)
    };
    for (method, name) in [
        ("resources/read", "u"),
        ("resources/subscribe", "u"),
        ("tools/call", "n"),
        ("prompts/get", "n"),
        ("x-vendor/thing", "n"),
        ("resources", "n"),
    ] {
        let mut message = message(&text(method));
        assert_eq!(message.name(), Some(name), "{method}");
        message.set_name("new");
        assert_eq!(message.name(), Some("new"), "{method}");
        assert_reads_back(&message);
    }

    let mut last =
        message(r#"{"jsonrpc":"2.0","id":1,"params":{"name":"n","uri":"u"},"method":"resources/read"}"#);
    last.set_name("a name that moves the method");
    assert_eq!(last.name(), Some("a name that moves the method"));
    assert_reads_back(&last);
}

#[test]
fn members_of_the_wrong_type_count_as_absent() {
    let message = message(
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["a"],"uri":1,
        "_meta":{"io.modelcontextprotocol/protocolVersion":1,"io.modelcontextprotocol/clientCapabilities":[]}}}"#,
    );
    assert_eq!(message.name(), None);
    assert_eq!(message.protocol_version(), None);
    assert_eq!(message.client_capabilities(), None);
    assert_eq!(self::message(r#"{"jsonrpc":"2.0","method":"m","params":{"_meta":[]}}"#).meta(), None);
}

/// A tool decides what stands in its result. None of that may be taken for a part of the envelope.
#[test]
fn what_a_result_holds_is_not_taken_for_a_name_or_a_code() {
    let result = message(
        r#"{"jsonrpc":"2.0","id":1,"result":{"name":"n","uri":"u","arguments":{},"code":-32601,"_meta":{"a":1}}}"#,
    );
    assert_eq!(result.error_code(), None);
    assert_eq!(result.name(), None);
    assert_eq!(result.arguments(), None);
    assert_eq!(result.meta(), Some(&br#"{"a":1}"#[..]));

    let request = message(r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"code":-32601}}"#);
    assert_eq!(request.error_code(), None);

    let error =
        message(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"","name":"n","arguments":{}}}"#);
    assert_eq!((error.error_code(), error.name(), error.arguments()), (Some(-32601), None, None));
}

#[test]
fn a_new_name_leaves_every_other_byte_as_it_was() {
    let plain = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"a":1},"name":"NAME","arguments":{"n":1.0},"x":[ ]},"future":null}"#;
    for (old, new) in [
        ("up_echo", "echo"),
        ("echo", "a_much_longer_name"),
        ("", "x"),
        ("x", ""),
        (r"a\nb", "plain"),
        ("plain", "a\nb\"\\"),
        (r"\u0061", "\u{1}"),
        ("größe", "größer"),
        ("same", "same"),
    ] {
        let mut message = message(&plain.replace("NAME", old));
        message.set_name(new);
        assert_eq!(message.name(), Some(new));
        let wanted = plain.replace("\"NAME\"", &json::quote(new));
        assert_eq!(message.text(), &wanted, "{old:?} -> {new:?}");
        assert_reads_back(&message);
        // And once more, from places that have been moved.
        message.set_name("again");
        assert_eq!(message.text(), &plain.replace("NAME", "again"));
        assert_reads_back(&message);
    }

    let mut nameless = message(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#);
    let before = nameless.text().clone();
    nameless.set_name("x");
    assert_eq!(nameless.text(), &before);
    assert_eq!(nameless.name(), None);
}

#[test]
fn what_is_built_reads_back() {
    let params = fragment(
        r#" { "name" : "a\u0062", "uri":"u", "_meta":{"io.modelcontextprotocol/protocolVersion":"v"}, "arguments":{} } "#,
    );
    for id in [Id::from(0), Id::from("a\"\n")] {
        for method in ["tools/call", "resources/read", "a\"\\b", ""] {
            let request = Message::from_request(&id, method, &params);
            assert_eq!(
                (request.kind(), request.id(), request.method()),
                (Kind::Request, Some(&id), Some(method))
            );
            assert_reads_back(&request);
            let notification = Message::from_notification(method, &params);
            assert_eq!(notification.kind(), Kind::Notification);
            assert_reads_back(&notification);
        }
        let result = Message::from_result(&id, &params);
        assert_eq!(result.result(), Some(&params.text()[..]));
        assert_reads_back(&result);
        for data in [None, Some(&params)] {
            let error = Message::from_error(Some(&id), -32_000, "say \"no\"\n", data);
            assert_eq!(error.error_code(), Some(-32_000));
            assert_reads_back(&error);
        }
    }
    let nobodys = Message::from_error(None, 1, "", None);
    assert_eq!(nobodys.id(), None);
    assert_reads_back(&nobodys);
}

#[test]
fn a_fragment_fits_into_every_message() {
    let deepest = |levels: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    let fragment = fragment(&deepest(json::MAX_DEPTH - 3));
    assert_reads_back(&Message::from_error(Some(&Id::from(1)), 1, "", Some(&fragment)));
    assert_reads_back(&Message::from_result(&Id::from(1), &fragment));
    for text in [&deepest(json::MAX_DEPTH - 2), "[]", "1", "", "{}{}", r#"{"a":1,"\u0061":2}"#, "{} x"] {
        assert!(Fragment::parse(text.to_owned()).is_err(), "{text}");
    }
}

#[test]
fn a_rewrite_keeps_kind_method_and_id() {
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#;
    for (name, changed, fine) in [
        ("the content", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"b"}}"#, true),
        ("the spelling", r#"{ "method":"tools\/call", "id":1, "jsonrpc":"2.0" }"#, true),
        ("the id", r#"{"jsonrpc":"2.0","id":2,"method":"tools/call"}"#, false),
        ("the type of the id", r#"{"jsonrpc":"2.0","id":"1","method":"tools/call"}"#, false),
        ("the method", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, false),
        ("request to notification", r#"{"jsonrpc":"2.0","method":"tools/call"}"#, false),
        ("request to result", r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, false),
        (
            "sense to nonsense",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"a":1,"a":2}}"#,
            false,
        ),
    ] {
        let mut message = message(text);
        let rewritten = message.rewrite(Bytes::from(changed));
        assert_eq!(rewritten.is_ok(), fine, "{name}");
        assert_eq!(message.text(), if fine { changed } else { text }, "{name}");
        assert_reads_back(&message);
    }
}

#[test]
fn debug_shows_no_content() {
    let text =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"s3cret","_meta":{"k":"s3cret"}}}"#;
    let shown = format!("{:?} {:?}", message(text), fragment(r#"{"k":"s3cret"}"#));
    assert!(shown.contains("tools/call") && !shown.contains("s3cret"), "{shown}");
}

#[test]
fn an_id_can_be_replaced_wherever_it_stands() {
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"id":7}}}"#,
        r#"{ "params" : {"uri":"a:b","_meta":{}}, "method":"resources/read", "id" : "\u0061b" , "jsonrpc":"2.0" }"#,
        r#"{"id":"x","result":{"id":3,"resultType":"input_required","_meta":{"a":1}},"jsonrpc":"2.0"}"#,
        r#"{"error":{"code":-1,"message":"m"},"jsonrpc":"2.0","id":0}"#,
    ] {
        for new in [Id::from(0), Id::from(-12_345), Id::from("listen:0"), Id::from("\"quoted\"")] {
            let mut changed = message(text);
            changed.set_id(&new);
            assert_eq!(changed.id(), Some(&new), "{text}");
            assert_reads_back(&changed);
            changed.set_name("n");
            changed.set_id(&Id::from("again"));
            assert_reads_back(&changed);
            assert_eq!(changed.kind(), message(text).kind());
        }
    }
    for text in [
        r#"{"jsonrpc":"2.0","method":"m"}"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}"#,
    ] {
        let mut nameless = message(text);
        nameless.set_id(&Id::from(1));
        assert_eq!(nameless.text(), text);
    }
    for mut built in [
        Message::from_request(&Id::from("a"), "m", &Fragment::empty()),
        Message::from_result(&Id::from("a"), &fragment(r#"{"resultType":"complete"}"#)),
        Message::from_error(Some(&Id::from("a")), -1, "m", None),
    ] {
        assert_reads_back(&built);
        built.set_id(&Id::from(77));
        assert_reads_back(&built);
    }
}

#[test]
fn only_a_result_has_a_type() {
    for (text, expected) in [
        (r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete"}}"#, Some("complete")),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"input\u005frequired"}}"#, Some("input_required")),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":1}}"#, None),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"structuredContent":{"resultType":"task"}}}"#, None),
        (r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"resultType":"task"}}"#, None),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"","resultType":"task"}}"#, None),
    ] {
        assert_eq!(message(text).result_type(), expected, "{text}");
    }
}
