use super::super::ErrorKind;
use super::*;

fn pairs(doc: &[u8]) -> Result<Vec<(String, &[u8])>, Error> {
    members(doc)
        .map(|member| member.map(|member| (member.key().decode().into_owned(), member.value())))
        .collect()
}

#[test]
fn lists_members() {
    let found = pairs(br#" {"a" : 1 , "\u0062":{"c":[]}, "d":"e"} "#).unwrap();
    assert_eq!(
        found,
        [("a".to_owned(), &b"1"[..]), ("b".to_owned(), br#"{"c":[]}"#), ("d".to_owned(), b"\"e\"")]
    );
    assert_eq!(pairs(b"{}").unwrap(), []);
}

#[test]
fn lists_elements() {
    let doc = br#"[1 , "a", [[]], {"b":[]}, null]"#;
    let found: Vec<_> = elements(doc).map(|element| element.unwrap()).collect();
    let values: Vec<_> = found.iter().map(Element::value).collect();
    assert_eq!(values, [&b"1"[..], b"\"a\"", b"[[]]", br#"{"b":[]}"#, b"null"]);
    assert!(found.iter().all(|element| &doc[element.range()] == element.value()));
    assert_eq!(elements(b" [ ] ").count(), 0);
}

#[test]
fn ranges_count_from_the_start_of_the_document() {
    let doc = br#"{"a":{"b":[1,22]}}"#;
    let member = members_within(doc, 5..17).next().unwrap().unwrap();
    assert_eq!((member.range(), &doc[member.key().range()]), (10..16, &b"b"[..]));
    let element = elements_within(doc, member.range()).nth(1).unwrap().unwrap();
    assert_eq!(element.range(), 13..15);
}

#[test]
fn ends_after_an_error() {
    for doc in [&br#"{"a":1,"a":2}"#[..], b"{\"a\":1", b"{\"a\":1}x", b"{\"a\":}", b"", b"{", b"\xFF"] {
        let mut members = members(doc);
        assert!(members.by_ref().take(5).any(|member| member.is_err()));
        assert!(members.next().is_none());
    }
    for doc in [&b"[1"[..], b"[1,]", b"[1]x", b"[{\"a\":1,\"a\":2}]", b"", b"[", b"\xFF"] {
        let mut elements = elements(doc);
        assert!(elements.by_ref().take(5).any(|element| element.is_err()));
        assert!(elements.next().is_none());
    }
}

#[test]
fn refuses_other_kinds_of_values() {
    for doc in [&b" []"[..], b" 1", b" \"{}\"", b" null"] {
        let error = members(doc).next().unwrap().unwrap_err();
        assert_eq!((error.kind(), error.offset()), (ErrorKind::Unexpected, 1));
    }
    assert_eq!(elements(b"{}").next().unwrap().unwrap_err().kind(), ErrorKind::Unexpected);
}

#[test]
fn finds_a_member_by_its_path() {
    let doc = br#"{"a":{"x":0,"\u0062":{"c":1}},"b":[{"c":2}],"c":3}"#;
    let at = |path: &[&str]| find(doc, path).unwrap().map(|range| std::str::from_utf8(&doc[range]).unwrap());
    assert_eq!(at(&["a", "b", "c"]), Some("1"));
    assert_eq!(at(&["a", "b"]), Some(r#"{"c":1}"#));
    assert_eq!(at(&["c"]), Some("3"));
    assert_eq!(at(&["b", "c"]), None);
    assert_eq!(at(&["c", "d"]), None);
    assert_eq!(at(&["a", "c"]), None);
    assert_eq!(at(&[]).map(str::len), Some(doc.len()));
}

#[test]
fn reads_on_after_the_member_was_found() {
    for doc in [&br#"{"a":1,"\u0061":2}"#[..], br#"{"a":1"#, br#"{"a":1}}"#, br#"{"a":1,"b":{"c":1,"c":1}}"#]
    {
        assert!(find(doc, &["a"]).is_err());
    }
}
