//! Properties: the engine against `serde_json`, and against models that are too simple to be wrong.

use std::fmt;
use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::*;

mod literals;

/// A document as `serde_json` reads it, in order, refusing members of the same name.
#[derive(Clone, Debug, PartialEq)]
enum Model {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    String(String),
    Array(Vec<Model>),
    Object(Vec<(String, Model)>),
}

impl<'de> Deserialize<'de> for Model {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Build;
        impl<'de> Visitor<'de> for Build {
            type Value = Model;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_unit<E>(self) -> Result<Model, E> {
                Ok(Model::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Model, E> {
                Ok(Model::Bool(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Model, E> {
                Ok(Model::Number(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Model, E> {
                Ok(Model::Number(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Model, E> {
                Ok(Model::Number(serde_json::Number::from_f64(value).unwrap()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Model, E> {
                Ok(Model::String(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Model, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = access.next_element()? {
                    elements.push(element);
                }
                Ok(Model::Array(elements))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Model, A::Error> {
                let mut members: Vec<(String, Model)> = Vec::new();
                while let Some((name, value)) = access.next_entry()? {
                    if members.iter().any(|(other, _)| *other == name) {
                        return Err(A::Error::custom("twice"));
                    }
                    members.push((name, value));
                }
                Ok(Model::Object(members))
            }
        }
        deserializer.deserialize_any(Build)
    }
}

/// The same document as [`Reader`] reads it.
fn read(doc: &[u8]) -> Result<Model, Error> {
    let mut reader = Reader::new(doc)?;
    let token = reader.next()?.unwrap();
    let model = build(&mut reader, token)?;
    assert!(reader.next()?.is_none());
    Ok(model)
}

fn build(reader: &mut Reader<'_>, token: Token<'_>) -> Result<Model, Error> {
    Ok(match token {
        Token::Null => Model::Null,
        Token::Bool(value) => Model::Bool(value),
        Token::Number(number) => Model::Number(serde_json::from_str(number).unwrap()),
        Token::String(text) => Model::String(text.decode().into_owned()),
        Token::BeginArray => {
            let mut elements = Vec::new();
            loop {
                match reader.next()?.unwrap() {
                    Token::EndArray => break Model::Array(elements),
                    token => elements.push(build(reader, token)?),
                }
            }
        }
        Token::BeginObject => {
            let mut members = Vec::new();
            while let Token::Key(key) = reader.next()?.unwrap() {
                let token = reader.next()?.unwrap();
                members.push((key.decode().into_owned(), build(reader, token)?));
            }
            Model::Object(members)
        }
        Token::Key(_) | Token::EndArray | Token::EndObject => unreachable!("{token:?}"),
    })
}

/// The strings of a model, as [`Walker`] gives them.
fn strings(model: &Model, path: &str, all: &mut Vec<(String, String, bool)>) {
    match model {
        Model::String(text) => all.push((path.to_owned(), text.clone(), false)),
        Model::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                strings(element, &format!("{path}/{index}"), all);
            }
        }
        Model::Object(members) => {
            for (name, value) in members {
                let path = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
                all.push((path.clone(), name.clone(), true));
                strings(value, &path, all);
            }
        }
        Model::Null | Model::Bool(_) | Model::Number(_) => {}
    }
}

/// One character, and a way to write it inside a literal.
fn written() -> impl Strategy<Value = (char, String)> {
    let character = prop_oneof![
        8 => prop::char::range('a', 'e'),
        2 => prop::sample::select(vec!['"', '\\', '/', '~', '\n', '\0', '\u{1f}', '\u{7f}', 'é', '€', '😀']),
        1 => any::<char>(),
    ];
    (character, any::<bool>()).prop_map(|(character, escape)| {
        let mut units = [0; 2];
        let written = match escape {
            true => character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
            false => quote(&character.to_string()).trim_matches('"').to_owned(),
        };
        // The quote itself was trimmed away.
        (character, if written == "\\" { "\\\"".to_owned() } else { written })
    })
}

fn literal(length: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = String> {
    vec(written(), length)
        .prop_map(|all| format!("\"{}\"", all.iter().map(|(_, text)| text.as_str()).collect::<String>()))
}

/// Text that is JSON but for members of the same name, with whitespace in all places.
fn document() -> impl Strategy<Value = String> {
    let number = "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?";
    let scalar = prop_oneof![
        prop::sample::select(vec!["null", "true", "false"]).prop_map(str::to_owned),
        number.prop_map(|number: String| number),
        literal(0..90),
    ];
    let space = || "[ \t\r\n]{0,2}";
    scalar.prop_recursive(6, 80, 24, move |value| {
        let element = (space(), value.clone(), space()).prop_map(|(a, value, b)| format!("{a}{value}{b}"));
        let member = (space(), literal(0..3), space(), element.clone())
            .prop_map(|(a, name, b, value)| format!("{a}{name}{b}:{value}"));
        prop_oneof![
            vec(element, 0..5).prop_map(|all| format!("[{}]", all.join(","))),
            vec(member, 0..24).prop_map(|all| format!("{{{}}}", all.join(","))),
        ]
    })
}

/// A document with some bytes added, lost or changed.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![prop::sample::select(br#"{}[]:,"\u0dDe-+.tfn 1"#.to_vec()), any::<u8>(),];
    let change = (any::<prop::sample::Index>(), 0..3_u8, byte);
    (document(), vec(change, 1..4)).prop_map(|(document, changes)| {
        let mut bytes = document.into_bytes();
        for (index, kind, byte) in changes {
            let at = index.index(bytes.len() + 1);
            match kind {
                0 => bytes.insert(at, byte),
                _ if at == bytes.len() => {}
                1 => bytes[at] = byte,
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    })
}

/// Whether both read the same, or both refuse.
fn agree(doc: &[u8]) -> Result<(), TestCaseError> {
    let theirs = serde_json::from_slice::<Model>(doc);
    if let Err(error) = &theirs
        && error.to_string().starts_with("number out of range")
    {
        // Not a matter of grammar: it wants a double.
        return Ok(());
    }
    match (check(doc), theirs) {
        (Ok(()), Ok(theirs)) => prop_assert_eq!(read(doc).unwrap(), theirs),
        (Err(ours), Err(_)) => {
            prop_assert!(ours.offset() <= doc.len());
            prop_assert_eq!(
                Walker::new(doc).and_then(|mut walker| {
                    while walker.next()?.is_some() {}
                    Ok(())
                }),
                Err(ours)
            );
        }
        (ours, theirs) => prop_assert!(false, "{ours:?}, but {theirs:?}"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn reads_as_serde_json(doc in document()) {
        agree(doc.as_bytes())?;
    }

    #[test]
    fn refuses_as_serde_json(doc in damaged()) {
        agree(&doc)?;
    }

    #[test]
    fn never_panics(doc in vec(any::<u8>(), 0..64)) {
        agree(&doc)?;
    }

    #[test]
    fn scans_strings_of_any_length(before in 0..150_usize, byte in any::<u8>(), after in 0..150_usize) {
        let mut doc = vec![b'"'];
        doc.extend(std::iter::repeat_n(b'!', before));
        doc.push(byte);
        doc.extend(std::iter::repeat_n(b']', after));
        doc.push(b'"');
        agree(&doc)?;
    }

    #[test]
    fn walks_every_string(doc in document()) {
        if let Ok(model) = read(doc.as_bytes()) {
            let mut expected = Vec::new();
            strings(&model, "", &mut expected);
            let mut walker = Walker::new(doc.as_bytes()).unwrap().with_keys();
            let mut found = Vec::new();
            while let Some(string) = walker.next().unwrap() {
                prop_assert_eq!(&doc[string.range()], string.text().raw());
                found.push((string.path().to_string(), string.decode().into_owned(), string.is_key()));
            }
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn finds_every_member(doc in document()) {
        if let Ok(Model::Object(expected)) = read(doc.as_bytes()) {
            for (name, value) in &expected {
                let range = find(doc.as_bytes(), &[name]).unwrap().unwrap();
                prop_assert_eq!(&read(&doc.as_bytes()[range]).unwrap(), value);
            }
            prop_assert_eq!(members(doc.as_bytes()).count(), expected.len());
        }
    }

    #[test]
    fn maps_decoded_ranges_back(all in vec(written(), 0..30), from in 0..40_usize, to in 0..40_usize) {
        let raw = format!("  \"{}\"", all.iter().map(|(_, text)| text.as_str()).collect::<String>());
        let decoded: String = all.iter().map(|(character, _)| character).collect();
        // Where each character starts: decoded, and in the source.
        let mut bounds = vec![(0, 3)];
        for (character, text) in &all {
            let (decoded, source) = *bounds.last().unwrap();
            bounds.push((decoded + character.len_utf8(), source + text.len()));
        }
        let bound = |at| bounds.iter().find(|(decoded, _)| *decoded == at).map(|(_, source)| *source);
        let expected = match (bound(from), bound(to)) {
            (Some(from), Some(to)) if from <= to => Some(from..to),
            _ => None,
        };
        let Some(Token::String(text)) = Reader::new(raw.as_bytes()).unwrap().next().unwrap() else {
            panic!("not a string")
        };
        prop_assert_eq!(text.source_range(from..to), expected.clone());
        prop_assert_eq!(text.decode(), decoded.as_str());
        prop_assert!(text == *decoded);
        if let Some(range) = expected {
            let mut splice = Splice::new(raw.as_bytes());
            splice.replace_text(range, "[\"]");
            let redacted: String = serde_json::from_slice(&splice.finish().unwrap()).unwrap();
            prop_assert_eq!(redacted, format!("{}[\"]{}", &decoded[..from], &decoded[to..]));
        }
    }

    #[test]
    fn quotes_as_serde_json_reads(text in any::<String>()) {
        prop_assert_eq!(serde_json::from_str::<String>(&quote(&text)).unwrap(), text);
    }

    #[test]
    fn splices_as_a_string_would(
        doc in "[a-cé😀]{0,12}",
        edits in vec((0..20_usize, 0..20_usize, "[x-z]{0,3}"), 0..4),
    ) {
        let mut splice = Splice::new(doc.as_bytes());
        for (start, end, with) in &edits {
            splice.replace(*start..*end, with.as_str());
        }
        let ranges: Vec<Range<usize>> = edits.iter().map(|(start, end, _)| *start..*end).collect();
        let sound = ranges.iter().all(|range| doc.get(range.clone()).is_some());
        let apart = |a: &Range<usize>, b: &Range<usize>| a.end <= b.start || b.end <= a.start;
        let disjoint = (0..ranges.len()).all(|i| (0..i).all(|j| apart(&ranges[i], &ranges[j])));
        match splice.finish() {
            Ok(changed) => {
                prop_assert!(sound && disjoint);
                let mut ordered = edits.clone();
                ordered.sort_by_key(|(start, end, _)| (*start, *end));
                let mut expected = doc;
                for (start, end, with) in ordered.iter().rev() {
                    expected.replace_range(*start..*end, with);
                }
                prop_assert_eq!(changed, expected);
            }
            Err(_) => prop_assert!(!(sound && disjoint)),
        }
    }
}
