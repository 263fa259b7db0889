use super::super::{Error, ErrorKind, check};
use super::*;

use ErrorKind::{DuplicateKey, NotUnicode, Syntax, TooDeep, Unexpected};

fn assert_send_sync<T: Send + Sync + 'static>() {}

#[test]
fn types_cross_threads() {
    assert_send_sync::<Reader<'static>>();
    assert_send_sync::<Token<'static>>();
    assert_send_sync::<Error>();
    assert_send_sync::<super::super::FromSliceError>();
    assert_send_sync::<super::super::Members<'static>>();
    assert_send_sync::<super::super::Splice<'static>>();
    assert_send_sync::<super::super::Walker<'static>>();
}

#[test]
fn accepts() {
    let deepest = format!("{}{}", "[".repeat(128), "]".repeat(128));
    let table: &[(&str, &[u8])] = &[
        ("scalar null", b"null"),
        ("scalar true", b"true"),
        ("scalar false", b"false"),
        ("scalar string", b"\"\""),
        ("scalar number", b"0"),
        ("all whitespace", b" \t\r\n[ \t\r\n1 \t\r\n, \t\r\n2 \t\r\n] \t\r\n"),
        ("whitespace in object", b" { \"a\" \n:\t1 , \"b\" : 2 } "),
        ("empty containers", b"[[],{}]"),
        ("minus zero", b"-0"),
        ("all parts of a number", b"-12.034E+056"),
        ("exponent without sign", b"1e0"),
        ("number too large for a double", b"1e999999"),
        ("number with many digits", b"123456789012345678901234567890.123456789"),
        ("escaped NUL", br#""\u0000""#),
        ("all short escapes", br#""\"\\\/\b\f\n\r\t""#),
        ("surrogate pair", br#""\uD83D\uDE00""#),
        ("surrogate pair in lower case", br#""\ud83d\ude00""#),
        ("DEL needs no escape", b"\"\x7F\""),
        ("U+2028 needs no escape", "\"\u{2028}\"".as_bytes()),
        ("noncharacter", "\"\u{FFFF}\"".as_bytes()),
        ("byte order mark inside a string", "\"\u{FEFF}\"".as_bytes()),
        ("same name in two objects", br#"[{"a":1},{"a":1}]"#),
        ("same name in inner and outer", br#"{"a":{"a":{"a":1}},"b":{"a":1}}"#),
        ("names that differ late", br#"{"aaaaaaaaaaaaaaaaaaaa1":1,"aaaaaaaaaaaaaaaaaaaa2":2}"#),
        ("names that differ in length", b"{\"\":1,\"\\u0000\":2,\"\\u0000\\u0000\":3}"),
        ("names that differ in case", br#"{"a":1,"A":2}"#),
        ("names that differ in normal form", "{\"\u{e9}\":1,\"e\u{301}\":2}".as_bytes()),
        ("empty name", br#"{"":1}"#),
        ("depth 128", deepest.as_bytes()),
    ];
    for (name, doc) in table {
        assert_eq!(check(doc), Ok(()), "{name}");
    }
}

#[test]
fn refuses() {
    let too_deep = format!("{}{}", "[".repeat(129), "]".repeat(129));
    let too_deep_objects = format!("{}1{}", r#"{"a":"#.repeat(129), "}".repeat(129));
    let table: &[(&str, &[u8], ErrorKind, usize)] = &[
        ("nothing", b"", Syntax, 0),
        ("only whitespace", b"  ", Syntax, 2),
        ("byte order mark", b"\xEF\xBB\xBF{}", Syntax, 0),
        ("other whitespace", b"\x0C1", Syntax, 0),
        ("no-break space", b"\xC2\xA01", Syntax, 0),
        ("two documents", b"1 2", Syntax, 2),
        ("trailing bracket", b"[]]", Syntax, 2),
        ("trailing comma after document", b"1,", Syntax, 1),
        ("NUL after document", b"1\0", Syntax, 1),
        ("comment", b"/**/1", Syntax, 0),
        ("literal in capitals", b"True", Syntax, 0),
        ("true, truncated", b"tru", Syntax, 0),
        ("false, truncated", b"fals", Syntax, 0),
        ("null, truncated", b"nul", Syntax, 0),
        ("literal with a tail", b"nulll", Syntax, 4),
        ("NaN", b"NaN", Syntax, 0),
        ("Infinity", b"-Infinity", Syntax, 0),
        ("single quotes", b"'a'", Syntax, 0),
        ("leading zero", b"01", Syntax, 1),
        ("leading zero after minus", b"-01", Syntax, 2),
        ("leading plus", b"+1", Syntax, 0),
        ("minus only", b"-", Syntax, 0),
        ("minus and letter", b"-a", Syntax, 0),
        ("no digit before point", b".5", Syntax, 0),
        ("no digit after point", b"1.", Syntax, 0),
        ("point before exponent", b"1.e1", Syntax, 0),
        ("empty exponent", b"1e", Syntax, 0),
        ("exponent with sign only", b"1e+", Syntax, 0),
        ("exponent with point", b"1e1.5", Syntax, 3),
        ("hexadecimal", b"0x1", Syntax, 1),
        ("two points", b"1.2.3", Syntax, 3),
        ("digits of another script", "\u{661}".as_bytes(), Syntax, 0),
        ("array not closed", b"[1", Syntax, 2),
        ("array closed as object", b"[1}", Syntax, 2),
        ("array with trailing comma", b"[1,]", Syntax, 3),
        ("array with leading comma", b"[,1]", Syntax, 1),
        ("array with two commas", b"[1,,2]", Syntax, 3),
        ("array without comma", b"[1 2]", Syntax, 3),
        ("array with colon", b"[1:2]", Syntax, 2),
        ("object not closed", br#"{"a":1"#, Syntax, 6),
        ("object closed as array", br#"{"a":1]"#, Syntax, 6),
        ("object cut after key", br#"{"a""#, Syntax, 4),
        ("object cut after colon", br#"{"a":"#, Syntax, 5),
        ("object cut after comma", br#"{"a":1,"#, Syntax, 7),
        ("object with trailing comma", br#"{"a":1,}"#, Syntax, 7),
        ("object with leading comma", br#"{,"a":1}"#, Syntax, 1),
        ("object without colon", br#"{"a" 1}"#, Syntax, 5),
        ("object with two colons", br#"{"a"::1}"#, Syntax, 5),
        ("object without value", br#"{"a":}"#, Syntax, 5),
        ("object with number for a name", b"{1:1}", Syntax, 1),
        ("object with bare name", b"{a:1}", Syntax, 1),
        ("closing bracket only", b"]", Syntax, 0),
        ("closing brace only", b"}", Syntax, 0),
        ("string not closed", br#""abc"#, Syntax, 4),
        ("string cut in escape", br#""abc\"#, Syntax, 5),
        ("string cut in unicode escape", br#""\u00"#, Syntax, 1),
        ("escaped quote closes nothing", br#""\""#, Syntax, 3),
        ("unknown escape", br#""\x""#, Syntax, 1),
        ("escape in capitals", br#""\N""#, Syntax, 1),
        ("escaped control character", b"\"\\\n\"", Syntax, 1),
        ("unicode escape with sign", br#""\u+123""#, Syntax, 1),
        ("unicode escape with letter g", br#""\u12G4""#, Syntax, 1),
        ("raw NUL", b"\"\0\"", Syntax, 1),
        ("raw newline", b"\"a\nb\"", Syntax, 2),
        ("raw tab", b"\"\t\"", Syntax, 1),
        ("raw control character far in", b"\"0123456789012345678901234567890123456789\x1F\"", Syntax, 41),
        ("high surrogate alone", br#""\uD83D""#, NotUnicode, 1),
        ("low surrogate alone", br#""\uDE00""#, NotUnicode, 1),
        ("two high surrogates", br#""\uD83D\uD83D""#, NotUnicode, 1),
        ("surrogates in the wrong order", br#""\uDE00\uD83D""#, NotUnicode, 1),
        ("high surrogate and another escape", br#""\uD83D\n""#, NotUnicode, 1),
        ("high surrogate and a letter", br#""\uD83Dx""#, NotUnicode, 1),
        ("high surrogate and a cut escape", br#""\uD83D\uDE""#, NotUnicode, 1),
        ("low surrogate after a pair", br#""\uD83D\uDE00\uDE00""#, NotUnicode, 13),
        ("lone surrogate in a name", br#"{"\uD800":1}"#, NotUnicode, 2),
        ("raw surrogate", b"\"\xED\xA0\x80\"", NotUnicode, 1),
        ("overlong slash", b"\"\xC0\xAF\"", NotUnicode, 1),
        ("stray continuation", b"\"a\x80\"", NotUnicode, 2),
        ("cut character", b"\"\xE2\x82\"", NotUnicode, 1),
        ("beyond Unicode", b"\"\xF4\x90\x80\x80\"", NotUnicode, 1),
        ("Latin-1", b"\"caf\xE9\"", NotUnicode, 4),
        ("UTF-16", b"\xFF\xFE1\0", NotUnicode, 0),
        ("same name", br#"{"a":1,"a":2}"#, DuplicateKey, 7),
        ("same empty name", br#"{"":1,"":2}"#, DuplicateKey, 6),
        ("same name, escaped", br#"{"a":1,"\u0061":2}"#, DuplicateKey, 7),
        ("same name, escaped first", br#"{"\u0061":1,"a":2}"#, DuplicateKey, 12),
        ("same name, escaped twice", br#"{"\u002f":1,"\/":2}"#, DuplicateKey, 12),
        ("same name beyond the BMP", "{\"\u{1F600}\":1,\"\\ud83d\\ude00\":2}".as_bytes(), DuplicateKey, 10),
        ("same long name", br#"{"protocolVersion":1,"protocolVersion":2}"#, DuplicateKey, 21),
        ("same name, deep", br#"[{"x":[{"a":1,"b":{"a":1},"a":2}]}]"#, DuplicateKey, 26),
        ("same name after an inner object", br#"{"a":{"b":1,"c":{}},"a":1}"#, DuplicateKey, 20),
        ("depth 129", too_deep.as_bytes(), TooDeep, 128),
        ("depth 129 of objects", too_deep_objects.as_bytes(), TooDeep, 128 * 5),
    ];
    for (name, doc, kind, offset) in table {
        let error = check(doc).expect_err(name);
        assert_eq!((error.kind(), error.offset()), (*kind, *offset), "{name}: {error}");
        assert!(serde_json::from_slice::<serde_json::Value>(doc).is_err() || *kind == DuplicateKey, "{name}");
    }
}

#[test]
fn documents_have_32_bit_lengths() {
    assert_eq!(check_length(u32::MAX as usize - 1), Ok(()));
    let error = check_length(u32::MAX as usize).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (ErrorKind::TooLarge, u32::MAX as usize));
}

#[test]
fn depth_can_be_lowered_but_not_raised() {
    let read = |depth: usize, limit: usize| {
        let doc = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        Reader::new(doc.as_bytes()).unwrap().max_depth(limit).finish().map_err(|error| error.kind())
    };
    assert_eq!(read(3, 3), Ok(()));
    assert_eq!(read(4, 3), Err(TooDeep));
    assert_eq!(read(128, usize::MAX), Ok(()));
    assert_eq!(read(129, usize::MAX), Err(TooDeep));
    assert_eq!(Reader::new(b"1").unwrap().max_depth(0).finish(), Ok(()));
}

#[test]
fn depth_counts_what_is_open() {
    let wide = format!("[{}1]", "[],{\"a\":[]},".repeat(1000));
    assert_eq!(Reader::new(wide.as_bytes()).unwrap().max_depth(3).finish(), Ok(()));
}

/// `count` members with names of this prefix, of which the last equals the one at `twin`.
fn wide(prefix: &str, count: usize, twin: Option<usize>) -> String {
    let name = |index: usize| format!(r#""{prefix}{index}":0"#);
    let mut members: Vec<_> = (0..count).map(name).collect();
    members.extend(twin.map(|twin| format!(r#""{}\u{:04x}{}":0"#, &prefix[1..], 'x' as u32, twin)));
    format!("{{{}}}", members.join(","))
}

#[test]
fn duplicates_are_found_in_objects_of_any_size() {
    for count in [1, 2, 15, 16, 17, 18, 100, 1000] {
        for prefix in ["x", "xx", "xxxxxxxxxxxxxxxxxxxxxxxx"] {
            assert_eq!(check(wide(prefix, count, None).as_bytes()), Ok(()), "{count} {prefix}");
            for twin in [0, count / 2, count - 1] {
                // An escape in the middle of the last name.
                let doc = wide(prefix, count, Some(twin));
                let error = check(doc.as_bytes()).unwrap_err();
                let offset = doc.rfind(",\"").unwrap() + 1;
                assert_eq!((error.kind(), error.offset()), (DuplicateKey, offset), "{count} {prefix} {twin}");
            }
        }
    }
}

/// Not a measurement: with a quadratic check this would take minutes.
#[test]
fn hostile_objects_take_no_quadratic_time() {
    let long = "x".repeat(100);
    for prefix in ["x", long.as_str()] {
        assert_eq!(check(wide(prefix, 200_000, None).as_bytes()), Ok(()));
        assert!(check(wide(prefix, 200_000, Some(77)).as_bytes()).is_err());
    }
    let escaped: Vec<_> = (0..200_000).map(|index| format!(r#""\u0061{index}":0"#)).collect();
    assert_eq!(check(format!("{{{}}}", escaped.join(",")).as_bytes()), Ok(()));
}

#[test]
fn tokens_have_ranges() {
    let doc = br#" {"a" : [1, "x\n"], "b":null} "#;
    let mut reader = Reader::new(doc).unwrap();
    let mut seen = Vec::new();
    while reader.next().unwrap().is_some() {
        seen.push(std::str::from_utf8(&doc[reader.token_range()]).unwrap());
        assert_eq!(reader.position(), reader.token_range().end);
    }
    assert_eq!(seen, ["{", "\"a\"", "[", "1", "\"x\\n\"", "]", "\"b\"", "null", "}"]);
}

#[test]
fn skip_covers_one_value() {
    let doc = br#"{"a": {"b": [1, {}]} , "c": -1e5, "d": "\"", "e": [] }"#;
    let mut reader = Reader::new(doc).unwrap();
    let mut seen = Vec::new();
    while let Some(token) = reader.next().unwrap() {
        if let Token::Key(_) = token {
            reader.skip().unwrap();
            seen.push(std::str::from_utf8(&doc[reader.token_range()]).unwrap());
        }
    }
    assert_eq!(seen, [r#"{"b": [1, {}]}"#, "-1e5", r#""\"""#, "[]"]);

    let mut reader = Reader::new(b" [1] ").unwrap();
    reader.skip().unwrap();
    assert_eq!(reader.token_range(), 1..4);
    assert!(reader.next().unwrap().is_none());
}

#[test]
fn skip_checks_what_it_skips() {
    for doc in [&br#"{"a":{"b":1,"b":2}}"#[..], br#"{"a":[01]}"#, br#"{"a":"\ud800"}"#] {
        let mut reader = Reader::new(doc).unwrap();
        reader.next().unwrap();
        reader.next().unwrap();
        let error = reader.skip().unwrap_err();
        // And the reader stays where it failed.
        assert_eq!(reader.next().unwrap_err(), error);
        assert_eq!(reader.skip().unwrap_err(), error);
        assert_eq!(reader.finish().unwrap_err(), error);
    }
}

#[test]
fn skip_needs_a_value() {
    let steps = |doc: &'static [u8], steps: usize| {
        let mut reader = Reader::new(doc).unwrap();
        for _ in 0..steps {
            reader.next().unwrap();
        }
        reader.skip().map_err(|error| error.kind())
    };
    assert_eq!(steps(b"{\"a\":1}", 1), Err(Unexpected));
    assert_eq!(steps(b"{\"a\":1}", 2), Ok(()));
    assert_eq!(steps(b"{\"a\":1}", 3), Err(Unexpected));
    assert_eq!(steps(b"[1]", 1), Ok(()));
    assert_eq!(steps(b"[1]", 2), Err(Unexpected));
    assert_eq!(steps(b"[]", 1), Err(Unexpected));
    assert_eq!(steps(b"1", 1), Err(Unexpected));
}

#[test]
fn leave_reads_to_the_closing_bracket() {
    let doc = br#"[[1, [2], {"a": 3}], 4]"#;
    let mut reader = Reader::new(doc).unwrap();
    reader.next().unwrap();
    reader.next().unwrap();
    assert_eq!(reader.depth(), 2);
    reader.leave().unwrap();
    assert_eq!((reader.depth(), reader.position()), (1, 19));
    assert!(matches!(reader.next(), Ok(Some(Token::Number("4")))));
    reader.leave().unwrap();
    reader.leave().unwrap();
    assert!(matches!(reader.next(), Ok(None)));
}

#[test]
fn a_part_of_a_document_is_read_in_place() {
    let doc = b"\xFF\xFF {\"a\": \"b\"} \xFF";
    let mut reader = Reader::within(doc, 2..14).unwrap();
    reader.next().unwrap();
    let Some(Token::Key(key)) = reader.next().unwrap() else { panic!("no key") };
    assert_eq!(&doc[key.range()], b"a");
    assert_eq!(&doc[reader.token_range()], b"\"a\"");
    reader.finish().unwrap();

    let error = |range| Reader::within(doc, range).and_then(|mut reader| reader.finish()).unwrap_err();
    assert_eq!((error(0..14).kind(), error(0..14).offset()), (NotUnicode, 0));
    assert_eq!((error(3..12).kind(), error(3..12).offset()), (Syntax, 12));
    assert_eq!((error(4..13).kind(), error(4..13).offset()), (Syntax, 7));
    assert_eq!(error(3..99).kind(), Unexpected);
    assert_eq!(error(99..100).kind(), Unexpected);
    #[expect(clippy::reversed_empty_ranges, reason = "this is the mistake to refuse")]
    let reversed = error(3..2);
    assert_eq!(reversed.kind(), Unexpected);
}
