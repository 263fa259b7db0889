use super::super::{Reader, Token};
use super::*;

fn text(literal: &str) -> Text<'_> {
    match Reader::new(literal.as_bytes()).unwrap().next().unwrap() {
        Some(Token::String(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn decodes() {
    for (literal, decoded) in [
        (r#""""#, ""),
        (r#""plain é 😀""#, "plain é 😀"),
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r#""a\u0000b""#, "a\0b"),
        (r#""\u00e9\u20AC\ud83d\uDE00""#, "é€😀"),
        (r#""\ud7ff\ue000\uffff""#, "\u{d7ff}\u{e000}\u{ffff}"),
        (r#""\udbff\udfff\ud800\udc00""#, "\u{10ffff}\u{10000}"),
        (r#""\\u0041""#, "\\u0041"),
    ] {
        let text = text(literal);
        assert_eq!(text.decode(), decoded, "{literal}");
        assert_eq!(text.decode_in(&mut "left over".to_owned()), decoded, "{literal}");
        assert!(text == *decoded && text == decoded, "{literal}");
        assert_eq!(text.raw(), &literal[1..literal.len() - 1]);
        assert_eq!(text.range(), 1..literal.len() - 1);
        assert_eq!(text.has_escapes(), literal.contains('\\'));
        assert_eq!(matches!(text.decode(), Cow::Borrowed(_)), !text.has_escapes());
    }
}

#[test]
fn differs() {
    for (literal, other) in [
        (r#""a""#, ""),
        (r#""a""#, "ab"),
        (r#""\n""#, ""),
        (r#""\n""#, "n"),
        (r#""\n""#, "\\n"),
        (r#""\n""#, "\n\n"),
        (r#""a\u0062c""#, "ab"),
        (r#""a\u0062""#, "abc"),
    ] {
        assert!(text(literal) != *other, "{literal} {other}");
    }
}

#[test]
fn maps_decoded_ranges_to_the_source() {
    // decoded: a \n b é 😀 c, source: a at 1, \n at 2, b at 4, é at 5, the pair at 7, c at 19
    let text = text(r#""a\nbé\ud83d\ude00c""#);
    for (decoded, source) in [
        (0..0, Some(1..1)),
        (0..1, Some(1..2)),
        (1..2, Some(2..4)),
        (0..3, Some(1..5)),
        (3..5, Some(5..7)),
        (3..4, None),
        (4..5, None),
        (5..9, Some(7..19)),
        (5..7, None),
        (6..9, None),
        (9..10, Some(19..20)),
        (10..10, Some(20..20)),
        (0..10, Some(1..20)),
        (0..11, None),
        (11..12, None),
    ] {
        assert_eq!(text.source_range(decoded.clone()), source, "{decoded:?}");
    }
    #[expect(clippy::reversed_empty_ranges, reason = "this is the mistake to refuse")]
    let reversed = 2..1;
    assert_eq!(text.source_range(reversed), None);
}

#[test]
fn a_source_map_can_go_back() {
    let text = text(r#""\n\n\n\n""#);
    let mut map = text.source_map();
    assert_eq!(map.range(2..4), Some(5..9));
    assert_eq!(map.range(0..1), Some(1..3));
    assert_eq!(map.range(9..9), None);
    assert_eq!(map.range(3..4), Some(7..9));
}
