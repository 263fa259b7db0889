use super::*;

fn assert_send_sync<T: Send + Sync>() {}

#[test]
fn types_cross_threads() {
    assert_send_sync::<Splice<'static>>();
    assert_send_sync::<SpliceError>();
}

#[test]
fn changes_nothing_but_the_ranges() {
    let mut splice = Splice::new(b"0123456789");
    assert!(splice.is_empty());
    splice.replace(8..10, "end").remove(2..4).insert(0, "<").insert(10, ">").insert(5, "five");
    assert!(!splice.is_empty());
    assert_eq!(splice.finish().unwrap(), "<014five567end>");
    assert_eq!(Splice::new(b"same").finish().unwrap(), "same");
    assert_eq!(Splice::new(b"").insert(0, "x").finish().unwrap(), "x");
}

#[test]
fn edits_may_touch() {
    let mut splice = Splice::new(b"abcd");
    splice.replace(2..4, "Y").insert(2, "2").replace(0..2, "X").insert(2, "3");
    assert_eq!(splice.finish().unwrap(), "X23Y");
}

#[test]
fn escapes_text() {
    let mut splice = Splice::new(br#"["a"]"#);
    splice.replace_text(2..3, "\"\\\n\u{0}é");
    assert_eq!(splice.finish().unwrap(), r#"["\"\\\n\u0000é"]"#);
}

#[test]
fn refuses_ranges_that_make_no_sense() {
    let doc = "aé€bc".as_bytes();
    let finish = |edits: &[Range<usize>]| {
        let mut splice = Splice::new(doc);
        for range in edits {
            splice.replace(range.clone(), "x");
        }
        splice.finish().unwrap_err()
    };
    #[expect(clippy::reversed_empty_ranges, reason = "this is the mistake to refuse")]
    let reversed = 3..1;
    for range in [0..9, 9..9, usize::MAX..usize::MAX, reversed] {
        assert!(finish(std::slice::from_ref(&range)).is_out_of_bounds(), "{range:?}");
    }
    for edits in [[0..3, 1..6], [0..3, 0..3], [0..6, 1..3], [0..6, 1..1], [1..3, 0..6]] {
        assert!(finish(&edits).is_overlap(), "{edits:?}");
    }
    for range in [0..2, 2..3, 1..4, 4..4, 5..6] {
        let error = finish(std::slice::from_ref(&range));
        assert_eq!(error.range(), &range);
        assert_eq!(error.to_string(), format!("the range {}..{} cuts a character", range.start, range.end));
    }
}

#[test]
fn adds_members() {
    for (doc, expected) in [
        ("{}", r#"{"a":1,"b\n":2}"#),
        ("{ \n}", "{ \n\"a\":1,\"b\\n\":2}"),
        (r#"{"x":{}}"#, r#"{"x":{},"a":1,"b\n":2}"#),
        (r#"{"x":0 }"#, r#"{"x":0 ,"a":1,"b\n":2}"#),
    ] {
        let mut splice = Splice::new(doc.as_bytes());
        splice.insert_member(0..doc.len(), "a", "1").insert_member(0..doc.len(), "b\n", "2");
        let changed = splice.finish().unwrap();
        assert_eq!(changed, expected);
        assert_eq!(super::super::check(&changed), Ok(()));
    }
}

#[test]
fn adds_members_to_several_objects() {
    let doc = br#"[{},{},{"x":0}]"#;
    let mut splice = Splice::new(doc);
    splice.insert_member(7..14, "c", "3").insert_member(4..6, "b", "2").insert_member(1..3, "a", "1");
    assert_eq!(splice.finish().unwrap(), r#"[{"a":1},{"b":2},{"x":0,"c":3}]"#);
}

#[test]
fn refuses_to_add_members_to_something_else() {
    for range in [0..4, 0..5, 1..4, 2..3, 3..3, 0..9] {
        let mut splice = Splice::new(b"[{} ]");
        splice.insert_member(range.clone(), "a", "1");
        assert!(!splice.is_empty());
        assert_eq!(
            splice.finish().unwrap_err().to_string(),
            format!("the range {}..{} is not an object", range.start, range.end)
        );
    }
}

#[test]
fn the_output_is_allocated_once() {
    let mut splice = Splice::new(br#"{"a":{}}"#);
    splice.insert_member(5..7, "b", "1").insert_member(5..7, "c", "1").replace(1..4, "\"long\"");
    let bytes = Vec::from(splice.finish().unwrap());
    assert_eq!(bytes.len(), bytes.capacity());
}
