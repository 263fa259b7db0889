use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::canonical;

fn form(text: &str) -> Vec<u8> {
    canonical::of(text.as_bytes()).unwrap()
}

#[test]
fn the_order_of_members_and_the_spelling_of_strings_do_not_count() {
    for (one, other) in [
        (r#"{"a":1,"b":[2,{"c":3,"d":4}]}"#, r#" { "b" : [ 2 , {"d":4,"c":3} ] , "\u0061":1 }"#),
        (r#"{"b":{"b":{"b":0,"a":1},"a":2},"a":3}"#, r#"{"a":3,"b":{"a":2,"b":{"a":1,"b":0}}}"#),
        (r#""\u00e9\/""#, r#""é/""#),
        ("{}", " { } "),
    ] {
        assert_eq!(form(one), form(other), "{one}");
    }
}

#[test]
fn all_else_counts() {
    let all = [
        "{}",
        "[]",
        "null",
        "true",
        "false",
        "0",
        "1",
        "1.0",
        "1e0",
        "-0",
        r#""""#,
        r#""1""#,
        r#""null""#,
        "[1]",
        "[1,2]",
        "[2,1]",
        "[12]",
        "[[1],2]",
        "[[1,2]]",
        "[1,[2]]",
        r#"["1","2"]"#,
        r#"["1s2"]"#,
        r#"{"a":1}"#,
        r#"{"a":"1"}"#,
        r#"{"b":1}"#,
        r#"{"a":{}}"#,
        r#"{"a":[]}"#,
        r#"{"a":1,"b":2}"#,
        r#"{"a":2,"b":1}"#,
        r#"{"a":{"b":2}}"#,
        r#"{"a":{},"b":2}"#,
        r#"["a",1]"#,
        r#"[{"a":1},{"b":2}]"#,
        r#"[{"b":2},{"a":1}]"#,
    ];
    for (at, one) in all.iter().enumerate() {
        for other in all.iter().skip(at + 1) {
            assert_ne!(form(one), form(other), "{one} {other}");
        }
    }
}

#[test]
fn a_deep_document_takes_no_more_room_than_a_flat_one() {
    let deep = format!("{}0{}", r#"{"b":"#.repeat(127), r#","a":1}"#.repeat(127));
    assert!(form(&deep).len() < 8 * deep.len());
}

/// Values whose objects have their members in the order of their names.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        ".{0,4}".prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 64, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-c]{0,2}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// The same value with the members of each object the other way around.
fn reversed(value: &Value) -> String {
    match value {
        Value::Array(elements) => {
            format!("[{}]", elements.iter().map(reversed).collect::<Vec<_>>().join(" , "))
        }
        Value::Object(members) => {
            let members =
                members.iter().rev().map(|(key, value)| format!("{}: {}", json!(key), reversed(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(" ,"))
        }
        scalar => scalar.to_string(),
    }
}

proptest! {
    #[test]
    fn equal_values_and_no_others_have_one_form(one in values(), other in values()) {
        prop_assert_eq!(form(&one.to_string()), form(&reversed(&one)));
        prop_assert_eq!(form(&one.to_string()) == form(&other.to_string()), one == other);
    }
}
