//! Literals against a reading byte by byte: what is refused, why, and where exactly.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::error::Reason;
use super::super::{Error, Reader, Token};

/// Reads the literal whose inside starts at `at`: its end, behind the quote.
///
/// Written with nothing but the grammar in mind (RFC 8259, section 7).
fn reference(doc: &[u8], mut at: usize) -> Result<usize, Error> {
    let unit = |at: usize| {
        let digits = doc.get(at + 2..at + 6).filter(|_| doc[at..].starts_with(br"\u"))?;
        digits
            .iter()
            .all(u8::is_ascii_hexdigit)
            .then(|| u32::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap())
    };
    loop {
        match doc.get(at) {
            None => return Err(Error::new(Reason::EndOfDocument, at)),
            Some(b'"') => return Ok(at + 1),
            Some(0..0x20) => return Err(Error::new(Reason::ControlCharacter, at)),
            Some(b'\\') => match doc.get(at + 1) {
                None => return Err(Error::new(Reason::EndOfDocument, at + 1)),
                Some(b'u') => match (unit(at), doc.get(at + 6..).and_then(|_| unit(at + 6))) {
                    (None, _) => return Err(Error::new(Reason::Escape, at)),
                    (Some(0xD800..0xDC00), Some(0xDC00..0xE000)) => at += 12,
                    (Some(0xD800..0xE000), _) => return Err(Error::new(Reason::LoneSurrogate, at)),
                    _ => at += 6,
                },
                Some(letter) if b"\"\\/bfnrt".contains(letter) => at += 2,
                Some(_) => return Err(Error::new(Reason::Escape, at)),
            },
            Some(_) => at += 1,
        }
    }
}

/// Compares the readings of `["`, `inside` and what follows.
fn agree(inside: &str, after: &str) -> Result<(), TestCaseError> {
    let doc = format!("[\"{inside}{after}");
    let mut reader = Reader::new(doc.as_bytes()).unwrap();
    reader.next().unwrap();
    let ours = match reader.next() {
        Ok(Some(Token::String(text))) => {
            let raw = &doc[2..reader.position() - 1];
            prop_assert_eq!(text.raw(), raw);
            prop_assert_eq!(text.has_escapes(), raw.contains('\\'));
            prop_assert_eq!(
                text.decode(),
                serde_json::from_str::<String>(&doc[1..reader.position()]).unwrap()
            );
            Ok(reader.position())
        }
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    };
    prop_assert_eq!(ours, reference(doc.as_bytes(), 2), "{}", doc);
    Ok(())
}

/// A part of a literal: sound for the most part, so that the reading gets far.
fn sound() -> impl Strategy<Value = String> {
    prop_oneof![
        40 => prop::sample::select(vec![r"\n", r"\t", r#"\""#, r"\\", r"\r"]).prop_map(str::to_owned),
        4 => prop::sample::select(vec![r"\/", r"\b", r"\f", r"\u00e9", r"\ud83d\ude00"]).prop_map(str::to_owned),
        8 => (1..8_usize).prop_map(|pairs| r"\\".repeat(pairs)),
        30 => "[a-zA-Z/€é]{1,20}",
        4 => ("[nu/€]", 1..300_usize).prop_map(|(text, count)| text.repeat(count)),
    ]
}

fn unsound() -> impl Strategy<Value = String> {
    let mistakes =
        [r"\x", r"\N", r"\ud83d", r"\ude00", r"\u12", r"\uD83D\n", "\\\n", "\\\u{e9}", "\\\0", "\n", "\0"];
    prop_oneof![
        prop::sample::select(mistakes.to_vec()).prop_map(str::to_owned),
        (1..12_usize).prop_map(|count| "\\".repeat(count)),
        prop::char::range('\0', '\u{7f}').prop_map(|character| character.to_string()),
        any::<char>().prop_map(|character| format!("\\{character}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2048) })]

    #[test]
    fn literals_with_many_escapes(
        before in vec(sound(), 0..60),
        wrong in prop::option::of(unsound()),
        after in vec(sound(), 0..20),
        end in prop::sample::select(vec!["", "\"", "\"]", "\",\"a\\nb\\nc\\nd\\ne\"]"]),
    ) {
        agree(&[before.concat(), wrong.unwrap_or_default(), after.concat()].concat(), end)?;
    }

    #[test]
    fn literals_of_noise(inside in "[\\\\\\\\\\\\nu\"/a0€\u{1f}]{0,200}") {
        agree(&inside, "\"]")?;
    }

    /// A mistake (or the end) at every distance from the start, through all borders of blocks.
    #[test]
    fn literals_with_one_mistake(filler in sound(), length in 0..600_usize, wrong in unsound(), tail in 0..200_usize) {
        let before: String = std::iter::repeat_n(&*filler, length / filler.len()).collect();
        agree(&format!("{before}{wrong}{}", "n".repeat(tail)), "\"]")?;
    }
}
